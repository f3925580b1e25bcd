package web

import (
	"bytes"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rsc.io/qr"

	"footfall/internal/ops"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// codes is the list, with the panel beside it.
type codes struct {
	List       []admin.Code
	Filter     string
	Affiliates []admin.Affiliate
	Adding     bool
	Check      string // what the name that is typed would be
}

func (w *Web) codesOf(a *ask) (out codes, err error) {
	out.Filter = codesFilter(a)
	if out.List, err = w.codeList(a); err != nil {
		return out, err
	}
	out.Affiliates, err = w.deps.Catalog.Affiliates(a.Context(), a.organizer.Slug)
	if !(frame{Role: a.role}).Emails() {
		for i := range out.Affiliates {
			out.Affiliates[i].Email = ""
		}
	}
	return out, err
}

func codesFilter(a *ask) string { return strings.TrimSpace(a.URL.Query().Get("q")) }

// codeList is the codes that the page's event and filter leave.
func (w *Web) codeList(a *ask) (list []admin.Code, err error) {
	all, err := w.allCodes(a, "")
	if err != nil {
		return nil, err
	}
	event, filter := strings.ToLower(a.URL.Query().Get("event")), strings.ToLower(codesFilter(a))
	for _, c := range all {
		if event != "" && c.Scope == admin.ScopeEvent && c.Event != event {
			continue
		}
		if strings.Contains(strings.ToLower(c.Text+" "+c.AffiliateName), filter) {
			list = append(list, c)
		}
	}
	return list, nil
}

// codeLink is a code with its link to one event.
type codeLink struct {
	admin.Code

	LeadsTo string // the event's slug; empty: there is none
	Link    string // empty likewise
}

// links are those of the page's codes: to the code's own event, to the page's, or to
// the next one.
func (w *Web) links(a *ask) ([]codeLink, error) {
	list, err := w.codeList(a)
	if err != nil {
		return nil, err
	}
	event := a.URL.Query().Get("event")
	if event == "" {
		events, err := w.deps.Catalog.Events(a.Context(), a.organizer.Slug)
		if err != nil {
			return nil, err
		}
		event = nextEvent(events, w.deps.Clock())
	}
	out := make([]codeLink, len(list))
	for i, c := range list {
		out[i] = codeLink{Code: c, LeadsTo: linkEvent(c, event)}
		if out[i].Link, _, err = w.linkOf(a, c, out[i].LeadsTo); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *Web) showCodes(a *ask) error {
	data, err := w.codesOf(a)
	if err != nil {
		return err
	}
	data.Adding = a.URL.Query().Has("add") || len(data.List) == 0 && data.Filter == ""
	f := newForm("Affiliate", a.URL.Query().Get("affiliate"), "Text", a.URL.Query().Get("text"), "Scope", admin.ScopeCommon, "ClaimFrom", a.URL.Query().Get("claim"))
	return w.pageAs(a, http.StatusOK, "codes", frame{Title: "Affiliate Codes", Tab: "codes", Form: f, Body: data})
}

func (w *Web) addCode(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	made, err := w.makeCode(a, f)
	if err != nil {
		status, marked, err := mark(f, err)
		if err != nil {
			return err
		}
		data, err := w.codesOf(a)
		if err != nil {
			return err
		}
		data.Adding = true
		return w.pageAs(a, status, "codes", frame{Title: "Affiliate Codes", Tab: "codes", Form: marked, Body: data})
	}
	return a.redirect(codePath(a.organizer.Slug, made, a.URL.Query().Get("event")))
}

// makeCode adds a code, and its affiliate where the form brings a new one.
func (w *Web) makeCode(a *ask, f form) (admin.Code, error) {
	add := admin.CodeAdd{Organizer: a.organizer.Slug, Text: f.Get("Text"), Affiliate: f.Get("Affiliate"), ClaimFrom: f.Get("ClaimFrom")}
	if f.Get("Scope") == admin.ScopeEvent {
		add.Event = f.Get("Event")
		if add.Event == "" {
			return admin.Code{}, admin.Refuse(admin.Invalid, "/event", "choose the event that the code is for")
		}
	}
	if add.Affiliate == "" {
		return admin.Code{}, admin.Refuse(admin.Invalid, "/affiliate", "choose the affiliate whose code it is; none there yet? Add one under Affiliates")
	}
	return w.deps.Catalog.AddCode(a.Context(), a.actor(), add)
}

// checkCode says, while a name is typed, whether it is free.
func (w *Web) checkCode(a *ask) error {
	text := strings.TrimSpace(a.URL.Query().Get("Text"))
	said := ""
	if text != "" {
		c, err := w.deps.Catalog.Code(a.Context(), admin.CodeRef{Organizer: a.organizer.Slug, Text: text})
		_, refused := admin.AsRefusal(err)
		switch {
		case err != nil && !refused:
			return err
		case err != nil:
			said = text + " is free."
		default:
			said = fmt.Sprintf("%s is taken: %s code of %s.", text, c.Scope, c.AffiliateName)
		}
	}
	a.rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	if _, err := fmt.Fprint(a.rw, template.HTMLEscapeString(said)); err != nil {
		w.log.Info("an answer was not taken whole", "error", err)
	}
	return nil
}

// stub is a code with what a partner is handed.
type stub struct {
	Code     admin.Code
	Link     string // empty: no event to link to yet
	Event    string
	Events   []admin.Event // that the code can lead to
	Warnings []string
	Local    bool // buyers can't reach the host
	Mail     template.URL
	Path     string // of the page, without a query
	Others   []admin.Affiliate
	Effect   string // of a change that was asked for but not yet made
	Doing    string // rename or reassign
	Revision string
}

func codePath(organizer string, c admin.Code, event string) string {
	to := "/o/" + organizer + "/codes/" + url.PathEscape(c.Text)
	q := url.Values{}
	if c.Scope == admin.ScopeEvent {
		q.Set("of", c.Event)
	}
	if event != "" {
		q.Set("event", event)
	}
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return to
}

func (w *Web) codeRef(a *ask) admin.CodeRef {
	return admin.CodeRef{Organizer: a.organizer.Slug, Event: a.URL.Query().Get("of"), Text: a.PathValue("code")}
}

// linkOf is the whole link of a code to an event.
func (w *Web) linkOf(a *ask, c admin.Code, event string) (link string, warnings []string, err error) {
	if event == "" {
		return "", nil, nil
	}
	l, err := w.deps.Catalog.Link(a.Context(), admin.CodeRef{Organizer: a.organizer.Slug, Event: event, Text: c.Text})
	if err != nil {
		return "", nil, err
	}
	base := w.config.LinksURL
	if base == "" && w.deps.Links != nil {
		base = w.deps.Links()
	}
	return base + l.Path, l.Warnings, nil
}

func (w *Web) stubOf(a *ask) (stub, error) {
	var s stub
	var err error
	if s.Code, err = w.deps.Catalog.Code(a.Context(), w.codeRef(a)); err != nil {
		return s, err
	}
	if s.Events, err = w.deps.Catalog.Events(a.Context(), a.organizer.Slug); err != nil {
		return s, err
	}
	s.Event = a.URL.Query().Get("event")
	switch {
	case s.Code.Scope == admin.ScopeEvent:
		s.Event = s.Code.Event
	case s.Event == "":
		s.Event = nextEvent(s.Events, w.deps.Clock())
	}
	if s.Link, s.Warnings, err = w.linkOf(a, s.Code, s.Event); err != nil {
		return s, err
	}
	if u, err := url.Parse(s.Link); err == nil && s.Link != "" {
		s.Local = ops.IsLoopbackHost(u.Hostname())
	}
	x, err := w.deps.Catalog.Affiliate(a.Context(), a.organizer.Slug, formatInt(int64(s.Code.Affiliate)))
	if err != nil {
		return s, err
	}
	if (frame{Role: a.role}).Emails() {
		mail := "mailto:" + url.PathEscape(x.Email) + "?subject=" + url.PathEscape("Your link") + "&body=" + url.PathEscape("Hello "+x.Name+",\n\nthis is your link: "+s.Link+"\n")
		s.Mail = template.URL(mail) //nolint:gosec // every part is escaped
	}
	s.Path = "/o/" + a.organizer.Slug + "/codes/" + url.PathEscape(s.Code.Text)
	if s.Others, err = w.deps.Catalog.Affiliates(a.Context(), a.organizer.Slug); err != nil {
		return s, err
	}
	revision, err := w.deps.Catalog.Revision(a.Context())
	s.Revision = revision.String()
	return s, err
}

// nextEvent is the event that a common code's link is shown for: the next that has
// not ended, else the last.
func nextEvent(events []admin.Event, now time.Time) string {
	best := ""
	var start time.Time
	for _, e := range events {
		if now.Before(e.End) && (best == "" || e.Start.Before(start)) {
			best, start = e.Slug, e.Start
		}
	}
	if best == "" && len(events) > 0 {
		best = events[len(events)-1].Slug
	}
	return best
}

func (w *Web) showCode(a *ask) error {
	s, err := w.stubOf(a)
	if err != nil {
		return err
	}
	return w.pageAs(a, http.StatusOK, "code", frame{Title: s.Code.Text, Tab: "codes", Form: newForm(), Body: s})
}

// codeAgain shows a code's page with a change's effect, or what is wrong with it.
func (w *Web) codeAgain(a *ask, f form, err error, doing, effect string) error {
	s, failed := w.stubOf(a)
	if failed != nil {
		return failed
	}
	s.Doing, s.Effect = doing, effect
	status := http.StatusOK
	if err != nil {
		if status, f, err = mark(f, err); err != nil {
			return err
		}
	}
	return w.pageAs(a, status, "code", frame{Title: s.Code.Text, Tab: "codes", Form: f, Body: s})
}

// stale refuses a change that was thought about before another one was made.
func (w *Web) stale(a *ask, f form) error {
	revision, err := w.deps.Catalog.Revision(a.Context())
	if err == nil && f.Get("Revision") != revision.String() {
		return admin.Refuse(admin.Conflict, "", "the catalog has changed since this page was opened (%s then, %s now): look at the code again, then confirm", f.Get("Revision"), revision)
	}
	return err
}

func (w *Web) renameCode(a *ask) error {
	return w.changeCode(a, "rename", func(f form, c admin.Code) (string, error) {
		return fmt.Sprintf("From now on the code is %s. %s stays an alias: links that are out keep working and count for the same affiliate.", f.Get("Text"), c.Text), nil
	}, func(f form) (admin.Code, error) {
		return w.deps.Catalog.RenameCode(a.Context(), a.actor(), w.codeRef(a), admin.CodeRename{Text: f.Get("Text")})
	})
}

func (w *Web) reassignCode(a *ask) error {
	return w.changeCode(a, "reassign", func(f form, c admin.Code) (string, error) {
		return w.reassignEffect(a, f, c)
	}, func(f form) (admin.Code, error) {
		return w.deps.Catalog.ReassignCode(a.Context(), a.actor(), w.codeRef(a), admin.CodeReassign{Affiliate: f.Get("Affiliate"), From: f.Get("From")})
	})
}

// changeCode shows a change's effect, and makes it once that is confirmed.
func (w *Web) changeCode(a *ask, doing string, effect func(form, admin.Code) (string, error), change func(form) (admin.Code, error)) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	c, err := w.deps.Catalog.Code(a.Context(), w.codeRef(a))
	if err != nil {
		return err
	}
	if f.Get("Confirm") == "" {
		says, err := effect(f, c)
		return w.codeAgain(a, f, err, doing, says)
	}
	if err = w.stale(a, f); err == nil {
		c, err = change(f)
	}
	if err != nil {
		return w.codeAgain(a, f, err, doing, "")
	}
	return a.redirect(codePath(a.organizer.Slug, c, a.URL.Query().Get("event")))
}

// reassignEffect says what a reassignment will do.
func (w *Web) reassignEffect(a *ask, f form, c admin.Code) (string, error) {
	x, err := w.deps.Catalog.Affiliate(a.Context(), a.organizer.Slug, f.Get("Affiliate"))
	if r, refused := admin.AsRefusal(err); refused {
		return "", admin.Refuse(r.Reason, "/affiliate", "choose the affiliate who gets the code")
	}
	if err != nil {
		return "", err
	}
	zone := zoneOf(a.organizer.Zone)
	now := w.deps.Clock().In(zone)
	day := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, zone)
	if from := f.Get("From"); from != "" {
		if day, err = time.ParseInLocation(time.DateOnly, from, zone); err != nil {
			return "", admin.Refuse(admin.Invalid, "/from", "%q is no day: want one like %s", from, now.AddDate(0, 0, 1).Format(time.DateOnly))
		}
	}
	return fmt.Sprintf("From %s 00:00 (%s) visits belong to %s. Earlier ones stay with %s.", day.Format("2 Jan"), a.organizer.Zone, x.Name, c.AffiliateName), nil
}

func (w *Web) pauseCode(a *ask) error {
	paused := strings.HasSuffix(a.URL.Path, "/pause")
	c, err := w.deps.Catalog.PauseCode(a.Context(), a.actor(), w.codeRef(a), paused)
	if err != nil {
		return err
	}
	return a.redirect(codePath(a.organizer.Slug, c, a.URL.Query().Get("event")))
}

// linksCSV is every link, for mail merges; written as every CSV of ours is, so that
// no spreadsheet runs a name.
func (w *Web) linksCSV(a *ask) error {
	list, err := w.links(a)
	if err != nil {
		return err
	}
	var columns []reports.Column
	for _, name := range []string{"affiliate", "code", "scope", "event", "state", "link"} {
		columns = append(columns, reports.Column{Name: name, Kind: reports.KindText})
	}
	var rows []reports.Row
	for _, l := range list {
		var row reports.Row
		for _, text := range []string{l.AffiliateName, l.Text, l.Scope, l.LeadsTo, l.State, l.Link} {
			row.Cells = append(row.Cells, reports.Cell{Text: text})
		}
		rows = append(rows, row)
	}
	var b bytes.Buffer
	t := &reports.Table{Columns: columns, AllRows: int64(len(rows)), Batches: reports.FixedBatches(columns, rows, len(rows))}
	if err := w.deps.Reports.WriteTable(a.Context(), &b, reports.Format{Name: "csv"}, t); err != nil {
		return err
	}
	return w.send(a, "text/csv; charset=utf-8", a.organizer.Slug+"_links.csv", b.Bytes())
}

func (w *Web) send(a *ask, media, name string, body []byte) error {
	a.rw.Header().Set("Content-Type", media)
	if name != "" {
		a.rw.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	}
	if _, err := a.rw.Write(body); err != nil {
		w.log.Info("a file was not taken whole", "error", err)
	}
	return nil
}

// quietZone is the border that readers of QR codes need, in modules: ISO/IEC 18004.
const quietZone = 4

func (w *Web) qrOf(a *ask) (*qr.Code, string, error) {
	s, err := w.stubOf(a)
	if err != nil {
		return nil, "", err
	}
	if s.Link == "" {
		return nil, "", errNotThere
	}
	c, err := qr.Encode(s.Link, qr.M)
	if err != nil {
		return nil, "", fmt.Errorf("making a QR code: %w", err)
	}
	return c, s.Code.Text + "_" + s.Event, nil
}

func (w *Web) qrSVG(a *ask) error {
	c, name, err := w.qrOf(a)
	if err != nil {
		return err
	}
	if !a.URL.Query().Has("download") {
		name = ""
	} else {
		name += ".svg"
	}
	return w.send(a, "image/svg+xml", name, qrDrawing(c))
}

// qrDrawing is a QR code as SVG.
func qrDrawing(c *qr.Code) []byte {
	var b bytes.Buffer
	side := c.Size + 2*quietZone
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path d="`, side, side, side, side)
	for y := range c.Size {
		for x := range c.Size {
			if c.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quietZone, y+quietZone)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}

func (w *Web) qrPNG(a *ask) error {
	c, name, err := w.qrOf(a)
	if err != nil {
		return err
	}
	const scale = 12 // pixels of a module: sharp on paper
	side := (c.Size + 2*quietZone) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if c.Black(x/scale-quietZone, y/scale-quietZone) {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return fmt.Errorf("making a QR code: %w", err)
	}
	return w.send(a, "image/png", name+".png", b.Bytes())
}
