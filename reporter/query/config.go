package query

const (
	// maxText bounds a statement, in bytes: a person's longest is a few pages.
	maxText = 64 << 10
	// maxDepth bounds how deep a statement nests.
	maxDepth = 256
)
