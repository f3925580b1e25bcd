package imports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/order"
)

// Columns of a file of orders: a row for each line of an order, with the
// order's own columns on each of them. Rows of one version of an order stand
// together.
const (
	orderID = iota
	orderEvent
	orderedAt
	orderCurrency
	orderState
	orderVersion
	orderClickID
	orderAffiliate
	orderCoupon
	orderVisitor
	orderTest
	lineID
	lineTicketType
	lineQuantity
	lineUnitPrice
)

// OrderColumns are those of a file of orders.
func OrderColumns() []Column {
	return []Column{
		{"order_id", true},
		{"event", true},
		{"ordered_at", true},
		{"currency", true},
		{"state", false},
		{"version", false},
		{"click_id", false},
		{"affiliate", false},
		{"coupon", false},
		{"visitor", false},
		{"test", false},
		{"line_id", true},
		{"ticket_type", false},
		{"quantity", true},
		{"unit_price", true},
	}
}

// Columns of a file of refunds, likewise. A refund of a whole order is one row
// without line_id, quantity and amount.
const (
	refundID = iota
	refundOrder
	refundedAt
	refundCurrency
	refundReason
	refundLine
	refundQuantity
	refundAmount
)

// RefundColumns are those of a file of refunds.
func RefundColumns() []Column {
	return []Column{
		{"refund_id", true},
		{"order_id", true},
		{"refunded_at", true},
		{"currency", true},
		{"reason", false},
		{"line_id", false},
		{"quantity", false},
		{"amount", false},
	}
}

// Document is a version of an order, or a refund, as docs/orders.md has it, and
// the rows that it was made of. Two of one ID and Version must be the same.
type Document struct {
	JSON    []byte // without a line break
	ID      string
	Version int64
	Line    int64 // of the first row

	rows []places
}

// places are where the cells of a row stand.
type places struct {
	line  int64
	lines []int64 // by column; nil where no cell of the row begins on another line
}

// shape is how rows become documents.
type shape struct {
	columns []Column
	id      int
	keys    []int          // columns that tell two documents apart
	own     int            // columns before this one are the document's, the others its line's
	fields  map[string]int // column by the field's name in JSON, of the document
	inLine  map[string]int // of a line
	json    func(zone *time.Location, rows []*Row) ([]byte, *Fault)

	versions bool
}

func orderShape() *shape {
	return &shape{
		columns: OrderColumns(), id: orderID, keys: []int{orderID, orderState, orderVersion}, own: lineID,
		fields: map[string]int{
			"id": orderID, "event": orderEvent, "ordered_at": orderedAt, "currency": orderCurrency, "state": orderState,
			"version": orderVersion, "click_id": orderClickID, "affiliate": orderAffiliate, "coupon": orderCoupon,
			"visitor": orderVisitor, "test": orderTest, "lines": lineID,
		},
		inLine: map[string]int{"id": lineID, "ticket_type": lineTicketType, "quantity": lineQuantity, "unit_price": lineUnitPrice},
		json:   orderJSON, versions: true,
	}
}

func refundShape() *shape {
	return &shape{
		columns: RefundColumns(), id: refundID, keys: []int{refundID}, own: refundLine,
		fields: map[string]int{
			"id": refundID, "order_id": refundOrder, "refunded_at": refundedAt, "currency": refundCurrency,
			"reason": refundReason, "lines": refundLine,
		},
		inLine: map[string]int{"line_id": refundLine, "quantity": refundQuantity, "amount": refundAmount},
		json:   refundJSON,
	}
}

// Documents gives the orders or refunds of a file one after the other.
type Documents struct {
	reader *Reader
	shape  *shape
	zone   *time.Location
	ahead  *Row  // the first row of the next document
	end    error // what the last document ended with
	// Rows counts those read.
	Rows int64
}

// Orders reads a file of orders. zone is that of times without one; nil refuses
// them. The error is a *Fault of the header, or the file's.
func Orders(file io.Reader, zone *time.Location) (*Documents, error) {
	return documents(file, zone, orderShape())
}

// Refunds reads a file of refunds, as Orders.
func Refunds(file io.Reader, zone *time.Location) (*Documents, error) {
	return documents(file, zone, refundShape())
}

func documents(file io.Reader, zone *time.Location, s *shape) (*Documents, error) {
	reader, err := NewReader(file, s.columns)
	if err != nil {
		return nil, err
	}
	return &Documents{reader: reader, shape: s, zone: zone}, nil
}

// Next gives the next document. The error is io.EOF, a *Fault, or the file's.
// After a Fault that isn't the last the next one can be read.
func (d *Documents) Next() (*Document, error) {
	rows, err := d.gather()
	if err != nil {
		return nil, err
	}
	text, fault := d.shape.json(d.zone, rows)
	if fault != nil {
		return nil, fault
	}
	doc := &Document{JSON: text, ID: rows[0].Text(d.shape.id), Version: 1, Line: rows[0].Line}
	if d.shape.versions {
		doc.Version = versionOf(rows[0])
	}
	for _, row := range rows {
		doc.rows = append(doc.rows, row.places())
	}
	return doc, nil
}

// versionOf is the version that a collector gives an order.
func versionOf(row *Row) int64 {
	if n, err := Whole(row.Text(orderVersion)); err == nil {
		return n
	}
	state, ok := order.ParseState(row.Text(orderState))
	if !ok {
		state = order.Completed // what none is; the collector refuses others
	}
	return int64(state.DefaultVersion())
}

// gather reads the rows of one document. After a fault among them what is left of
// it is passed over, so that one mistake is one fault.
func (d *Documents) gather() ([]*Row, error) {
	first, err := d.read()
	if err != nil {
		return nil, err
	}
	rows := []*Row{first}
	var fault *Fault
	for {
		row, err := d.read()
		if err != nil {
			d.end = err // what ends this one is said next
			break
		}
		if !d.together(first, row) {
			d.ahead = row
			break
		}
		if fault == nil {
			fault = d.fits(rows, row)
		}
		if fault == nil {
			rows = append(rows, row)
		}
	}
	if fault != nil {
		return nil, fault
	}
	return rows, nil
}

// read gives a row that stays.
func (d *Documents) read() (*Row, error) {
	if row := d.ahead; row != nil {
		d.ahead = nil
		return row, nil
	}
	if err := d.end; err != nil {
		d.end = nil
		return nil, err
	}
	row, err := d.reader.Next()
	if err != nil {
		return nil, err
	}
	d.Rows++
	return row.clone(), nil
}

// together says whether two rows are of one document.
func (d *Documents) together(first, row *Row) bool {
	for _, column := range d.shape.keys {
		if first.Text(column) != row.Text(column) {
			return false
		}
	}
	return true
}

// fits refuses a row that says otherwise than the first one.
func (d *Documents) fits(rows []*Row, row *Row) *Fault {
	if len(rows) == 0 {
		return nil
	}
	for column := range d.shape.own {
		if was := rows[0].Text(column); was != row.Text(column) {
			return row.Fault(column, "%.64q is not %.64q as in line %d of the same %s", row.Text(column), was, rows[0].Line, d.shape.columns[d.shape.id].Name)
		}
	}
	if len(rows) == order.MaxLines {
		return row.Fault(d.shape.own, "%s has more than %d lines", rows[0].Text(d.shape.id), order.MaxLines)
	}
	return nil
}

// clone gives a row that outlives the next one.
func (r *Row) clone() *Row {
	return &Row{Line: r.Line, reader: r.reader, text: append([]string(nil), r.text...), lines: append([]int64(nil), r.lines...)}
}

func (r *Row) places() places {
	p := places{line: r.Line}
	for _, line := range r.lines {
		if line != r.Line {
			p.lines = r.lines
		}
	}
	return p
}

// Fault is what a collector found wrong with a document at a JSON pointer, in
// terms of the file.
func (d *Documents) Fault(doc *Document, pointer, detail string) *Fault {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	column, row := -1, 0
	if at, ok := d.shape.fields[parts[0]]; ok {
		column = at
	}
	if len(parts) > 1 {
		if n, err := strconv.Atoi(parts[1]); err == nil && n >= 0 && n < len(doc.rows) {
			row = n
		}
	}
	if len(parts) > 2 {
		if at, ok := d.shape.inLine[parts[2]]; ok {
			column = at
		}
	}
	at := doc.rows[row]
	if column < 0 {
		return &Fault{Line: at.line, Detail: detail}
	}
	place := Row{Line: at.line, reader: d.reader, lines: at.lines}
	if place.lines == nil {
		place.lines = make([]int64, d.reader.width)
		for i := range place.lines {
			place.lines[i] = at.line
		}
	}
	return place.Fault(column, "%s", detail)
}

// instant writes a time as the JSON has it.
func instant(row *Row, column int, zone *time.Location) (string, *Fault) {
	t, err := Time(row.Text(column), zone)
	if err != nil {
		return "", row.Fault(column, "%s", err)
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00"), nil
}

// number reads a whole number; an empty cell is refused.
func number(row *Row, column int) (int64, *Fault) {
	n, err := Whole(row.Text(column))
	if err != nil {
		return 0, row.Fault(column, "%s", err)
	}
	return n, nil
}

func money(row *Row, column, currency int, most int64) (int64, *Fault) {
	n, err := Money(row.Text(column), row.Text(currency), most)
	if err != nil {
		return 0, row.Fault(column, "%s", err)
	}
	return n, nil
}

// encode gives JSON that is the same bytes for the same document.
func encode(v any) ([]byte, *Fault) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, &Fault{Detail: fmt.Sprintf("it can't be written as JSON: %v", err)}
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

type jsonOrder struct {
	ID        string      `json:"id"`
	Event     string      `json:"event"`
	OrderedAt string      `json:"ordered_at"`
	Currency  string      `json:"currency"`
	State     string      `json:"state,omitempty"`
	Version   int64       `json:"version,omitempty"`
	ClickID   string      `json:"click_id,omitempty"`
	Affiliate string      `json:"affiliate,omitempty"`
	Coupon    string      `json:"coupon,omitempty"`
	Visitor   string      `json:"visitor,omitempty"`
	Test      bool        `json:"test,omitempty"`
	Lines     []orderLine `json:"lines"`
}

type orderLine struct {
	ID         string `json:"id"`
	TicketType string `json:"ticket_type"`
	Quantity   int64  `json:"quantity"`
	UnitPrice  int64  `json:"unit_price"`
}

func orderJSON(zone *time.Location, rows []*Row) ([]byte, *Fault) {
	first := rows[0]
	at, fault := instant(first, orderedAt, zone)
	if fault != nil {
		return nil, fault
	}
	o := jsonOrder{
		ID: first.Text(orderID), Event: first.Text(orderEvent), OrderedAt: at, Currency: first.Text(orderCurrency),
		State: first.Text(orderState), ClickID: first.Text(orderClickID), Affiliate: first.Text(orderAffiliate),
		Coupon: first.Text(orderCoupon), Visitor: first.Text(orderVisitor),
	}
	if first.Text(orderVersion) != "" {
		if o.Version, fault = number(first, orderVersion); fault != nil {
			return nil, fault
		}
		if o.Version == 0 {
			return nil, first.Fault(orderVersion, "versions are counted from 1")
		}
	}
	var err error
	if o.Test, err = Flag(first.Text(orderTest)); err != nil {
		return nil, first.Fault(orderTest, "%s", err)
	}
	for _, row := range rows {
		line := orderLine{ID: row.Text(lineID), TicketType: row.Text(lineTicketType)}
		if line.Quantity, fault = number(row, lineQuantity); fault != nil {
			return nil, fault
		}
		if line.UnitPrice, fault = money(row, lineUnitPrice, orderCurrency, order.MaxAmount); fault != nil {
			return nil, fault
		}
		o.Lines = append(o.Lines, line)
	}
	return encode(o)
}

type jsonRefund struct {
	ID         string       `json:"id"`
	OrderID    string       `json:"order_id"`
	RefundedAt string       `json:"refunded_at"`
	Currency   string       `json:"currency"`
	Reason     string       `json:"reason,omitempty"`
	Lines      []refundPart `json:"lines,omitempty"`
}

type refundPart struct {
	LineID   string `json:"line_id"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
}

func refundJSON(zone *time.Location, rows []*Row) ([]byte, *Fault) {
	first := rows[0]
	at, fault := instant(first, refundedAt, zone)
	if fault != nil {
		return nil, fault
	}
	r := jsonRefund{
		ID: first.Text(refundID), OrderID: first.Text(refundOrder), RefundedAt: at,
		Currency: first.Text(refundCurrency), Reason: first.Text(refundReason),
	}
	if len(rows) == 1 && first.Text(refundLine)+first.Text(refundQuantity)+first.Text(refundAmount) == "" {
		if _, err := Money("0", r.Currency, order.MaxTotal); err != nil {
			return nil, first.Fault(refundCurrency, "%s", err)
		}
		return encode(r)
	}
	for _, row := range rows {
		part := refundPart{LineID: row.Text(refundLine)}
		if part.Quantity, fault = number(row, refundQuantity); fault != nil {
			return nil, fault
		}
		if part.Amount, fault = money(row, refundAmount, refundCurrency, order.MaxTotal); fault != nil {
			return nil, fault
		}
		r.Lines = append(r.Lines, part)
	}
	return encode(r)
}
