package lake

// TableCatalog holds the catalog's history for whoever reads the lake without
// the reporter: one row for each version of each thing, in its own log.
const TableCatalog = "catalog"

// The kinds of catalog rows.
const (
	KindRevision  = "revision"   // the catalog is published up to here
	KindOrganizer = "organizer"  // a tenant
	KindEvent     = "event"      // a dated thing on sale
	KindAffiliate = "affiliate"  // id and state: no name, no email
	KindCode      = "code"       // a tracking code, and whether it is paused by itself
	KindCodeText  = "code_text"  // a text that leads to a code: today's, or an alias
	KindCodeOwner = "code_owner" // whose a code is from valid_from on
	KindCoupon    = "coupon"     // a coupon bound to a code
	KindPolicy    = "policy"     // how an organizer's orders are credited
)

// CatalogRow is one version of one thing of the catalog. Of the rows of a thing
// the one with the largest revision at or below the as-of is the thing; histories
// (texts, owners, pauses, policies) are read as docs/format/lake.md
// says. Columns that a kind has no use for are null.
type CatalogRow struct {
	Kind        string `parquet:"kind,dict"`
	ID          int64  `parquet:"id"`
	Revision    int64  `parquet:"revision,delta"`
	Incarnation string `parquet:"incarnation,dict"` // 16 hexadecimal digits
	KnownAtUS   int64  `parquet:"known_at,timestamp(microsecond),delta"`

	ValidFromMS  int64  `parquet:"valid_from,timestamp(millisecond),delta"`
	ValidUntilMS *int64 `parquet:"valid_until,timestamp(millisecond)"`

	OrganizerID *int64 `parquet:"organizer_id,optional,dict"`
	EventID     *int64 `parquet:"event_id,optional,dict"`
	AffiliateID *int64 `parquet:"affiliate_id,optional,dict"`
	CodeID      *int64 `parquet:"code_id,optional"`

	Slug       *string `parquet:"slug,optional,dict"`
	Name       *string `parquet:"name,optional,dict"` // of an event
	Zone       *string `parquet:"zone,optional,dict"`
	Currency   *string `parquet:"currency,optional,dict"`
	Cookies    *bool   `parquet:"cookies,optional"`
	StartsAtMS *int64  `parquet:"starts_at,timestamp(millisecond)"`
	EndsAtMS   *int64  `parquet:"ends_at,timestamp(millisecond)"`
	Paused     *bool   `parquet:"paused,optional"`
	Text       *string `parquet:"text,optional"`   // as typed
	Folded     *string `parquet:"folded,optional"` // ASCII letters in lower case

	PolicyVersion *int64  `parquet:"policy_version,optional,dict"`
	WindowDays    *int64  `parquet:"window_days,optional,dict"`
	CutAtEventEnd *bool   `parquet:"cut_at_event_end,optional"`
	Pick          *string `parquet:"pick,optional,dict"`
	Rules         *string `parquet:"rules,optional,dict"` // the strongest first, with commas between
}
