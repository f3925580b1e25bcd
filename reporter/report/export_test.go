package report

// LookAt makes Bounds look at so many visits at once.
func (e *Engine) LookAt(rows int64) { e.boundsRows = rows }
