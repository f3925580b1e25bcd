package reporter

import (
	"context"
	"math"

	"footfall/reporter/catalog"
	"footfall/schemas/ids"
)

// published is the catalog as the publication sees it.
type published struct{ *catalog.Catalog }

func (p published) Newest(ctx context.Context) (ids.Revision, error) {
	return p.RevisionAt(ctx, math.MaxInt64)
}
