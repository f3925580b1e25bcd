package lake

// VisitRow is one visit: the facts that the edge recorded, where the record
// stood in its journal, and what the consumer added (bot, known_at).
// Columns that are optional and not pointers are null when zero or empty.
type VisitRow struct {
	VisitedAtMS        int64  `parquet:"visited_at,timestamp(millisecond),delta"`
	KnownAtUS          int64  `parquet:"known_at,timestamp(microsecond),delta"`
	Collector          int64  `parquet:"collector,dict"`
	Epoch              string `parquet:"epoch,dict"`
	Shard              int64  `parquet:"shard,dict"`
	Sequence           int64  `parquet:"sequence,delta"`
	OrganizerID        int64  `parquet:"organizer_id,dict"`
	EventID            int64  `parquet:"event_id,dict"`
	CodeID             int64  `parquet:"code_id,optional,dict"`
	CodeText           string `parquet:"code_text,optional,dict"`
	CodeState          string `parquet:"code_state,dict"`
	Ended              bool   `parquet:"ended"`
	Test               bool   `parquet:"test"`
	Head               bool   `parquet:"head"`
	Prefetch           bool   `parquet:"prefetch"`
	Bot                bool   `parquet:"bot"`
	BotKind            string `parquet:"bot_kind,optional,dict"`
	BotRules           string `parquet:"bot_rules,dict"`
	RepeatedAffiliate  bool   `parquet:"repeated_affiliate"`
	GPC                bool   `parquet:"gpc"`
	Consent            string `parquet:"consent,optional,dict"`
	CatalogIncarnation string `parquet:"catalog_incarnation,dict"`
	CatalogRevision    int64  `parquet:"catalog_revision,dict"`
	VisitorKey         int64  `parquet:"visitor_key,optional"`
	VisitorSource      string `parquet:"visitor_source,optional,dict"`
	UserAgent          string `parquet:"user_agent,optional,dict"`
	Referrer           string `parquet:"referrer,optional,dict"`
	Sub1               string `parquet:"sub1,optional,dict"`
	Sub2               string `parquet:"sub2,optional,dict"`
	Sub3               string `parquet:"sub3,optional,dict"`
	Sub4               string `parquet:"sub4,optional,dict"`
	Sub5               string `parquet:"sub5,optional,dict"`
	UTMSource          string `parquet:"utm_source,optional,dict"`
	UTMMedium          string `parquet:"utm_medium,optional,dict"`
	UTMCampaign        string `parquet:"utm_campaign,optional,dict"`
	UTMTerm            string `parquet:"utm_term,optional,dict"`
	UTMContent         string `parquet:"utm_content,optional,dict"`
	ClockFlagged       bool   `parquet:"clock_flagged"`

	// Reserved: null until something fills them.
	FirstVisit          *bool  `parquet:"first_visit,optional"`
	FirstVisitKnownAtUS *int64 `parquet:"first_visit_known_at,timestamp(microsecond)"`
	Country             string `parquet:"country,optional,dict"`
	Device              string `parquet:"device,optional,dict"`
	Browser             string `parquet:"browser,optional,dict"`
	OS                  string `parquet:"os,optional,dict"`
	InvalidReason       string `parquet:"invalid_reason,optional,dict"`
}

// VisitUnbounded are the columns of visits that no reader prunes by: their
// smallest and largest values are not kept, which costs a comparison a row.
func VisitUnbounded() []string {
	return []string{
		"epoch", "code_text", "code_state", "bot_kind", "bot_rules", "consent", "catalog_incarnation",
		"visitor_source", "user_agent", "referrer", "sub1", "sub2", "sub3", "sub4", "sub5",
		"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
		"country", "device", "browser", "os", "invalid_reason",
	}
}
