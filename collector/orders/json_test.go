package orders_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestBadOrdersAreRefusedWithAPointer(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	line := func(field, value string) string {
		return usualOrder("lines", "["+object([]string{"id", `"1"`, "ticket_type", `"x"`, "quantity", "1", "unit_price", "100"}, []string{field, value})+"]")
	}
	id := func(text string) string { return usualOrder("id", text) }
	for name, c := range map[string]struct {
		body    string
		code    int
		pointer string
	}{
		// No JSON.
		"empty":                      {"", 400, ""},
		"text":                       {"order", 400, ""},
		"form":                       {"id=A-1&event=gala", 400, ""},
		"cut off":                    {usualOrder()[:40], 400, "/ordered_at"},
		"trailing data":              {usualOrder() + "x", 400, ""},
		"two documents":              {usualOrder() + usualOrder(), 400, ""},
		"trailing comma":             {strings.TrimSuffix(usualOrder(), "}") + ",}", 400, ""},
		"byte order mark":            {"\ufeff" + usualOrder(), 400, ""},
		"UTF-16":                     {"\xfe\xff\x00{\x00}", 400, ""},
		"invalid UTF-8":              {id("\"\xff\""), 400, ""},
		"half a surrogate":           {id(`"\ud83d"`), 400, "/id"},
		"a surrogate and no other":   {id(`"\ud83d\u0041"`), 400, "/id"},
		"bad escape":                 {id(`"\x41"`), 400, "/id"},
		"raw newline in a string":    {id("\"a\nb\""), 400, "/id"},
		"single quotes":              {id(`'A'`), 400, "/id"},
		"comment":                    {"/* */" + usualOrder(), 400, ""},
		"duplicate name":             {usualOrder("id", `"A","id":"B"`), 400, "/id"},
		"duplicate name, escaped":    {usualOrder("id", `"A","\u0069d":"B"`), 400, "/id"},
		"duplicate name in a line":   {line("quantity", `1,"quantity":2`), 400, "/lines/0/quantity"},
		"depth of 10,000 arrays":     {strings.Repeat("[", 10_000), 400, "/0/0/0/0/0/0/0/0"},
		"depth of 10,000 objects":    {strings.Repeat(`{"a":`, 10_000), 400, "/a/a/a/a/a/a/a/a"},
		"a thousand names":           {"{" + names(1000) + "}", 400, "/n32"},
		"leading zero":               {line("quantity", "01"), 400, "/lines/0/quantity"},
		"plus sign":                  {line("quantity", "+1"), 400, "/lines/0/quantity"},
		"hexadecimal":                {line("quantity", "0x1"), 400, "/lines/0"},
		"a point and nothing":        {line("quantity", "1."), 400, "/lines/0/quantity"},
		"an exponent of nothing":     {line("quantity", "1e"), 400, "/lines/0/quantity"},
		"a key with slash and tilde": {`{"a/b~c":}`, 400, "/a~1b~0c"},
		// Not an order.
		"null":              {"null", 422, ""},
		"array":             {"[]", 422, ""},
		"number":            {"12", 422, ""},
		"unknown field":     {usualOrder("colour", `"red"`), 422, "/colour"},
		"unknown of a line": {line("colour", `"red"`), 422, "/lines/0/colour"},
		"other case":        {usualOrder("Currency", `"EUR"`), 422, "/Currency"},
		// Ids.
		"no id":                    {id(""), 422, "/id"},
		"null id":                  {id("null"), 422, "/id"},
		"number as id":             {id("1"), 422, "/id"},
		"empty id":                 {id(`""`), 422, "/id"},
		"id of 300 characters":     {id(`"` + strings.Repeat("x", 300) + `"`), 422, "/id"},
		"id of 129 bytes":          {id(`"` + strings.Repeat("x", 129) + `"`), 422, "/id"},
		"id with a newline":        {id(`"A\n1"`), 422, "/id"},
		"id with a NUL":            {id(`"A\u0000"`), 422, "/id"},
		"id with a C1 control":     {id(`"A\u0085"`), 422, "/id"},
		"id with a line separator": {id(`"A\u2028"`), 422, "/id"},
		"no event":                 {usualOrder("event", ""), 422, "/event"},
		"unknown event":            {usualOrder("event", `"nothing"`), 422, "/event"},
		"event as a number":        {usualOrder("event", "11"), 422, "/event"},
		"no line id":               {line("id", ""), 422, "/lines/0/id"},
		"two lines of one id":      {usualOrder("lines", `[{"id":"1","ticket_type":"x","quantity":1,"unit_price":1},{"id":"1","ticket_type":"y","quantity":1,"unit_price":1}]`), 422, "/lines/1/id"},
		"ticket type with a tab":   {line("ticket_type", `"a\tb"`), 422, "/lines/0/ticket_type"},
		"ticket type of 257 bytes": {line("ticket_type", `"`+strings.Repeat("x", 257)+`"`), 422, "/lines/0/ticket_type"},
		"click id as a number":     {usualOrder("click_id", "1"), 422, "/click_id"},
		"test as a string":         {usualOrder("test", `"true"`), 422, "/test"},
		"unknown state":            {usualOrder("state", `"refunded"`), 422, "/state"},
		"version 0":                {usualOrder("version", "0"), 422, "/version"},
		"version of 32 bits":       {usualOrder("version", "2147483648"), 422, "/version"},
		"version of 1.5":           {usualOrder("version", "1.5"), 422, "/version"},
		"no lines":                 {usualOrder("lines", ""), 422, "/lines"},
		"empty lines":              {usualOrder("lines", "[]"), 422, "/lines"},
		"lines as an object":       {usualOrder("lines", "{}"), 422, "/lines"},
		"a line that is a text":    {usualOrder("lines", `["1"]`), 422, "/lines/0"},
		"501 lines":                {many(501), 422, "/lines"},
		// Money.
		"negative amount":            {line("unit_price", "-1"), 422, "/lines/0/unit_price"},
		"NaN":                        {line("unit_price", "NaN"), 422, "/lines/0/unit_price"},
		"infinite":                   {line("unit_price", "-Infinity"), 422, "/lines/0/unit_price"},
		"1e309":                      {line("unit_price", "1e309"), 422, "/lines/0/unit_price"},
		"1e2":                        {line("unit_price", "1e2"), 422, "/lines/0/unit_price"},
		"12.345":                     {line("unit_price", "12.345"), 422, "/lines/0/unit_price"},
		"12.0":                       {line("unit_price", "12.0"), 422, "/lines/0/unit_price"},
		"amount as a string":         {line("unit_price", `"4550"`), 422, "/lines/0/unit_price"},
		"amount above the bound":     {line("unit_price", "10000000001"), 422, "/lines/0/unit_price"},
		"amount of 30 digits":        {line("unit_price", strings.Repeat("9", 30)), 422, "/lines/0/unit_price"},
		"a total above the bound":    {usualOrder("lines", `[{"id":"1","ticket_type":"x","quantity":1000000,"unit_price":10000000000},{"id":"2","ticket_type":"x","quantity":1,"unit_price":1}]`), 422, "/lines"},
		"no amount":                  {line("unit_price", ""), 422, "/lines/0/unit_price"},
		"no currency":                {usualOrder("currency", ""), 422, "/currency"},
		"unknown currency":           {usualOrder("currency", `"ABC"`), 422, "/currency"},
		"currency in lower case":     {usualOrder("currency", `"eur"`), 422, "/currency"},
		"a metal":                    {usualOrder("currency", `"XAU"`), 422, "/currency"},
		"no tickets":                 {line("quantity", "0"), 422, "/lines/0/quantity"},
		"minus one ticket":           {line("quantity", "-1"), 422, "/lines/0/quantity"},
		"a thousand million tickets": {line("quantity", "1000000000"), 422, "/lines/0/quantity"},
		// Times.
		"no time":               {usualOrder("ordered_at", ""), 422, "/ordered_at"},
		"time without zone":     {usualOrder("ordered_at", `"2026-11-22T12:00:00"`), 422, "/ordered_at"},
		"date":                  {usualOrder("ordered_at", `"2026-11-22"`), 422, "/ordered_at"},
		"seconds since 1970":    {usualOrder("ordered_at", "1795348800"), 422, "/ordered_at"},
		"before 2000":           {usualOrder("ordered_at", `"1999-12-31T23:59:59Z"`), 422, "/ordered_at"},
		"the year 1970":         {usualOrder("ordered_at", `"1970-01-01T00:00:00Z"`), 422, "/ordered_at"},
		"a 31st of November":    {usualOrder("ordered_at", `"2026-11-31T12:00:00Z"`), 422, "/ordered_at"},
		"an hour of one digit":  {usualOrder("ordered_at", `"2026-11-22T1:00:00Z"`), 422, "/ordered_at"},
		"a comma in the second": {usualOrder("ordered_at", `"2026-11-22T12:00:00,5Z"`), 422, "/ordered_at"},
		"a zone of 25 hours":    {usualOrder("ordered_at", `"2026-11-22T12:00:00+25:00"`), 422, "/ordered_at"},
	} {
		a := w.post("/v1/orders", c.body)
		if a.Code != c.code || a.Pointer != c.pointer || a.Status != float64(c.code) || a.Detail == "" {
			t.Errorf("%s: %d %s\nwant %d at %q", name, a.Code, a.Text, c.code, c.pointer)
		}
	}
	if got := w.stored(); len(got) != 0 {
		t.Errorf("the journal has %v", got)
	}
	if w.metric("refused_total", "reason=malformed") == 0 || w.metric("refused_total", "reason=invalid") == 0 {
		t.Error("refusals aren't counted")
	}
	w.want(201, "/v1/orders", many(500))
}

// many is an order of n lines.
func many(n int) string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"id":"%d","ticket_type":"x","quantity":1,"unit_price":1}`, i)
	}
	return usualOrder("lines", "["+strings.Join(lines, ",")+"]")
}

func names(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"n%d":1`, i)
	}
	return strings.Join(parts, ",")
}

func TestBadRefundsAreRefusedWithAPointer(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	line := func(field, value string) string {
		return usualRefund("lines", "["+object([]string{"line_id", `"1"`, "quantity", "1", "amount", "100"}, []string{field, value})+"]")
	}
	for name, c := range map[string]struct{ body, pointer string }{
		"no id":               {usualRefund("id", ""), "/id"},
		"no order":            {usualRefund("order_id", ""), "/order_id"},
		"order id empty":      {usualRefund("order_id", `""`), "/order_id"},
		"no time":             {usualRefund("refunded_at", ""), "/refunded_at"},
		"no zone":             {usualRefund("refunded_at", `"2026-11-22T12:00:00"`), "/refunded_at"},
		"before 2000":         {usualRefund("refunded_at", `"1999-01-01T00:00:00Z"`), "/refunded_at"},
		"no currency":         {usualRefund("currency", ""), "/currency"},
		"reason with a line":  {usualRefund("reason", `"a\nb"`), "/reason"},
		"empty lines":         {usualRefund("lines", "[]"), "/lines"},
		"no line id":          {line("line_id", ""), "/lines/0/line_id"},
		"no tickets":          {line("quantity", "0"), "/lines/0/quantity"},
		"negative amount":     {line("amount", "-1"), "/lines/0/amount"},
		"amount of a half":    {line("amount", "0.5"), "/lines/0/amount"},
		"amount above":        {line("amount", "10000000000000001"), "/lines/0/amount"},
		"an order's field":    {usualRefund("event", `"gala"`), "/event"},
		"two lines of one id": {usualRefund("lines", `[{"line_id":"1","quantity":1,"amount":1},{"line_id":"1","quantity":1,"amount":1}]`), "/lines/1/line_id"},
	} {
		if a := w.post("/v1/refunds", c.body); a.Code != 422 || a.Pointer != c.pointer {
			t.Errorf("%s: %d %s, want 422 at %q", name, a.Code, a.Text, c.pointer)
		}
	}
	if got := w.stored(); len(got) != 0 {
		t.Errorf("the journal has %v", got)
	}
}
