package imports

// Columns of a file of affiliates.
const (
	AffiliateName = iota
	AffiliateNickname
	AffiliateEmail
)

// AffiliateColumns are those of a file of affiliates, a row for each.
func AffiliateColumns() []Column {
	return []Column{{"name", true}, {"nickname", false}, {"email", false}}
}

// Columns of a file of tracking codes.
const (
	CodeText = iota
	CodeAffiliate
	CodeEvent
)

// CodeColumns are those of a file of tracking codes, a row for each.
func CodeColumns() []Column {
	return []Column{{"code", true}, {"affiliate", true}, {"event", false}}
}
