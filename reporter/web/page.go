package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"footfall/schemas/admin"
)

//go:embed templates/*.html
var templates embed.FS

// frame is what every page is made of.
type frame struct {
	Title     string
	Organizer admin.Organizer // zero: of none
	Role      admin.Role
	Person    admin.Person // zero: nobody is signed in
	Event     *admin.Event // nil: all events
	Events    []admin.Event
	Tab       string // which tab is open; empty: the page has none
	Form      form
	Body      any
	Now       time.Time
}

// Keeps says whether the reader may change affiliates and codes.
func (f frame) Keeps() bool { return f.Role == admin.RoleOwner || f.Role == admin.RoleManager }

// Owns says whether the reader keeps people and settings.
func (f frame) Owns() bool { return f.Role == admin.RoleOwner }

// Analyses says whether the reader may keep views.
func (f frame) Analyses() bool { return f.Keeps() || f.Role == admin.RoleAnalyst }

// Emails says whether the reader may see email addresses.
func (f frame) Emails() bool { return f.Analyses() }

// At is a path of the organizer, with the event where there is one.
func (f frame) At(rest string) string {
	to := "/o/" + f.Organizer.Slug + "/" + rest
	if f.Event != nil {
		separator := "?"
		if strings.Contains(rest, "?") {
			separator = "&"
		}
		to += separator + "event=" + f.Event.Slug
	}
	return to
}

// Days says how far away the event is.
func (f frame) Days() string {
	if f.Event == nil {
		return ""
	}
	zone := zoneOf(f.Event.Zone)
	day := func(t time.Time) time.Time {
		t = t.In(zone)
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	const hours = 24
	switch n := int(day(f.Event.Start).Sub(day(f.Now)).Hours() / hours); {
	case n > 1:
		return strconv.Itoa(n) + " days to go"
	case n == 1:
		return "tomorrow"
	case n == 0:
		return "today"
	case f.Now.Before(f.Event.End):
		return "on now"
	default:
		return "over"
	}
}

func (w *Web) parse() (map[string]*template.Template, error) {
	functions := template.FuncMap{
		"asset": w.assets.url, "lower": strings.ToLower, "day": dayText, "moment": momentText, "path": url.PathEscape, "query": url.QueryEscape,
		"plural": plural, "join": strings.Join, "if_": ifElse, "len64": lengthOf,
		"whole": wholeQuery, "isday": isDay,
	}
	layout, err := template.New("layout").Funcs(functions).ParseFS(templates, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("reading the dashboard's templates: %w", err)
	}
	names, err := templates.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("reading the dashboard's templates: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, n := range names {
		name := strings.TrimSuffix(n.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(templates, path.Join("templates", n.Name()))
		}
		if err != nil {
			return nil, fmt.Errorf("reading the dashboard's template %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, nil
}

// page writes a page of the asker's.
func (w *Web) page(a *ask, name string, f frame) error { return w.pageAs(a, http.StatusOK, name, f) }

func (w *Web) pageAs(a *ask, status int, name string, f frame) error {
	f.Organizer, f.Role, f.Now = a.organizer, a.role, w.deps.Clock()
	if a.session != nil {
		f.Person = a.session.Person
	}
	if f.Organizer.Slug != "" && f.Events == nil {
		var err error
		if f.Events, err = w.deps.Catalog.Events(a.Context(), f.Organizer.Slug); err != nil {
			return err
		}
		if f.Event, err = eventOf(f.Events, a.URL.Query().Get("event")); err != nil {
			return err
		}
	}
	w.metrics.requests.WithLabelValues(answeredPage).Inc()
	w.write(a.rw, status, name, f)
	return nil
}

// eventOf finds an event by its slug; empty: all events, nil.
func eventOf(events []admin.Event, slug string) (*admin.Event, error) {
	if slug == "" {
		return nil, nil //nolint:nilnil // all events
	}
	for i := range events {
		if strings.EqualFold(events[i].Slug, slug) {
			return &events[i], nil
		}
	}
	return nil, errNotThere
}

// write renders whole before it sends anything: a page is never half.
func (w *Web) write(rw http.ResponseWriter, status int, name string, f frame) {
	var b bytes.Buffer
	if err := w.pages[name].ExecuteTemplate(&b, "layout", f); err != nil {
		w.log.Error("a page could not be written", "page", name, "error", err)
		http.Error(rw, "This page could not be written. It has been noted.", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	if _, err := rw.Write(b.Bytes()); err != nil {
		w.log.Info("a page was not taken whole", "error", err)
	}
}

// form is what was typed, and what is wrong with it.
type form struct {
	Values url.Values
	Errors map[string]string // by field; "" of the form as such
}

func newForm(pairs ...string) form {
	f := form{Values: url.Values{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Values.Set(pairs[i], pairs[i+1])
	}
	return f
}

// Get is a field as typed, without the spaces around it.
func (f form) Get(name string) string { return strings.TrimSpace(f.Values.Get(name)) }

// Wrong is what is wrong with a field; empty: nothing.
func (f form) Wrong(name string) string { return f.Errors[name] }

// readForm reads what was sent.
func readForm(a *ask) (form, error) {
	a.Body = http.MaxBytesReader(a.rw, a.Body, maxFormBytes)
	if err := a.ParseForm(); err != nil {
		return form{}, &pageError{http.StatusBadRequest, "The form could not be read. Go back and send it again."}
	}
	return form{Values: a.PostForm}, nil
}

// form shows an empty form.
func (w *Web) form(a *ask, name, title string, f form, body any) error {
	return w.page(a, name, frame{Title: title, Form: f, Body: body})
}

// again shows a form with what was typed and what is wrong with it.
func (w *Web) again(a *ask, name, title string, f form, err error, body any) error {
	status, marked, err := mark(f, err)
	if err != nil {
		return err
	}
	return w.pageAs(a, status, name, frame{Title: title, Form: marked, Body: body})
}

// mark writes a refusal beside its field.
func mark(f form, err error) (int, form, error) {
	status, detail := statusOf(err)
	r, refused := admin.AsRefusal(err)
	if status >= http.StatusInternalServerError && !refused {
		return 0, f, err
	}
	field := ""
	if refused {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.Pointer, "/"), "/")
		if name == "new_organizer" || name == "slug" {
			name = "organizer"
		}
		if name != "" {
			field = strings.ToUpper(name[:1]) + name[1:]
		}
		if _, there := f.Values[field]; !there {
			field = ""
		}
	}
	f.Values.Del("Password")
	f.Values.Del("Old")
	f.Errors = map[string]string{field: sentence(detail)}
	return status, f, nil
}

// sentence begins with a capital letter and ends with a point.
func sentence(text string) string {
	if text == "" {
		return text
	}
	r := []rune(text)
	r[0] = unicode.ToUpper(r[0])
	text = string(r)
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// slugOf makes a slug of a name.
func slugOf(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC // the catalog took no other name
	}
	return zone
}

func dayText(t time.Time, zone string) string { return t.In(zoneOf(zone)).Format("Mon 2 Jan 2006") }

func momentText(t time.Time, zone string) string {
	return t.In(zoneOf(zone)).Format("2 Jan 2006 15:04")
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

func urlEscape(text string) string { return url.QueryEscape(text) }

func ifElse(yes bool, one, other string) string {
	if yes {
		return one
	}
	return other
}

func lengthOf(list any) int64 { return int64(reflect.ValueOf(list).Len()) }

// ExportAt is where what is seen is exported, all pages of it.
func (f frame) ExportAt(p performance, format string) string {
	base := strings.TrimSuffix(p.Base, "/performance")
	return base + "/export?" + p.View.with("as_of", formatInt(p.Evidence.AsOfUS), "format", format)
}

// wholeQuery is the query of a URL, which is escaped already: the template would
// take it for one value.
func wholeQuery(query string) (template.URL, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", fmt.Errorf("writing a URL: %w", err)
	}
	return template.URL(values.Encode()), nil //nolint:gosec // it is escaped here
}

// isDay is a day as a field of days takes it; what isn't one is left out.
func isDay(text string) string {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return ""
	}
	return text
}
