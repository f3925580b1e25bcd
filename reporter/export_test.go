package reporter

import (
	"context"

	"footfall/reporter/web"
)

// Web is the dashboard, for tests that ask it without a listener.
func (r *Reporter) Web() *web.Web { return r.web }

// SetupToken is what the set-up link ends in.
func (r *Reporter) SetupToken(ctx context.Context) (string, error) { return r.catalog.SetupLink(ctx) }
