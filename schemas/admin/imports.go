package admin

// ImportResult is what an import did, or would do.
type ImportResult struct {
	Kind      string `json:"kind"` // orders, refunds, affiliates, codes
	DryRun    bool   `json:"dry_run"`
	Rows      int64  `json:"rows"` // of the file, the header apart
	Added     int64  `json:"added"`
	Changed   int64  `json:"changed"` // of orders: new versions of one that was there
	Unchanged int64  `json:"unchanged"`
	// Refused rows: where there are any, nothing was imported.
	Refused int64         `json:"refused"`
	Faults  []ImportFault `json:"faults,omitempty"`
}

// ImportFault is one thing that is wrong with a file.
type ImportFault struct {
	Line   int64  `json:"line,omitempty"`   // from 1; 0: the file as such
	Column int    `json:"column,omitempty"` // from 1; 0: the line as such
	Name   string `json:"name,omitempty"`   // of the column
	Detail string `json:"detail"`
}
