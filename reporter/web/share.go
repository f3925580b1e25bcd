package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"footfall/schemas/admin"
)

// A share link shows one view, and its reader can loosen nothing of it: the filter
// is the link's; only paging, sorting and the range's comparison are the reader's.
// It shows no email, no order, no other affiliate, and no rank, share or direct row.

// sharedColumns are what a share link shows.
const sharedColumns = "visits,orders,tickets_sold,conversion_rate,total_sales,refunds,net_sales"

// sharedView is the link's view with what its reader may choose.
func sharedView(query string, q url.Values) (view, error) {
	fixed, err := url.ParseQuery(query)
	if err != nil {
		return view{}, errNotThere
	}
	v := readView(fixed)
	asked := readView(q)
	v.Page, v.Sort, v.Compare, v.Columns, v.AsOf = asked.Page, "", asked.Compare, "", asked.AsOf
	if name, _ := sortedBy(asked.Sort); slices.Contains(strings.Split(sharedColumns, ","), name) || name == v.By {
		v.Sort = asked.Sort
	}
	if !slices.Contains([]string{"code", "day", "event", "week", "month", "source"}, v.By) {
		v.By = "code" // affiliates and orders are not the reader's
	}
	if v.Affiliate == "" && v.Code == "" {
		return view{}, errNotThere // a link to everything is none
	}
	return v, nil
}

// sharedQuestion takes away what a share link withholds.
func sharedQuestion(v view) func(string, period) url.Values {
	return func(organizer string, p period) url.Values {
		q := v.question(organizer, p)
		q.Set("columns", sharedColumns)
		return q
	}
}

func (w *Web) shared(a *ask) (admin.ShareLink, admin.Organizer, view, error) {
	s, err := w.deps.People.Share(a.Context(), a.PathValue("token"))
	if _, refused := admin.AsRefusal(err); refused {
		return s, admin.Organizer{}, view{}, errNotThere
	}
	if err != nil {
		return s, admin.Organizer{}, view{}, err
	}
	v, err := sharedView(s.Query, a.URL.Query())
	if err != nil {
		return s, admin.Organizer{}, view{}, err
	}
	o, err := w.deps.Catalog.Organizer(a.Context(), s.Organizer)
	return s, o, v, err
}

func (w *Web) showShared(a *ask) error {
	s, o, v, err := w.shared(a)
	if err != nil {
		return err
	}
	base := "/s/" + a.PathValue("token")
	p, err := w.performanceOf(a.Context(), o, v, base)
	if err != nil {
		return err
	}
	p.Shared, p.Notes, p.Copy, p.Fall, p.FallNote = true, nil, nil, nil, ""
	p.Table.withhold()
	return w.page(a, "shared", frame{Title: s.Label, Body: p})
}

// withhold takes away ranks, shares and links deeper.
func (t *table) withhold() {
	var heads []head
	drop := map[int]bool{}
	for i, h := range t.Heads {
		if h.Name == "share" || h.Name == "unique_visitors" || h.Name == "credited_orders" {
			drop[i] = true
			continue
		}
		heads = append(heads, h)
	}
	t.Heads = heads
	t.Sorts = slices.DeleteFunc(t.Sorts, func(c choice) bool {
		name := strings.TrimPrefix(c.Value, "-")
		return !slices.ContainsFunc(heads, func(h head) bool { return h.Name == name })
	})
	for _, list := range [][]line{t.Rows, t.Totals} {
		for i := range list {
			list[i].Rank = 0
			var cells []textCell
			for k, c := range list[i].Cells {
				if !drop[k] {
					c.URL = ""
					cells = append(cells, c)
				}
			}
			list[i].Cells = cells
		}
	}
	t.Rows = slices.DeleteFunc(t.Rows, func(l line) bool { return l.Kind == "direct" })
}

func (w *Web) exportShared(a *ask) error {
	_, o, v, err := w.shared(a)
	if err != nil {
		return err
	}
	return w.exportView(a, o, v, sharedQuestion(v))
}

// shares is the page of an organizer's share links.
type shares struct {
	List []admin.ShareLink
	New  string // the link that was just made
}

func (w *Web) sharesOf(a *ask) (shares, error) {
	list, err := w.deps.People.Shares(a.Context(), a.organizer.Slug)
	return shares{List: list}, err
}

func (w *Web) showShares(a *ask) error {
	data, err := w.sharesOf(a)
	if err != nil {
		return err
	}
	return w.form(a, "shares", "Share links", newForm("Query", a.URL.Query().Get("query"), "Expires", w.deps.Clock().AddDate(0, 0, 30).Format("2006-01-02")), data)
}

func (w *Web) addShare(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	if _, err = sharedView(f.Get("Query"), nil); err != nil {
		err = admin.Refuse(admin.Invalid, "/query", "this view shows every affiliate: choose one affiliate or one code first, by its name in the table")
	}
	var made admin.ShareLink
	if err == nil {
		made, err = w.deps.People.AddShare(a.Context(), a.actor(), a.organizer.Slug, admin.ShareAdd{Label: f.Get("Label"), Query: f.Get("Query"), Expires: f.Get("Expires")})
	}
	data, failed := w.sharesOf(a)
	if failed != nil {
		return failed
	}
	if err != nil {
		return w.again(a, "shares", "Share links", f, err, data)
	}
	data.New = w.URL() + "/s/" + made.Token
	return w.form(a, "shares", "Share links", newForm("Query", f.Get("Query"), "Expires", f.Get("Expires")), data)
}

func (w *Web) endShare(a *ask) error {
	id, err := a.id()
	if err != nil {
		return err
	}
	if err := w.deps.People.EndShare(a.Context(), a.actor(), a.organizer.Slug, id); err != nil {
		return err
	}
	return a.redirect("/o/" + a.organizer.Slug + "/shares")
}

// id is the number in the path.
func (a *ask) id() (uint32, error) {
	n, err := strconv.ParseUint(a.PathValue("id"), 10, 32)
	if err != nil {
		return 0, errNotThere
	}
	return uint32(n), nil
}

func (w *Web) saveView(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	v := admin.SavedView{Person: a.session.Person.ID, Name: f.Get("Name"), Query: f.Get("Query"), Shared: f.Get("Shared") != ""}
	if _, err := w.deps.People.SaveView(a.Context(), a.organizer.Slug, v); err != nil {
		return err
	}
	return a.redirect("/o/" + a.organizer.Slug + "/performance?" + f.Get("Query"))
}

func (w *Web) deleteView(a *ask) error {
	id, err := a.id()
	if err != nil {
		return err
	}
	person := a.session.Person.ID
	if a.may(admin.RoleOwner) {
		person = 0
	}
	if err := w.deps.People.DeleteView(a.Context(), a.actor(), a.organizer.Slug, person, id); err != nil {
		return err
	}
	return a.redirect("/o/" + a.organizer.Slug + "/performance")
}
