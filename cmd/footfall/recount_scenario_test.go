package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/policy"
)

// recountScenario is one organizer with everything that happens to it. What it
// did to the catalog it writes down itself, for the recount.
type recountScenario struct {
	w            *recountWorld
	slug, secret string
	zone         *time.Location
	events       []*recountEvent
	affiliates   []*recountAffiliate
	codes        []*recountCode
	clicks       []recountClick
	orders       []*recountOrder
	refunds      []recountRefund
	cookies      []string
	coupons      []string
	versions     int // of the policy
	numbers      int

	Organizer map[string]any              `json:"organizer"`
	Catalog   map[string][]map[string]any `json:"catalog"` // dated facts, each with known_us
	Answers   []recountAnswer             `json:"answers"`
}

type recountEvent struct {
	id             int64
	slug, currency string
	end            time.Time
}

type recountAffiliate struct {
	id     int64
	email  string
	paused bool
	fixed  bool // its codes never change hands, so that it may be paused
}

type recountCode struct {
	id, owner int64
	event     *recountEvent // nil: common
	text      string
	texts     []string
	paused    bool
}

type recountClick struct {
	id    string
	event *recountEvent
}

type recountOrder struct {
	edge int
	body map[string]any
}

type recountRefund struct {
	edge int
	body map[string]any
}

type recountAnswer struct {
	Query map[string]string `json:"query"`

	Report any `json:"report"`
}

func oneOf[T any](w *recountWorld, list ...T) T { return list[w.IntN(len(list))] }

func (s *recountScenario) chance(percent int) bool { return s.w.IntN(100) < percent }

func (s *recountScenario) fact(table string, knownUS int64, fields map[string]any) {
	fields["known_us"] = knownUS
	s.Catalog[table] = append(s.Catalog[table], fields)
}

func (s *recountScenario) number() int { s.numbers++; return s.numbers }

// claimed later; nobody's for ever.
func recountUnknown() []string { return []string{"claimme", "Late-1", "nobody", "x.y_z"} }

// newRecountScenario sets an organizer up.
func newRecountScenario(ctx context.Context, w *recountWorld, n int) (*recountScenario, error) {
	s := &recountScenario{w: w, slug: fmt.Sprintf("org-%d", n), Catalog: map[string][]map[string]any{}}
	zone := oneOf(w, append([]string{"UTC"}, append(w.zones, w.zones...)...)...)
	var err error
	if s.zone, err = time.LoadLocation(zone); err != nil {
		return nil, err
	}
	currency := oneOf(w, "USD", "JPY", "KWD", "EUR", "CLF")
	o := admin.Organizer{Slug: s.slug, Name: "Organizer " + s.slug, Zone: zone, Currency: currency, Cookies: s.chance(50)}
	var made admin.Organizer
	if _, err := w.change(ctx, http.MethodPost, "/v1/organizers", o, &made); err != nil {
		return nil, err
	}
	s.Organizer = map[string]any{"id": made.ID, "slug": s.slug, "name": o.Name, "zone": zone, "currency": currency}
	for range 2 + w.IntN(2) {
		if err := s.addEvent(ctx, currency); err != nil {
			return nil, err
		}
	}
	for i := range 4 {
		if err := s.addAffiliate(ctx, i); err != nil {
			return nil, err
		}
	}
	for i := range 6 {
		if err := s.addCode(ctx, i); err != nil {
			return nil, err
		}
	}
	var raw [32]byte
	for i := range raw {
		raw[i] = byte(w.IntN(256))
	}
	s.secret = "whsec_" + base64.StdEncoding.EncodeToString(raw[:])
	for range 5 {
		s.cookies = append(s.cookies, base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%016d", w.Int64N(1e15)))))
	}
	_, err = w.change(ctx, http.MethodPost, "/v1/secrets", map[string]string{"organizer": s.slug, "secret": s.secret}, nil)
	return s, err
}

func (s *recountScenario) addEvent(ctx context.Context, currency string) error {
	w := s.w
	e := &recountEvent{slug: fmt.Sprintf("%s-e%d", s.slug, len(s.events)), currency: currency}
	if s.chance(40) {
		e.currency = oneOf(w, "USD", "JPY", "KWD", "EUR", "CLF")
	}
	zone := s.zone.String()
	if s.chance(50) {
		zone = oneOf(w, w.zones...)
	}
	e.end = w.center.Add(time.Duration(oneOf(w, -24, 24, 60, 900, 900)) * time.Hour)
	var made admin.Event
	add := admin.EventAdd{
		Organizer: s.slug, Slug: e.slug, Name: "Event =" + e.slug, Destination: "https://tickets.example.com/" + e.slug, Zone: zone, Currency: e.currency,
		Start: e.end.Add(-3 * time.Hour).Format(time.RFC3339), End: e.end.Format(time.RFC3339),
	}
	at, err := s.w.change(ctx, http.MethodPost, "/v1/events", add, &made)
	e.id = int64(made.ID)
	s.events = append(s.events, e)
	s.fact("events", at, map[string]any{"id": e.id, "slug": e.slug, "name": add.Name, "zone": zone, "currency": e.currency, "end_ms": e.end.UnixMilli()})
	return err
}

func (s *recountScenario) addAffiliate(ctx context.Context, i int) error {
	add := admin.AffiliateAdd{Organizer: s.slug, Name: fmt.Sprintf("Partner %d", i), Email: fmt.Sprintf("p%d@%s.example", i, s.slug)}
	if i == 1 {
		add.Nickname = "one"
	}
	var made admin.Affiliate
	at, err := s.w.change(ctx, http.MethodPost, "/v1/affiliates", add, &made)
	s.affiliates = append(s.affiliates, &recountAffiliate{id: int64(made.ID), email: add.Email, fixed: i == 3})
	s.fact("affiliates", at, map[string]any{"id": int64(made.ID), "name": add.Name, "nickname": add.Nickname})
	return err
}

func (s *recountScenario) addCode(ctx context.Context, i int) error {
	c := &recountCode{text: oneOf(s.w, "Code", "c.", "SALE-") + fmt.Sprint(i)}
	if s.chance(40) {
		c.event = oneOf(s.w, s.events...)
	}
	a := s.affiliates[i%4]
	return s.insertCode(ctx, c, a, "")
}

// insertCode adds a code, or claims a text back to a day of the organizer's zone.
func (s *recountScenario) insertCode(ctx context.Context, c *recountCode, a *recountAffiliate, claim string) error {
	add := admin.CodeAdd{Organizer: s.slug, Text: c.text, Affiliate: a.email, ClaimFrom: claim}
	var event int64
	if c.event != nil {
		add.Event, event = c.event.slug, c.event.id
	}
	var made admin.Code
	at, err := s.w.change(ctx, http.MethodPost, "/v1/codes", add, &made)
	if err != nil {
		return err
	}
	c.id, c.owner, c.texts = int64(made.ID), a.id, []string{c.text}
	s.codes = append(s.codes, c)
	s.fact("codes", at, map[string]any{"id": c.id, "event": event, "text": c.text})
	s.fact("texts", at, map[string]any{"code": c.id, "event": event, "folded": strings.ToLower(c.text), "from_ms": at / 1000})
	if claim != "" {
		s.fact("claims", at, map[string]any{"code": c.id, "event": event, "folded": strings.ToLower(c.text), "from_day": claim})
	}
	s.fact("owners", at, map[string]any{"code": c.id, "affiliate": a.id})
	s.state(c, at)
	return nil
}

// state writes down whether a code is paused, by itself or by its owner's pause.
func (s *recountScenario) state(c *recountCode, atUS int64) {
	paused := c.paused
	for _, a := range s.affiliates {
		paused = paused || a.id == c.owner && a.paused
	}
	s.fact("states", atUS, map[string]any{"code": c.id, "paused": paused, "from_ms": atUS / 1000})
}

func (s *recountScenario) codePath(c *recountCode, action string) string {
	q := url.Values{"organizer": {s.slug}}
	if c.event != nil {
		q.Set("event", c.event.slug)
	}
	return "/v1/codes/" + url.PathEscape(c.text) + "/" + action + "?" + q.Encode()
}

// shift makes one change of the catalog.
func (s *recountScenario) shift(ctx context.Context) error {
	w := s.w
	c := oneOf(w, s.codes...)
	switch w.IntN(12) {
	case 7:
		return s.setPolicy(ctx)
	case 8, 9:
		return s.coupon(ctx)
	case 10, 11:
		return s.claim(ctx)
	case 0:
		return s.rename(ctx, c)
	case 1, 2:
		return s.reassign(ctx, c)
	case 3:
		action := "pause"
		if c.paused {
			action = "resume"
		}
		at, err := w.change(ctx, http.MethodPost, s.codePath(c, action), nil, nil)
		c.paused = !c.paused
		s.state(c, at)
		return err
	case 4:
		return s.pauseAffiliate(ctx)
	case 5:
		return s.claim(ctx)
	default:
		return s.moveEnd(ctx)
	}
}

func (s *recountScenario) rename(ctx context.Context, c *recountCode) error {
	text := fmt.Sprintf("New_%d", s.number())
	path := s.codePath(c, "rename")
	at, err := s.w.change(ctx, http.MethodPost, path, admin.CodeRename{Text: text}, nil)
	if err != nil {
		return err
	}
	var event int64
	if c.event != nil {
		event = c.event.id
	}
	c.text = text
	c.texts = append(c.texts, text)
	s.fact("codes", at, map[string]any{"id": c.id, "event": event, "text": text})
	s.fact("texts", at, map[string]any{"code": c.id, "event": event, "folded": strings.ToLower(text), "from_ms": at / 1000})
	return nil
}

// reassign gives a code to another affiliate, from the next midnight or the one after.
func (s *recountScenario) reassign(ctx context.Context, c *recountCode) error {
	a := s.affiliates[s.w.IntN(3)]
	if c.owner == a.id || c.owner == s.affiliates[3].id {
		return nil
	}
	day := s.w.clock.now().In(s.zone).AddDate(0, 0, 1+s.w.IntN(2))
	from := day.Format(time.DateOnly)
	at, err := s.w.change(ctx, http.MethodPost, s.codePath(c, "reassign"), admin.CodeReassign{Affiliate: a.email, From: from}, nil)
	if taken(err) {
		return nil // its already, then
	}
	if err != nil {
		return err
	}
	c.owner = a.id
	s.fact("owners", at, map[string]any{"code": c.id, "affiliate": a.id, "from_day": from})
	return nil
}

func (s *recountScenario) pauseAffiliate(ctx context.Context) error {
	a := s.affiliates[3]
	action := "pause"
	if a.paused {
		action = "resume"
	}
	at, err := s.w.change(ctx, http.MethodPost, "/v1/affiliates/"+url.PathEscape(a.email)+"/"+action+"?organizer="+s.slug, nil, nil)
	a.paused = !a.paused
	for _, c := range s.codes {
		if c.owner == a.id {
			s.state(c, at)
		}
	}
	return err
}

func (s *recountScenario) claim(ctx context.Context) error {
	text := oneOf(s.w, recountUnknown()[:2]...)
	if slices.ContainsFunc(s.codes, func(c *recountCode) bool { return slices.Contains(c.texts, text) }) {
		return nil
	}
	c := &recountCode{text: text}
	if s.chance(40) {
		c.event = oneOf(s.w, s.events...)
	}
	day := s.w.clock.now().In(s.zone).AddDate(0, 0, -s.w.IntN(8)).Format(time.DateOnly)
	if s.chance(20) {
		day = "" // added, and what came before stays unknown
	}
	return s.insertCode(ctx, c, s.affiliates[s.w.IntN(3)], day)
}

func (s *recountScenario) moveEnd(ctx context.Context) error {
	e := oneOf(s.w, s.events...)
	end := e.end.Add(time.Duration(oneOf(s.w, 1, 24, 100)) * time.Hour)
	text := end.Format(time.RFC3339)
	at, err := s.w.change(ctx, http.MethodPatch, "/v1/events/"+e.slug, admin.EventEdit{End: &text}, nil)
	e.end = end
	s.fact("ends", at, map[string]any{"id": e.id, "end_ms": end.UnixMilli()})
	return err
}

// setPolicy sets another way to credit orders, from the next midnight or the one after.
func (s *recountScenario) setPolicy(ctx context.Context) error {
	w := s.w
	window, cut, pick := oneOf(w, 1, 2, 30), s.chance(50), oneOf(w, "first", "last")
	rules := policy.Rules()
	w.Shuffle(len(rules), func(a, b int) { rules[a], rules[b] = rules[b], rules[a] })
	rules = rules[:1+w.IntN(len(rules))]
	from := w.clock.now().In(s.zone).AddDate(0, 0, 1+w.IntN(2)).Format(time.DateOnly)
	set := policy.Set{Organizer: s.slug, WindowDays: &window, CutAtEventEnd: &cut, Pick: &pick, Rules: rules, From: from}
	at, err := w.change(ctx, http.MethodPost, "/v1/policies", set, nil)
	s.versions++
	s.fact("policies", at, map[string]any{
		"version": s.versions + 1, "window_days": window, "cut_at_event_end": cut, "pick": pick, "rules": rules, "from_day": from,
	})
	return err
}

// coupon binds a coupon to a code, also back to a past day, or ends one.
func (s *recountScenario) coupon(ctx context.Context) error {
	w := s.w
	if len(s.coupons) > 2 {
		text := s.coupons[0]
		s.coupons = s.coupons[1:]
		at, err := w.change(ctx, http.MethodPost, "/v1/coupons/"+text+"/end?organizer="+s.slug, admin.CouponEnd{}, nil)
		s.fact("coupon_ends", at, map[string]any{"folded": strings.ToLower(text), "until_ms": at / 1000})
		return err
	}
	c := oneOf(w, s.codes...)
	add := admin.CouponAdd{Organizer: s.slug, Text: fmt.Sprintf("Gift%d", s.number()), Code: c.text}
	if c.event != nil {
		add.Event = c.event.slug
	}
	fact := map[string]any{"folded": strings.ToLower(add.Text), "code": c.id}
	if s.chance(50) {
		add.From = w.clock.now().In(s.zone).AddDate(0, 0, -w.IntN(4)).Format(time.DateOnly)
		fact["from_day"] = add.From
	}
	at, err := w.change(ctx, http.MethodPost, "/v1/coupons", add, nil)
	fact["from_ms"] = at / 1000
	s.coupons = append(s.coupons, add.Text)
	s.fact("coupons", at, fact)
	return err
}

// act does one thing of the public's: a visit, an order or a refund.
func (s *recountScenario) act(ctx context.Context) error {
	s.w.tick(500 * time.Millisecond)
	switch n := s.w.IntN(100); {
	case n < 62 || len(s.clicks) == 0:
		return s.visit(ctx)
	case n < 88:
		return s.order(ctx)
	default:
		return s.refund(ctx)
	}
}

// affiliateText is what may stand in a link, or on an order.
func (s *recountScenario) affiliateText() string {
	w := s.w
	switch w.IntN(12) {
	case 0:
		return ""
	case 1:
		return oneOf(w, "none", "direct", "test", "TEST")
	case 2, 3, 4:
		return oneOf(w, recountUnknown()...)
	case 5:
		return oneOf(w, "a b", "%zz", "ümlaut", "K\u212aelvin", strings.Repeat("long", 30))
	default:
		text := oneOf(w, oneOf(w, s.codes...).texts...)
		return oneOf(w, text, strings.ToUpper(text), strings.ToLower(text))
	}
}

func (s *recountScenario) visit(ctx context.Context) error {
	w := s.w
	e := oneOf(w, s.events...)
	q := url.Values{}
	if text := s.affiliateText(); text != "" {
		q.Add("affiliate", text)
		if s.chance(10) {
			q.Add("affiliate", s.affiliateText())
		}
	}
	for _, name := range []string{"sub1", "sub2", "sub3", "sub4", "sub5", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"} {
		if s.chance(25) {
			q.Set(name, oneOf(w, "a", "B", "a,b", "=1+1", "é", "(none)"))
		}
	}
	h := http.Header{"User-Agent": {oneOf(w, recountBrowsers()...)}}
	if s.chance(10) {
		h.Set("User-Agent", oneOf(w, "Googlebot/2.1 (+http://www.google.com/bot.html)", "curl/8.5.0"))
	}
	if s.chance(50) {
		h.Set("Referer", oneOf(w, "https://www.Example.COM/page?x=1", "https://example.com", "http://news.example.org:8080/a/b", "android-app://com.example/", "nonsense", "https://user:pw@WWW.a.example:443/#f"))
	}
	if s.chance(6) {
		h.Set(oneOf(w, "Sec-Purpose", "Purpose", "X-Moz"), "prefetch")
	}
	if s.chance(8) {
		h.Set("Sec-Gpc", "1")
	}
	if s.chance(80) {
		h.Set("Cookie", "footfall_visitor="+oneOf(w, s.cookies...))
	}
	v := &demoVisit{Method: http.MethodGet, Target: "/e/" + e.slug + "/?" + q.Encode(), Header: h, Address: fmt.Sprintf("192.0.2.%d", 10+w.IntN(6))}
	if s.chance(6) {
		v.Method = http.MethodHead
	}
	id, err := w.click(ctx, w.IntN(len(w.edges)), v)
	s.clicks = append(s.clicks, recountClick{id, e})
	return err
}

func recountBrowsers() []string {
	return []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
	}
}

// around is RFC 3339 around now, rarely far from it.
func (s *recountScenario) around() string {
	at := s.w.clock.now().Add(-rand64(s.w.Rand, 6*time.Hour))
	switch s.w.IntN(12) {
	case 0:
		at = at.Add(-rand64(s.w.Rand, 120*time.Hour))
	case 1:
		at = at.Add(rand64(s.w.Rand, 60*24*time.Hour))
	case 2:
		at = s.w.center.Add(rand64(s.w.Rand, 4*time.Hour) - 2*time.Hour)
	}
	return at.In(s.zone).Format("2006-01-02T15:04:05.000Z07:00")
}
