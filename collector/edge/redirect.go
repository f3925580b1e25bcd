package edge

import (
	"bytes"
	"net/netip"

	"footfall/schemas/clickid"
	"footfall/schemas/visit"
)

// scratch is the memory of one answer, used again by the next: why a redirect
// allocates nothing.
type scratch struct {
	head     head
	visit    visit.Visit
	text     []byte // decoded texts of the visit; never grows
	body     []byte
	location []byte
	answer   []byte // on the express path
	cookie   []byte
	cookieID [visit.CookieBytes]byte
	code     [codeRoom]byte // the winning affiliate, decoded

	winner    int    // which parameter of the query, from 0, is the affiliate that resolved; -1: none
	canonical []byte // its spelling in the catalog
}

// textRoom holds every text of a visit at its limit.
const textRoom = visit.MaxCodeText + 2*visit.MaxHeader + 10*visit.MaxCarried

func newScratch() *scratch {
	return &scratch{
		text: make([]byte, 0, textRoom), body: make([]byte, 0, visit.MaxBody),
		location: make([]byte, 0, 1024), answer: make([]byte, 0, 1536), cookie: make([]byte, 0, 256),
	}
}

// request is what the visit is made of.
type request struct {
	head   bool
	query  []byte
	timeMS int64
	client netip.Addr // that the connection comes from
	shard  int
}

// visitEvent fills the visit, appends it and builds the location. cookie is the
// value of Set-Cookie, nil for none.
func (e *Edge) visitEvent(s *scratch, view View, event *Event, r request) (cookie []byte) {
	v := &s.visit
	*v = visit.Visit{
		Organizer: event.Organizer, Event: event.ID, Revision: view.Revision(),
		Ended: event.EndMS != 0 && r.timeMS >= event.EndMS,
		Head:  r.head, Prefetch: s.head.prefetch, GPC: s.head.gpc,
	}
	s.text = s.text[:0]
	v.UserAgent = clean(&s.text, s.head.userAgent, visit.MaxHeader, false)
	v.Referrer = clean(&s.text, s.head.referrer, visit.MaxHeader, false)
	s.readQuery(view, event, r.query)
	secrets := e.deps.Secrets()
	if secrets != nil {
		cookie = e.identify(s, secrets, event, &r)
	} else {
		e.metrics.noDayKey.Inc()
	}
	s.body = v.Append(s.body[:0])
	at, err := e.deps.Journal.Append(r.shard, recordVisit, visit.Version, s.body)
	if err != nil {
		// The journal says why, and alarms; here the loss is counted.
		e.metrics.lost.Inc()
		s.buildLocation(event.Destination, r.query, nil, clickid.Fields{})
		return cookie
	}
	e.metrics.recorded(v)
	var keys *clickid.Keys
	if secrets != nil {
		keys = secrets.clicks
	}
	minted := s.buildLocation(event.Destination, r.query, keys, clickid.Fields{
		Epoch: at.Epoch, Shard: at.Shard, Sequence: at.Sequence, TimeMS: at.TimeMS,
		Event: v.Event, Code: v.Code, State: v.CodeState, Ended: v.Ended, Test: v.Test,
	})
	if !minted {
		e.metrics.idsMissing.Inc()
	}
	return cookie
}

// readQuery takes the facts out of the link's query. Of a parameter that stands
// more than once the first counts, of affiliate the first that resolves.
func (s *scratch) readQuery(view View, event *Event, query []byte) {
	v := &s.visit
	s.winner, s.canonical = -1, nil
	affiliates := 0
	for n := 0; ; n++ {
		name, value, rest, has := nextPair(query)
		if !has {
			break
		}
		query = rest
		switch p := nameOf(name); {
		case p == affiliate:
			affiliates++
			if s.winner < 0 && s.resolve(view, event, value) {
				s.winner = n
			}
		case p == consent && v.Consent == visit.ConsentUnset:
			switch string(value) {
			case "0":
				v.Consent = visit.ConsentRefused
			case "1":
				v.Consent = visit.ConsentGiven
			}
		case p >= utmSource:
			s.carry(&v.UTM[p-utmSource], value)
		case p >= sub1:
			s.carry(&v.Sub[p-sub1], value)
		}
	}
	v.RepeatedAffiliate = affiliates > 1
}

func (s *scratch) carry(to *[]byte, value []byte) {
	if *to == nil && len(value) > 0 {
		*to = clean(&s.text, value, visit.MaxCarried, true)
	}
}

// resolve looks one value of affiliate up and says whether the catalog knows
// it. A reserved word is no code; of what is unknown the first is kept.
func (s *scratch) resolve(view View, event *Event, value []byte) bool {
	v := &s.visit
	text, valid := codeText(value, &s.code)
	if valid {
		switch {
		case len(text) == 4 && is(text, "test"):
			v.Test = true
			return false
		case len(text) == 4 && is(text, "none"), len(text) == 6 && is(text, "direct"):
			return false
		}
		if c, ok := view.Code(event.ID, event.Organizer, text); ok {
			v.Code, v.CodeState, v.CodeText, s.canonical = c.ID, visit.CodeResolved, text, c.Canonical
			if c.Paused {
				v.CodeState = visit.CodePaused
			}
			return true
		}
	}
	if v.CodeState == visit.CodeNone {
		v.CodeState = visit.CodeUnknown
		begin := len(s.text)
		s.text = escapeText(s.text, text, visit.MaxCodeText)
		v.CodeText = s.text[begin:len(s.text):len(s.text)]
	}
	return false
}

// identify gives the visit its visitor key: of the cookie where the organizer
// has them on and neither GPC nor consent=0 speaks against it, else of address
// and user agent. It returns the Set-Cookie of a new cookie.
func (e *Edge) identify(s *scratch, secrets *Secrets, event *Event, r *request) (cookie []byte) {
	v := &s.visit
	if event.Cookies && !v.GPC && v.Consent != visit.ConsentRefused {
		if !readCookie(s.head.cookies, &s.cookieID) {
			s.cookie = newCookie(s.cookie[:0], &s.cookieID, e.cookieAttributes)
			cookie = s.cookie
			e.metrics.cookiesSet.Inc()
		}
		if v.VisitorKey = secrets.byCookie(event.Organizer, s.cookieID[:]); v.VisitorKey != 0 {
			v.VisitorSource = visit.VisitorCookie
		} else {
			e.metrics.noCookieKey.Inc()
		}
		return cookie
	}
	client := clientAddress(r.client, &s.head, e.config.TrustedHops)
	if v.VisitorKey = secrets.byAddress(r.timeMS, event.Organizer, client, v.UserAgent); v.VisitorKey != 0 {
		v.VisitorSource = visit.VisitorAddress
	} else {
		e.metrics.noDayKey.Inc()
	}
	return nil
}

// buildLocation puts the destination and the link's query together: the
// parameters in order, affiliate in its canonical spelling, click_id replaced
// by the one minted from fields (none without keys). Scheme, host and path are
// the destination's, byte for byte; what comes from the request goes behind its
// question mark, escaped. It reports whether a click id was minted.
func (s *scratch) buildLocation(destination, query []byte, keys *clickid.Keys, fields clickid.Fields) (minted bool) {
	var fragment []byte
	if n := bytes.IndexByte(destination, '#'); n >= 0 {
		destination, fragment = destination[:n], destination[n:]
	}
	out := append(s.location[:0], destination...)
	// Whether the next parameter needs a separator, and which.
	separator := byte('?')
	if n := bytes.IndexByte(destination, '?'); n >= 0 {
		separator = '&'
		if n == len(destination)-1 || destination[len(destination)-1] == '&' {
			separator = 0
		}
	}
	next := func() {
		if separator != 0 {
			out = append(out, separator)
		}
		separator = '&'
	}
	for n := 0; ; n++ {
		name, value, rest, has := nextPair(query)
		if !has {
			break
		}
		query = rest
		p := nameOf(name)
		if p == clickID || (p == affiliate && s.winner >= 0 && n != s.winner) {
			continue
		}
		next()
		if n == s.winner {
			out = append(out, "affiliate="...)
			out = append(out, s.canonical...) // nothing in the grammar of codes needs an escape
			continue
		}
		out = appendQuery(out, name)
		if value != nil {
			out = append(out, '=')
			out = appendQuery(out, value)
		}
	}
	if keys != nil {
		before := len(out)
		next()
		out = append(out, "click_id="...)
		named := len(out)
		out = keys.Append(out, fields)
		if minted = len(out) > named; !minted {
			out = out[:before]
		}
	}
	s.location = append(out, fragment...)
	return minted
}
