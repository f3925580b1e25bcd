package query

import "github.com/prometheus/client_golang/prometheus"

// Functions are the names that a statement may call.
var Functions = functionsText

// Refusals counts refused statements.
func (e *Engine) Refusals() prometheus.Collector {
	return e.metrics.runs.WithLabelValues(resultRefused)
}

// Unchecked takes the check of statements away.
func (e *Engine) Unchecked() { e.unchecked = true }
