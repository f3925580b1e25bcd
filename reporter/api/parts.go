package api

import (
	"context"
	"io"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/policy"
)

// Catalog is what the API asks and changes; reporter/catalog is one. An error
// that holds an *admin.Refusal is the asker's to mend.
type Catalog interface {
	Organizers
	Affiliates
	Codes
	Crediting
	Keys
	Principals
	People
	Revision(ctx context.Context) (ids.Revision, error)
	Audit(ctx context.Context, before int64, limit int) ([]admin.AuditEntry, error)
	Backup(ctx context.Context, actor, path string) (admin.Backup, error)
	Check(ctx context.Context) error
	// Import reads a CSV file of affiliates or codes, all or nothing; the result's
	// faults say why it was nothing.
	Import(ctx context.Context, actor, kind, organizer string, dryRun bool, file io.Reader) (admin.ImportResult, error)
}

// Organizers are tenants and their events.
type Organizers interface {
	AddOrganizer(ctx context.Context, actor string, o admin.Organizer) (admin.Organizer, error)
	EditOrganizer(ctx context.Context, actor, slug string, edit admin.OrganizerEdit) (admin.Organizer, error)
	Organizers(ctx context.Context) ([]admin.Organizer, error)
	Organizer(ctx context.Context, slug string) (admin.Organizer, error)
	AddEvent(ctx context.Context, actor string, add admin.EventAdd) (admin.Event, error)
	EditEvent(ctx context.Context, actor, slug string, edit admin.EventEdit) (admin.Event, error)
	Events(ctx context.Context, organizer string) ([]admin.Event, error)
	Event(ctx context.Context, slug string) (admin.Event, error)
}

// Affiliates are partners who are credited.
type Affiliates interface {
	AddAffiliate(ctx context.Context, actor string, add admin.AffiliateAdd) (admin.Affiliate, error)
	EditAffiliate(ctx context.Context, actor, organizer, ref string, edit admin.AffiliateEdit) (admin.Affiliate, error)
	PauseAffiliate(ctx context.Context, actor, organizer, ref string, paused bool) (admin.Affiliate, error)
	Affiliates(ctx context.Context, organizer string) ([]admin.Affiliate, error)
	Affiliate(ctx context.Context, organizer, ref string) (admin.Affiliate, error)
}

// Codes are tracking codes and their links.
type Codes interface {
	AddCode(ctx context.Context, actor string, add admin.CodeAdd) (admin.Code, error)
	PauseCode(ctx context.Context, actor string, ref admin.CodeRef, paused bool) (admin.Code, error)
	RenameCode(ctx context.Context, actor string, ref admin.CodeRef, rename admin.CodeRename) (admin.Code, error)
	ReassignCode(ctx context.Context, actor string, ref admin.CodeRef, to admin.CodeReassign) (admin.Code, error)
	Codes(ctx context.Context, query admin.CodeQuery) (admin.CodePage, error)
	Code(ctx context.Context, ref admin.CodeRef) (admin.Code, error)
	Aliases(ctx context.Context, ref admin.CodeRef) ([]admin.Alias, error)
	Link(ctx context.Context, ref admin.CodeRef) (admin.Link, error)
}

// Crediting is what credits an order beside its click.
type Crediting interface {
	AddCoupon(ctx context.Context, actor string, add admin.CouponAdd) (admin.Coupon, error)
	EndCoupon(ctx context.Context, actor, organizer, text string, end admin.CouponEnd) (admin.Coupon, error)
	Coupons(ctx context.Context, organizer string) ([]admin.Coupon, error)
	SetPolicy(ctx context.Context, actor string, set policy.Set) (policy.Listed, error)
	Policies(ctx context.Context, organizer string) ([]policy.Listed, error)
}

// Keys are collectors with their tokens, webhook secrets and click keys.
type Keys interface {
	EnrolCollector(ctx context.Context, actor string, enrol admin.CollectorEnrol) (admin.Collector, error)
	RenewToken(ctx context.Context, actor string, id ids.CollectorID) (admin.Collector, error)
	RetireCollector(ctx context.Context, actor string, id ids.CollectorID) (admin.Collector, error)
	Collectors(ctx context.Context) ([]admin.Collector, error)
	AddWebhookSecret(ctx context.Context, actor, organizer, secret string) (admin.WebhookSecret, error)
	EndWebhookSecret(ctx context.Context, actor, organizer string, id uint32) (admin.WebhookSecret, error)
	WebhookSecrets(ctx context.Context, organizer string) ([]admin.WebhookSecret, error)
	RotateClickKey(ctx context.Context, actor string) (admin.ClickKey, error)
	EndClickKey(ctx context.Context, actor string, id uint8, ends time.Time) (admin.ClickKey, error)
	ClickKeys(ctx context.Context) ([]admin.ClickKey, error)
}

// People are who sign in to the dashboard.
type People interface {
	// SetupLink gives an empty token once somebody can sign in.
	SetupLink(ctx context.Context) (token string, err error)
	People(ctx context.Context, organizer string) ([]admin.Person, error)
	AddMember(ctx context.Context, actor, organizer string, add admin.MemberAdd) (admin.Person, error)
	SetRole(ctx context.Context, actor, organizer string, person ids.PersonID, role admin.Role) error
	ErasePerson(ctx context.Context, actor string, person ids.PersonID) error
	OperatorResetLink(ctx context.Context, actor string, person ids.PersonID) (token string, err error)
	Invite(ctx context.Context, actor, organizer string, add admin.InviteAdd) (admin.Invitation, error)
	Invitations(ctx context.Context, organizer string) ([]admin.Invitation, error)
	EndInvitation(ctx context.Context, actor, organizer string, id uint32) error
}

// Principals knows whose an API key is.
type Principals interface {
	// Authenticate says who asks with a key; the error is an *admin.Refusal with the
	// reason NotFound where the key is unknown, ended or expired.
	Authenticate(ctx context.Context, key string) (admin.Principal, error)
	AddAPIKey(ctx context.Context, actor string, add admin.APIKeyAdd) (admin.APIKey, error)
	EndAPIKey(ctx context.Context, actor, organizer string, id uint32) (admin.APIKey, error)
	APIKeys(ctx context.Context, organizer string) ([]admin.APIKey, error)
}
