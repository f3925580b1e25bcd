// Package web is the dashboard: what an organizer opens in a browser to add
// affiliates, hand out links and read figures.
//
// Invariant: all figures of a page are of one as-of, and are those that the
// command line and an export give for the same question; it counts nothing
// itself. Nobody sees anything of an organizer that they are no member of: it is
// answered as if it weren't there. What a role may not do has no control on the
// page, and is refused whatever the request says.
//
// Every page works without JavaScript. It refuses to be framed, to run what it
// did not bring along, and to be read over a network in the clear.
package web

import (
	"context"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/internal/ops"
	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/reports"
)

// Reports answers what is asked of visits, orders and money. A refusal (an
// *admin.Refusal) is the asker's to mend.
type Reports interface {
	Report(ctx context.Context, parameters url.Values, deliver func(context.Context, *reports.Table) error) error
	// Together makes several reports of one reading, so of one as-of.
	Together(ctx context.Context, asks []url.Values, deliver func(ctx context.Context, n int, t *reports.Table) error) error
	Bounds(ctx context.Context, organizer, event string, asOfUS int64) (reports.Bounds, error)
	// Newest is the as-of of the newest there is: while it stays, so does every answer.
	Newest(ctx context.Context) (asOfUS int64, err error)
	Explain(ctx context.Context, organizer, order string, parameters url.Values) (*reports.Explanation, error)
	ContentType(format string) (string, error)
	WriteTable(ctx context.Context, w io.Writer, f reports.Format, t *reports.Table) error
}

// Catalog is what is sold and who is credited.
type Catalog interface {
	Organizer(ctx context.Context, slug string) (admin.Organizer, error)
	Events(ctx context.Context, organizer string) ([]admin.Event, error)
	AddEvent(ctx context.Context, actor string, add admin.EventAdd) (admin.Event, error)
	AddAffiliate(ctx context.Context, actor string, add admin.AffiliateAdd) (admin.Affiliate, error)
	EditAffiliate(ctx context.Context, actor, organizer, ref string, edit admin.AffiliateEdit) (admin.Affiliate, error)
	PauseAffiliate(ctx context.Context, actor, organizer, ref string, paused bool) (admin.Affiliate, error)
	Affiliates(ctx context.Context, organizer string) ([]admin.Affiliate, error)
	Affiliate(ctx context.Context, organizer, ref string) (admin.Affiliate, error)
	AddCode(ctx context.Context, actor string, add admin.CodeAdd) (admin.Code, error)
	PauseCode(ctx context.Context, actor string, ref admin.CodeRef, paused bool) (admin.Code, error)
	RenameCode(ctx context.Context, actor string, ref admin.CodeRef, rename admin.CodeRename) (admin.Code, error)
	ReassignCode(ctx context.Context, actor string, ref admin.CodeRef, to admin.CodeReassign) (admin.Code, error)
	Codes(ctx context.Context, query admin.CodeQuery) (admin.CodePage, error)
	Code(ctx context.Context, ref admin.CodeRef) (admin.Code, error)
	Link(ctx context.Context, ref admin.CodeRef) (admin.Link, error)
	Revision(ctx context.Context) (ids.Revision, error)
	AddWebhookSecret(ctx context.Context, actor, organizer, secret string) (admin.WebhookSecret, error)
	Import(ctx context.Context, actor, kind, organizer string, dryRun bool, file io.Reader) (admin.ImportResult, error)
}

// People is who signs in, and what they keep.
type People interface {
	SetupNeeded(ctx context.Context) (bool, error)
	SetUp(ctx context.Context, token string, ask admin.SetUp) (admin.Person, error)
	SignIn(ctx context.Context, email, password string, d admin.Device) (token string, _ admin.Session, err error)
	OpenSession(ctx context.Context, person ids.PersonID, label string) (token string, _ admin.Session, err error)
	Session(ctx context.Context, token string) (admin.Session, error)
	Sessions(ctx context.Context, person ids.PersonID) ([]admin.Session, error)
	EndSession(ctx context.Context, actor string, person ids.PersonID, session uint32) error
	ChangePassword(ctx context.Context, person ids.PersonID, old, password string) error
	People(ctx context.Context, organizer string) ([]admin.Person, error)
	SetRole(ctx context.Context, actor, organizer string, person ids.PersonID, role admin.Role) error
	Invite(ctx context.Context, actor, organizer string, add admin.InviteAdd) (admin.Invitation, error)
	Invitations(ctx context.Context, organizer string) ([]admin.Invitation, error)
	EndInvitation(ctx context.Context, actor, organizer string, id uint32) error
	Invitation(ctx context.Context, token string) (admin.Invitation, error)
	AcceptInvitation(ctx context.Context, token string, accept admin.Accept) (admin.Person, error)
	ResetLink(ctx context.Context, actor string, person ids.PersonID) (token string, err error)
	ResetPassword(ctx context.Context, token, password string) (admin.Person, error)
	SaveView(ctx context.Context, organizer string, v admin.SavedView) (admin.SavedView, error)
	SavedViews(ctx context.Context, organizer string, person ids.PersonID) ([]admin.SavedView, error)
	DeleteView(ctx context.Context, actor, organizer string, person ids.PersonID, id uint32) error
	AddShare(ctx context.Context, actor, organizer string, add admin.ShareAdd) (admin.ShareLink, error)
	Shares(ctx context.Context, organizer string) ([]admin.ShareLink, error)
	EndShare(ctx context.Context, actor, organizer string, id uint32) error
	Share(ctx context.Context, token string) (admin.ShareLink, error)
}

// Deps is what the dashboard shows and changes.
type Deps struct {
	Catalog Catalog
	People  People
	Reports Reports
	// Links is where buyers click: scheme and host, as http://127.0.0.1:8600. It
	// is asked when a link is shown, as the click listener may open later.
	Links   func() string
	Orders  func() string // likewise where orders are sent
	Clock   func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Web serves the dashboard. New opens nothing; Open takes the address and Run
// serves.
type Web struct {
	config  Config
	deps    Deps
	metrics *metrics
	log     *ops.Limiter
	assets  *assets
	pages   map[string]*template.Template
	mux     *http.ServeMux
	routes  []route
	watched *watched

	listener net.Listener // after Open; nil without an address
}

// New checks the configuration, reads the templates and builds the routes.
func New(config Config, deps Deps) (*Web, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if deps.Catalog == nil || deps.People == nil || deps.Reports == nil || deps.Clock == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("web: catalog, people, reports, clock, log and metrics are needed")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	w := &Web{config: config, deps: deps, metrics: m, log: ops.Every(time.Minute, deps.Clock, deps.Log), watched: &watched{views: map[string]*watch{}}}
	if w.assets, err = newAssets(); err != nil {
		return nil, err
	}
	if w.pages, err = w.parse(); err != nil {
		return nil, err
	}
	w.mux = http.NewServeMux()
	w.register()
	return w, nil
}
