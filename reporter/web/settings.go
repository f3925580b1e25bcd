package web

import (
	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// settings is what owners keep.
type settings struct {
	People      []admin.Person
	Invitations []admin.Invitation
	Roles       []admin.Role
	Link        string // that was just made; shown once
	LinkFor     string
	Secret      string // likewise
	OrdersURL   string
}

func (w *Web) settingsOf(a *ask) (s settings, err error) {
	s.Roles = []admin.Role{admin.RoleOwner, admin.RoleManager, admin.RoleAnalyst, admin.RoleViewer}
	s.OrdersURL = w.ordersURL()
	if s.People, err = w.deps.People.People(a.Context(), a.organizer.Slug); err != nil {
		return s, err
	}
	s.Invitations, err = w.deps.People.Invitations(a.Context(), a.organizer.Slug)
	return s, err
}

func (w *Web) ordersURL() string {
	base := w.config.OrdersURL
	if base == "" && w.deps.Orders != nil {
		base = w.deps.Orders()
	}
	return base + "/v1/orders"
}

func (w *Web) showSettings(a *ask) error {
	data, err := w.settingsOf(a)
	if err != nil {
		return err
	}
	return w.form(a, "settings", "Settings", newForm("Currency", a.organizer.Currency, "Zone", a.organizer.Zone), data)
}

// settingsAgain shows the page with a link or secret that was made, or with what
// is wrong.
func (w *Web) settingsAgain(a *ask, f form, err error, made func(*settings)) error {
	data, failed := w.settingsOf(a)
	if failed != nil {
		return failed
	}
	if err != nil {
		return w.again(a, "settings", "Settings", f, err, data)
	}
	made(&data)
	return w.form(a, "settings", "Settings", newForm("Currency", a.organizer.Currency, "Zone", a.organizer.Zone), data)
}

func (w *Web) invite(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	i, err := w.deps.People.Invite(a.Context(), a.actor(), a.organizer.Slug, admin.InviteAdd{Email: f.Get("Email"), Role: admin.Role(f.Get("Role"))})
	return w.settingsAgain(a, f, err, func(s *settings) { s.Link, s.LinkFor = w.URL()+"/invitation/"+i.Token, i.Email })
}

func (w *Web) endInvitation(a *ask) error {
	id, err := a.id()
	if err != nil {
		return err
	}
	if err := w.deps.People.EndInvitation(a.Context(), a.actor(), a.organizer.Slug, id); err != nil {
		return err
	}
	return a.redirect("/o/" + a.organizer.Slug + "/settings")
}

// member is the person of the path, who must be one of the organizer's.
func (w *Web) member(a *ask) (admin.Person, error) {
	id, err := a.id()
	if err != nil {
		return admin.Person{}, err
	}
	people, err := w.deps.People.People(a.Context(), a.organizer.Slug)
	for _, p := range people {
		if p.ID == ids.PersonID(id) {
			return p, err
		}
	}
	if err == nil {
		err = errNotThere
	}
	return admin.Person{}, err
}

func (w *Web) setRole(a *ask) error {
	p, err := w.member(a)
	if err != nil {
		return err
	}
	f, err := readForm(a)
	if err != nil {
		return err
	}
	if err := w.deps.People.SetRole(a.Context(), a.actor(), a.organizer.Slug, p.ID, admin.Role(f.Get("Role"))); err != nil {
		return w.settingsAgain(a, f, err, nil)
	}
	return a.redirect("/o/" + a.organizer.Slug + "/settings")
}

func (w *Web) resetLink(a *ask) error {
	p, err := w.member(a)
	if err != nil {
		return err
	}
	token, err := w.deps.People.ResetLink(a.Context(), a.actor(), p.ID)
	return w.settingsAgain(a, newForm(), err, func(s *settings) { s.Link, s.LinkFor = w.URL()+"/reset/"+token, p.Email })
}

func (w *Web) addEvent(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	slug := f.Get("Slug")
	if slug == "" {
		slug = slugOf(f.Get("Name"))
	}
	e, err := w.deps.Catalog.AddEvent(a.Context(), a.actor(), admin.EventAdd{
		Organizer: a.organizer.Slug, Slug: slug, Name: f.Get("Name"), Destination: f.Get("Destination"), Zone: f.Get("Zone"), Currency: f.Get("Currency"), Start: f.Get("Start"), End: f.Get("End"),
	})
	if err != nil {
		return w.settingsAgain(a, f, err, nil)
	}
	return a.redirect("/o/" + a.organizer.Slug + "/start?event=" + e.Slug)
}

func (w *Web) addSecret(a *ask) error {
	s, err := w.deps.Catalog.AddWebhookSecret(a.Context(), a.actor(), a.organizer.Slug, "")
	return w.settingsAgain(a, newForm(), err, func(data *settings) { data.Secret = s.Secret })
}
