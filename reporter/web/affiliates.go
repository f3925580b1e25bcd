package web

import (
	"net/http"
	"strings"

	"footfall/schemas/admin"
)

// affiliates is the list, with the panel beside it.
type affiliates struct {
	List    []affiliateLine
	Filter  string
	Editing *admin.Affiliate // nil: the panel adds one
	Added   admin.Affiliate  // the one that was just added
	Adding  bool             // the panel is open
}

type affiliateLine struct {
	admin.Affiliate
	Codes []string
	More  int // codes that are not named
	New   bool
}

// namedCodes of an affiliate stand in the list.
const namedCodes = 3

func (w *Web) affiliatesOf(a *ask) (affiliates, error) {
	var out affiliates
	list, err := w.deps.Catalog.Affiliates(a.Context(), a.organizer.Slug)
	if err != nil {
		return out, err
	}
	codes, err := w.allCodes(a, "")
	if err != nil {
		return out, err
	}
	byAffiliate := map[uint32][]string{}
	for _, c := range codes {
		byAffiliate[uint32(c.Affiliate)] = append(byAffiliate[uint32(c.Affiliate)], c.Text)
	}
	out.Filter = strings.TrimSpace(a.URL.Query().Get("q"))
	emails := frame{Role: a.role}.Emails()
	for _, x := range list {
		if !emails {
			x.Email = ""
		}
		if out.Filter != "" && !strings.Contains(strings.ToLower(x.Name+" "+x.Nickname+" "+x.Email), strings.ToLower(out.Filter)) {
			continue
		}
		l := affiliateLine{Affiliate: x, Codes: byAffiliate[uint32(x.ID)]}
		if n := len(l.Codes); n > namedCodes {
			l.Codes, l.More = l.Codes[:namedCodes], n-namedCodes
		}
		l.New = a.URL.Query().Get("new") == formatInt(int64(x.ID))
		if l.New {
			out.Added = x
		}
		out.List = append(out.List, l)
	}
	return out, nil
}

// allCodes reads every page of the codes.
func (w *Web) allCodes(a *ask, affiliate string) ([]admin.Code, error) {
	q := admin.CodeQuery{Organizer: a.organizer.Slug, Affiliate: affiliate}
	var all []admin.Code
	for {
		page, err := w.deps.Catalog.Codes(a.Context(), q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Codes...)
		if page.Next == 0 {
			return all, nil
		}
		q.After = page.Next
	}
}

func (w *Web) showAffiliates(a *ask) error {
	data, err := w.affiliatesOf(a)
	if err != nil {
		return err
	}
	f := newForm()
	data.Adding = a.URL.Query().Has("add") || len(data.List) == 0 && data.Filter == ""
	if id := a.PathValue("id"); id != "" {
		x, err := w.deps.Catalog.Affiliate(a.Context(), a.organizer.Slug, id)
		if err != nil {
			return err
		}
		if !(frame{Role: a.role}).Emails() {
			x.Email = ""
		}
		data.Editing = &x
		f = newForm("Name", x.Name, "Nickname", x.Nickname, "Email", x.Email)
	}
	return w.affiliatesPage(a, http.StatusOK, f, data)
}

func (w *Web) affiliatesPage(a *ask, status int, f form, data affiliates) error {
	return w.pageAs(a, status, "affiliates", frame{Title: "Affiliates", Tab: "affiliates", Form: f, Body: data})
}

// affiliatesAgain shows the list with what is wrong with the panel's form.
func (w *Web) affiliatesAgain(a *ask, f form, err error, editing *admin.Affiliate) error {
	status, f, err := mark(f, err)
	if err != nil {
		return err
	}
	data, err := w.affiliatesOf(a)
	if err != nil {
		return err
	}
	data.Adding, data.Editing = true, editing
	return w.affiliatesPage(a, status, f, data)
}

func (w *Web) addAffiliate(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	if f.Get("Anyway") == "" {
		if other, err := w.sameEmail(a, f.Get("Email")); err != nil {
			return err
		} else if other != "" {
			f.Values.Set("Warned", "1")
			return w.affiliatesAgain(a, f, admin.Refuse(admin.Conflict, "/email", "%s has this email address already; add another affiliate with it only if that is meant", other), nil)
		}
	}
	made, err := w.deps.Catalog.AddAffiliate(a.Context(), a.actor(), admin.AffiliateAdd{Organizer: a.organizer.Slug, Name: f.Get("Name"), Nickname: f.Get("Nickname"), Email: f.Get("Email")})
	if err != nil {
		return w.affiliatesAgain(a, f, err, nil)
	}
	return a.redirect(a.at("affiliates", "new", formatInt(int64(made.ID))) + "#affiliate-" + formatInt(int64(made.ID)))
}

// sameEmail names the affiliate that has an email already.
func (w *Web) sameEmail(a *ask, email string) (string, error) {
	if email == "" {
		return "", nil
	}
	list, err := w.deps.Catalog.Affiliates(a.Context(), a.organizer.Slug)
	for _, x := range list {
		if strings.EqualFold(x.Email, email) {
			return x.Name, err
		}
	}
	return "", err
}

// at is a path of the organizer with the event of the page, and more.
func (a *ask) at(rest string, pairs ...string) string {
	q := []string{}
	if event := a.URL.Query().Get("event"); event != "" {
		q = append(q, "event="+urlEscape(event))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q = append(q, pairs[i]+"="+urlEscape(pairs[i+1]))
	}
	to := "/o/" + a.organizer.Slug + "/" + rest
	if len(q) > 0 {
		to += "?" + strings.Join(q, "&")
	}
	return to
}

func (w *Web) editAffiliate(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	name, nickname, email := f.Get("Name"), f.Get("Nickname"), f.Get("Email")
	_, err = w.deps.Catalog.EditAffiliate(a.Context(), a.actor(), a.organizer.Slug, a.PathValue("id"), admin.AffiliateEdit{Name: &name, Nickname: &nickname, Email: &email})
	if err != nil {
		x, failed := w.deps.Catalog.Affiliate(a.Context(), a.organizer.Slug, a.PathValue("id"))
		if failed != nil {
			return failed
		}
		return w.affiliatesAgain(a, f, err, &x)
	}
	return a.redirect(a.at("affiliates", "new", a.PathValue("id")) + "#affiliate-" + a.PathValue("id"))
}

func (w *Web) pauseAffiliate(a *ask) error {
	paused := strings.HasSuffix(a.URL.Path, "/pause")
	if _, err := w.deps.Catalog.PauseAffiliate(a.Context(), a.actor(), a.organizer.Slug, a.PathValue("id"), paused); err != nil {
		return err
	}
	return a.redirect(a.at("affiliates", "new", a.PathValue("id")) + "#affiliate-" + a.PathValue("id"))
}
