// Package admin is the JSON of the API that people administer Footfall with:
// organizers, events, affiliates, tracking codes, collectors and keys, as they
// cross the unix socket.
//
// Invariant: times are RFC 3339 with a zone, or a plain date where a day of the
// organizer's zone is meant; organizers and events go by their slugs, codes by
// their text, affiliates by id. A secret stands only in the answer that created
// it.
package admin

import (
	"time"

	"footfall/schemas/ids"
)

// States of affiliates and codes.
const (
	StateActive = "active"
	StatePaused = "paused"
)

// Scopes of codes.
const (
	ScopeCommon = "common"
	ScopeEvent  = "event"
)

// Organizer is a tenant: sells tickets, owns events, affiliates and codes.
type Organizer struct {
	ID       ids.OrganizerID `json:"id"`
	Slug     string          `json:"slug"`
	Name     string          `json:"name"`
	Zone     string          `json:"zone"`     // IANA
	Currency string          `json:"currency"` // ISO 4217, default of its events
	Cookies  bool            `json:"cookies"`  // visitor cookies on the redirect host
}

// OrganizerEdit changes an organizer; nil leaves a field as it is. Zone is not
// here: owners of codes change at midnights of the zone, also past ones.
type OrganizerEdit struct {
	Name     *string `json:"name,omitempty"`
	Currency *string `json:"currency,omitempty"`
	Cookies  *bool   `json:"cookies,omitempty"`
}

// Event is a dated thing on sale.
type Event struct {
	ID          ids.EventID `json:"id"`
	Organizer   string      `json:"organizer"` // slug
	Slug        string      `json:"slug"`      // unique in the installation: it is in the link
	Name        string      `json:"name"`
	Destination string      `json:"destination"` // percent-encoded at save
	Zone        string      `json:"zone"`
	Currency    string      `json:"currency"`
	Start       time.Time   `json:"start"` // in Zone
	End         time.Time   `json:"end"`
}

// EventAdd asks for a new event. Zone and Currency default to the organizer's.
// Start and End are RFC 3339, or local to Zone without an offset
// ("2026-12-24T19:30", "2026-12-24": start of that day).
type EventAdd struct {
	Organizer   string `json:"organizer,omitempty"`
	Slug        string `json:"slug"`
	Name        string `json:"name"`
	Destination string `json:"destination"`
	Zone        string `json:"zone,omitempty"`
	Currency    string `json:"currency,omitempty"`
	Start       string `json:"start"`
	End         string `json:"end"`
}

// EventEdit changes an event; nil leaves a field as it is. Currency and zone
// are not here: sales are counted in them.
type EventEdit struct {
	Name        *string `json:"name,omitempty"`
	Destination *string `json:"destination,omitempty"`
	Start       *string `json:"start,omitempty"`
	End         *string `json:"end,omitempty"`
}

// Affiliate is a partner who is credited; never deleted.
type Affiliate struct {
	ID        ids.AffiliateID `json:"id"`
	Organizer string          `json:"organizer"`
	Name      string          `json:"name"`
	Nickname  string          `json:"nickname,omitempty"`
	Email     string          `json:"email"`
	State     string          `json:"state"`
	Warnings  []string        `json:"warnings,omitempty"` // of the request that is answered
}

// AffiliateAdd asks for a new affiliate.
type AffiliateAdd struct {
	Organizer string `json:"organizer,omitempty"`
	Name      string `json:"name"`
	Nickname  string `json:"nickname,omitempty"`
	Email     string `json:"email"`
}

// AffiliateEdit changes an affiliate; nil leaves a field as it is.
type AffiliateEdit struct {
	Name     *string `json:"name,omitempty"`
	Nickname *string `json:"nickname,omitempty"`
	Email    *string `json:"email,omitempty"`
}

// Code is a tracking code with every text that leads to it.
type Code struct {
	ID            ids.CodeID      `json:"id"`
	Organizer     string          `json:"organizer"`
	Scope         string          `json:"scope"`           // common or event
	Event         string          `json:"event,omitempty"` // slug, of scope event
	Text          string          `json:"text"`
	Aliases       []string        `json:"aliases"`
	State         string          `json:"state"`        // the code's own
	OwnerPaused   bool            `json:"owner_paused"` // paused because its affiliate is
	Affiliate     ids.AffiliateID `json:"affiliate"`    // who owns it now
	AffiliateName string          `json:"affiliate_name"`
	Owners        []CodeOwner     `json:"owners"` // dated, oldest first, coming ones too
}

// CodeOwner is one entry of a code's dated history: from From on, until the
// next entry's. The first one's From is the zero time: from the beginning.
type CodeOwner struct {
	Affiliate ids.AffiliateID `json:"affiliate"`
	Name      string          `json:"name"`
	From      time.Time       `json:"from"`
}

// CodeAdd asks for a new code. Affiliate is an id, an email, a nickname or a
// name. With ClaimFrom, a past date of the organizer's zone, the code also owns
// the visits since that midnight that came with its text while it was unknown.
type CodeAdd struct {
	Organizer string `json:"organizer,omitempty"`
	Event     string `json:"event,omitempty"` // slug; empty: common
	Text      string `json:"text"`
	Affiliate string `json:"affiliate"`
	ClaimFrom string `json:"claim_from,omitempty"`
}

// CodeRef names a code: by its text or an alias, in the organizer, and in the
// event when more than one event has that text.
type CodeRef struct {
	Organizer string
	Event     string
	Text      string
}

// CodeRename asks for a new text; the old one stays an alias.
type CodeRename struct {
	Text string `json:"text"`
}

// CodeReassign asks for a new owner from a coming midnight of the organizer's
// zone on; From empty: the next one.
type CodeReassign struct {
	Affiliate string `json:"affiliate"`
	From      string `json:"from,omitempty"` // 2026-12-01
}

// CodeQuery selects codes for a list, in pages.
type CodeQuery struct {
	Organizer, Event, Affiliate string
	After                       ids.CodeID // the last id of the page before
	Limit                       int        // 0: 1,000, which is also the most
}

// CodePage is one page of a list; Next is zero on the last one.
type CodePage struct {
	Codes []Code     `json:"codes"`
	Next  ids.CodeID `json:"next,omitempty"`
}

// Alias is one text that leads to a code.
type Alias struct {
	Text    string `json:"text"`
	Current bool   `json:"current"` // the code's text of today
	// Since is when the text began to resolve; visits before it stay unknown.
	Since time.Time `json:"since"`
}

// States of coupons.
const (
	CouponActive = StateActive
	CouponComing = "coming"
	CouponEnded  = "ended"
)

// Coupon is a coupon's text bound to a tracking code: orders of a time from From
// to before Until that carry it are credited to the code.
type Coupon struct {
	ID        uint32     `json:"id"`
	Organizer string     `json:"organizer"`
	Text      string     `json:"text"`
	Code      string     `json:"code"` // text of today
	CodeID    ids.CodeID `json:"code_id"`
	From      time.Time  `json:"from"`
	Until     *time.Time `json:"until,omitempty"` // none: no end; equal to From: it never held
	State     string     `json:"state"`           // coming, active, ended
}

// CouponAdd asks to bind a coupon to a code. From and Until are days of the
// organizer's zone, like 2026-12-01; From may be past, empty it is now.
type CouponAdd struct {
	Organizer string `json:"organizer,omitempty"`
	Text      string `json:"text"`
	Code      string `json:"code"`
	Event     string `json:"event,omitempty"` // slug, where more than one event has that code
	From      string `json:"from,omitempty"`
	Until     string `json:"until,omitempty"`
}

// Tenant is the organizer that the request names.
func (a *CouponAdd) Tenant() *string { return &a.Organizer }

// CouponEnd asks to end a coupon at a coming day, like 2026-12-01; empty: now.
type CouponEnd struct {
	Until string `json:"until,omitempty"`
}

// Link is what an affiliate hands out, without the host that serves it.
type Link struct {
	Path  string `json:"path"` // /e/EVENT/?affiliate=CODE
	Code  string `json:"code"`
	Event string `json:"event"`
	// Warnings say why the link, which works, may earn nothing.
	Warnings []string `json:"warnings,omitempty"`
}

// WebhookSecret signs an organizer's orders. Secret stands only in the answer
// that created it.
type WebhookSecret struct {
	ID      uint32     `json:"id"`
	Secret  string     `json:"secret,omitempty"` // whsec_…
	Hint    string     `json:"hint"`             // its last four characters
	Created time.Time  `json:"created"`
	Ended   *time.Time `json:"ended,omitempty"`
}

// Collector is an enrolled collector. Token stands only in the answer that
// enrolled it.
type Collector struct {
	ID       ids.CollectorID `json:"id"`
	Name     string          `json:"name"`
	Orders   bool            `json:"orders"` // has an order listener: gets webhook secrets
	State    string          `json:"state"`  // active, retired
	Enrolled time.Time       `json:"enrolled"`
	Retired  *time.Time      `json:"retired,omitempty"`
	Token    string          `json:"token,omitempty"`
}

// StateRetired is the state of a collector whose logs are closed.
const StateRetired = "retired"

// CollectorEnrol asks to enrol a collector.
type CollectorEnrol struct {
	Name   string `json:"name"`
	Orders bool   `json:"orders"`
}

// ClickKey is a key of click ids, without the key.
type ClickKey struct {
	ID      uint8      `json:"id"`
	Created time.Time  `json:"created"`
	Minting bool       `json:"minting"`
	Ends    *time.Time `json:"ends,omitempty"` // compromised: clicks from here on earn nothing
}

// AuditEntry is one line of the append-only audit log. Before and After are
// JSON objects of the fields that changed; names and emails are only named, as
// they must be erasable.
type AuditEntry struct {
	ID       int64          `json:"id"`
	At       time.Time      `json:"at"`
	Actor    string         `json:"actor"`
	Action   string         `json:"action"`
	Subject  string         `json:"subject"`
	Before   map[string]any `json:"before,omitempty"`
	After    map[string]any `json:"after,omitempty"`
	Revision string         `json:"revision,omitempty"`
}

// Backup says what a backup holds.
type Backup struct {
	Path     string `json:"path"`
	Revision string `json:"revision"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
}

// BackupRequest asks for a backup at an absolute path of the server's machine.
type BackupRequest struct {
	Path string `json:"path"`
}
