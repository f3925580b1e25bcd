package lake

import _ "embed"

// Dictionary says, as Markdown, what each table and column of the lake means: the
// tables of docs/format/lake.md.
//
//go:embed dictionary.md
var Dictionary string
