package admin

// SQL asks for the rows of one SELECT over an organizer's views.
type SQL struct {
	Organizer string `json:"organizer,omitempty"` // slug; needed where there are several
	Query     string `json:"query"`
	AsOf      string `json:"as_of,omitempty"`  // as a report prints it; empty: the newest
	Format    string `json:"format,omitempty"` // as a report's; empty: json
	BOM       bool   `json:"bom,omitempty"`    // of CSV
	Raw       bool   `json:"raw,omitempty"`    // of CSV
}

// Tenant is the organizer that is asked about.
func (s *SQL) Tenant() *string { return &s.Organizer }
