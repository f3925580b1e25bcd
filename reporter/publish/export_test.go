package publish

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// Round is one look at the catalog.
func (p *Publisher) Round(ctx context.Context) error {
	step, err := p.round(ctx)
	if err != nil {
		p.fail(step, err)
		p.log = nil
	}
	return err
}

// Failures counts failed steps, Replacements what was replaced, Merges merges.
func (p *Publisher) Failures(step string) prometheus.Collector {
	return p.metrics.failures.WithLabelValues(step)
}

// Replacements counts the times that everything was replaced.
func (p *Publisher) Replacements() prometheus.Collector { return p.metrics.wholes }

// Merges counts merges.
func (p *Publisher) Merges() prometheus.Collector { return p.metrics.merges }
