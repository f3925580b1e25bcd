package report_test

import (
	"math"
	"math/big"
	"testing"

	"footfall/reporter/report"
)

// FuzzFractionIsExact: rounded half away from zero, and refused rather than cut
// where it doesn't fit.
func FuzzFractionIsExact(f *testing.F) {
	for _, c := range [][2]int64{{1, 3}, {1, 2}, {-1, 2}, {-5, 2}, {5, -2}, {0, 7}, {7, 0}, {math.MinInt64, -1}, {math.MaxInt64, 1}, {math.MinInt64, math.MaxInt64}} {
		f.Add(c[0], c[1], true)
		f.Add(c[0], c[1], false)
	}
	f.Fuzz(func(t *testing.T, part, whole int64, rate bool) {
		scale := int64(1)
		if rate {
			scale = 1_000_000
		}
		got, some, err := report.Fraction(part, whole, scale)
		if some != (whole != 0 && err == nil) {
			t.Fatalf("%d ÷ %d: some is %t with the error %v", part, whole, some, err)
		}
		if whole == 0 {
			return
		}
		// (2·|part|·scale + |whole|) ÷ (2·|whole|), cut, with the sign of the quotient.
		p, w := new(big.Int).Abs(big.NewInt(part)), new(big.Int).Abs(big.NewInt(whole))
		n := new(big.Int).Mul(p, big.NewInt(2*scale))
		n.Add(n, w).Div(n, new(big.Int).Lsh(w, 1))
		fits := n.Cmp(big.NewInt(math.MaxInt64)) <= 0
		if (part < 0) != (whole < 0) {
			n.Neg(n)
		}
		if fits != (err == nil) || fits && n.Int64() != got {
			t.Errorf("%d ÷ %d × %d is %d (%v), want %s", part, whole, scale, got, err, n)
		}
	})
}
