package web

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
)

// cookieDays is longer than any session lives.
const cookieDays = 90

// cookieName is the session's. With the prefix a browser takes it from this host
// over TLS alone; on this machine's own http there is no prefix to be had.
func (w *Web) cookieName() string {
	if w.config.secure() {
		return "__Host-footfall"
	}
	return "footfall"
}

func (w *Web) setCookie(a *ask, token string) {
	c := &http.Cookie{
		Name: w.cookieName(), Value: token, Path: "/", MaxAge: cookieDays * 24 * 60 * 60, HttpOnly: true, Secure: w.config.secure(), SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(a.rw, c)
}

// sessionOf is who asks; nil: nobody who is known.
func (w *Web) sessionOf(r *http.Request) (*admin.Session, error) {
	c, err := r.Cookie(w.cookieName())
	if err != nil || c.Value == "" {
		return nil, nil //nolint:nilerr,nilnil // nobody
	}
	s, err := w.deps.People.Session(r.Context(), c.Value)
	if _, refused := admin.AsRefusal(err); refused {
		return nil, nil //nolint:nilnil // nobody
	}
	return &s, err
}

// home leads to the first organizer, to sign in, or to nowhere yet.
func (w *Web) home(a *ask) error {
	if a.session == nil {
		needed, err := w.deps.People.SetupNeeded(a.Context())
		if err != nil {
			return err
		}
		if needed {
			return w.page(a, "error", frame{Title: "Not set up yet", Body: "Nobody can sign in yet. Footfall prints a one-time set-up link when it starts; footfall setup-link prints another one."})
		}
		return a.redirect("/sign-in")
	}
	if m := a.session.Person.Memberships; len(m) > 0 {
		return a.redirect("/o/" + m[0].Organizer)
	}
	return w.page(a, "error", frame{Title: "No organizer", Body: "You are no member of any organizer. Ask an owner for an invitation."})
}

func (a *ask) redirect(to string) error {
	http.Redirect(a.rw, a.Request, to, http.StatusSeeOther)
	return nil
}

// signIn opens a session and goes on.
func (w *Web) signIn(a *ask, person ids.PersonID, to string) error {
	token, _, err := w.deps.People.OpenSession(a.Context(), person, deviceOf(a.UserAgent()))
	if err != nil {
		return err
	}
	w.setCookie(a, token)
	return a.redirect(to)
}

// deviceOf is what a browser says it is, in two words.
func deviceOf(agent string) string {
	first := func(choices ...[2]string) string {
		for _, c := range choices {
			if strings.Contains(agent, c[0]) {
				return c[1]
			}
		}
		return ""
	}
	browser := first([2]string{"Edg/", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := first([2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Android", "Android"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS", "Mac"}, [2]string{"Linux", "Linux"})
	switch {
	case browser == "":
		return "A program"
	case system == "":
		return browser
	}
	return browser + " on " + system
}

// addressOf is where a request comes from; the zero Addr where it can't be told:
// through a proxy that was not told of, and from this machine itself, where one may
// stand in front.
func (w *Web) addressOf(r *http.Request) netip.Addr {
	if hops := w.config.TrustedHops; hops > 0 {
		list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if len(list) < hops {
			return netip.Addr{}
		}
		text := strings.TrimSpace(list[len(list)-hops])
		if at, err := netip.ParseAddrPort(text); err == nil {
			return at.Addr()
		}
		address, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Addr{}
		}
		return address
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || peer.Addr().Unmap().IsLoopback() {
		return netip.Addr{}
	}
	return peer.Addr()
}

// here says that a path leads to a page of ours, and nowhere else.
func here(path string) string {
	if strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.ContainsAny(path, "\\\r\n") {
		return path
	}
	return "/"
}

func (w *Web) showSetup(a *ask) error {
	needed, err := w.deps.People.SetupNeeded(a.Context())
	if err != nil {
		return err
	}
	if !needed {
		return a.redirect("/sign-in")
	}
	return w.form(a, "setup", "Set up Footfall", newForm("Zone", "UTC", "Currency", "USD"), nil)
}

func (w *Web) doSetup(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	ask := admin.SetUp{Name: f.Get("Name"), Email: f.Get("Email"), Password: f.Get("Password")}
	if f.Get("Organizer") != "" {
		ask.NewOrganizer = &admin.Organizer{Slug: slugOf(f.Get("Organizer")), Name: f.Get("Organizer"), Zone: f.Get("Zone"), Currency: f.Get("Currency")}
	}
	p, err := w.deps.People.SetUp(a.Context(), a.PathValue("token"), ask)
	if err != nil {
		return w.again(a, "setup", "Set up Footfall", f, err, nil)
	}
	return w.signIn(a, p.ID, "/o/"+p.Memberships[0].Organizer+"/start")
}

func (w *Web) showSignIn(a *ask) error {
	return w.form(a, "signin", "Sign in", newForm("To", here(a.FormValue("to"))), nil)
}

func (w *Web) doSignIn(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	token, _, err := w.deps.People.SignIn(a.Context(), f.Get("Email"), f.Get("Password"), admin.Device{Label: deviceOf(a.UserAgent()), Address: w.addressOf(a.Request)})
	if r, refused := admin.AsRefusal(err); refused && r.Reason == admin.Busy {
		w.metrics.signIns.WithLabelValues(signInLimited).Inc()
		a.rw.Header().Set("Retry-After", strconv.Itoa(int(signInWait/time.Second)))
		err = &pageError{http.StatusTooManyRequests, r.Detail}
	} else if refused {
		w.metrics.signIns.WithLabelValues(signInRefused).Inc()
	}
	if err != nil {
		return w.again(a, "signin", "Sign in", f, err, nil)
	}
	w.metrics.signIns.WithLabelValues(signInOK).Inc()
	w.setCookie(a, token)
	return a.redirect(here(f.Get("To")))
}

func (w *Web) showInvitation(a *ask) error {
	i, err := w.deps.People.Invitation(a.Context(), a.PathValue("token"))
	if err != nil {
		return err
	}
	return w.form(a, "invitation", "Join "+i.Organizer, newForm("Name", i.Name), i)
}

func (w *Web) doInvitation(a *ask) error {
	i, err := w.deps.People.Invitation(a.Context(), a.PathValue("token"))
	if err != nil {
		return err
	}
	f, err := readForm(a)
	if err != nil {
		return err
	}
	p, err := w.deps.People.AcceptInvitation(a.Context(), a.PathValue("token"), admin.Accept{Name: f.Get("Name"), Password: f.Get("Password")})
	if err != nil {
		return w.again(a, "invitation", "Join "+i.Organizer, f, err, i)
	}
	return w.signIn(a, p.ID, "/o/"+i.Organizer)
}

func (w *Web) showReset(a *ask) error {
	return w.form(a, "reset", "Set a new password", newForm(), nil)
}

func (w *Web) doReset(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	p, err := w.deps.People.ResetPassword(a.Context(), a.PathValue("token"), f.Get("Password"))
	if err != nil {
		return w.again(a, "reset", "Set a new password", f, err, nil)
	}
	return w.signIn(a, p.ID, "/")
}

func (w *Web) doSignOut(a *ask) error {
	if err := w.deps.People.EndSession(a.Context(), a.actor(), a.session.Person.ID, a.session.ID); err != nil {
		return err
	}
	w.setCookie(a, "")
	return a.redirect("/sign-in")
}

// account is what the page of one's own shows.
type account struct {
	Devices []admin.Session
	Session uint32
}

func (w *Web) accountOf(a *ask) (account, error) {
	devices, err := w.deps.People.Sessions(a.Context(), a.session.Person.ID)
	return account{devices, a.session.ID}, err
}

func (w *Web) showAccount(a *ask) error {
	data, err := w.accountOf(a)
	if err != nil {
		return err
	}
	return w.form(a, "account", "Your account", newForm(), data)
}

func (w *Web) doPassword(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	if err := w.deps.People.ChangePassword(a.Context(), a.session.Person.ID, f.Get("Old"), f.Get("Password")); err != nil {
		data, failed := w.accountOf(a)
		if failed != nil {
			return failed
		}
		return w.again(a, "account", "Your account", f, err, data)
	}
	return w.signIn(a, a.session.Person.ID, "/account")
}

func (w *Web) doEndDevice(a *ask) error {
	id, err := strconv.ParseUint(a.PathValue("id"), 10, 32)
	if err != nil {
		return errNotThere
	}
	if err := w.deps.People.EndSession(a.Context(), a.actor(), a.session.Person.ID, uint32(id)); err != nil {
		return err
	}
	return a.redirect("/account")
}
