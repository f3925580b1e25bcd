package report

// LookAt makes Bounds look at so many visits at once.
func (e *Engine) LookAt(rows int64) { e.boundsRows = rows }

// Many makes so many rows be kept where they can spill, and gives how many it was.
func (e *Engine) Many(rows int64) (was int64) {
	was, e.manyRows = e.manyRows, rows
	return was
}

// Fraction is how rates are computed of sums.
func Fraction(part, whole, scale int64) (int64, bool, error) { return fraction(part, whole, scale) }
