package report

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"footfall/schemas/reports"
)

// errRange is returned where a figure doesn't fit 64 bits.
var errRange = errors.New("a figure is larger than any that a report can show")

// figure is one column of figures.
type figure struct {
	reports.Column
	measure measure
	of      moment
}

// moment says which range's a figure is.
type moment int

const (
	now    moment = iota
	before        // of the range that is compared with
	change        // (now − before) ÷ before; empty where one is missing or before is 0
)

// sql is the figure in a statement, over a row's sums.
func (f figure) sql() string {
	now, was := "("+f.measure.over("raw_")+")", "("+f.measure.over("was_")+")"
	switch f.of {
	case before:
		return was
	case change:
		return fmt.Sprintf("CASE WHEN %[1]s IS NULL OR %[2]s IS NULL THEN NULL ELSE %[3]s END", now, was, ratio("("+now+" - "+was+")", was, million))
	default:
		return now
	}
}

// sums are the columns of one row's, or of the rows', sums by their place.
type sums struct {
	names []string
	now   map[string]int // place of a sum among the names
	was   map[string]int
}

// sumsOf names the sums that a report's figures are made of.
func (p *plan) sums() sums {
	s := sums{now: map[string]int{}, was: map[string]int{}}
	add := func(prefix string, to map[string]int) {
		for _, r := range p.raws {
			to[r.name] = len(s.names)
			s.names = append(s.names, prefix+r.name)
		}
		if p.wantsShare() {
			to[allSales] = len(s.names)
			s.names = append(s.names, prefix+allSales)
		}
	}
	add("raw_", s.now)
	if p.query.Compare != "" {
		add("was_", s.was)
	}
	return s
}

// value computes a figure; some is false where there is nothing to divide by.
func (f figure) value(s *sums, at func(place int) int64) (n int64, some bool, err error) {
	switch f.of {
	case now:
		return f.measure.value(s.now, at)
	case before:
		return f.measure.value(s.was, at)
	case change:
	}
	is, some, err := f.measure.value(s.now, at)
	if err != nil || !some {
		return 0, false, err
	}
	was, some, err := f.measure.value(s.was, at)
	if err != nil || !some {
		return 0, false, err
	}
	difference, err := minus(is, was)
	if err != nil {
		return 0, false, err
	}
	return fraction(difference, was, million)
}

func (m measure) value(places map[string]int, at func(place int) int64) (n int64, some bool, err error) {
	n = at(places[m.sum])
	switch {
	case m.whole != "":
		return fraction(n, at(places[m.whole]), m.scale)
	case m.less != "":
		n, err = minus(n, at(places[m.less]))
	}
	return n, true, err
}

func minus(a, b int64) (int64, error) {
	if c := a - b; (c < a) == (b > 0) {
		return c, nil
	}
	return 0, errRange
}

func plus(a, b int64) (int64, error) {
	if c := a + b; (c > a) == (b > 0) {
		return c, nil
	}
	return 0, errRange
}

// fraction is part ÷ whole times the scale, rounded half away from zero; some is
// false where whole is 0.
func fraction(part, whole, scale int64) (n int64, some bool, err error) {
	if whole == 0 {
		return 0, false, nil
	}
	p, w := magnitude(part), magnitude(whole)
	high, low := bits.Mul64(p, uint64(scale)) //nolint:gosec // a scale is positive
	if high >= w {
		return 0, false, errRange
	}
	quotient, rest := bits.Div64(high, low, w)
	if rest >= w-rest {
		quotient++
	}
	const most = 1<<63 - 1
	if quotient > most {
		return 0, false, errRange
	}
	n = int64(quotient)
	if (part < 0) != (whole < 0) {
		n = -n
	}
	return n, true, nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // two's complement, also of the least
	}
	return uint64(n)
}

// derived makes the figures of rows of sums while they are taken.
type derived struct {
	from    reports.Batches
	keys    int // columns before the sums
	sums    sums
	figures []figure
	batch   reports.Batch
}

// Next gives the next rows.
func (d *derived) Next(ctx context.Context) (*reports.Batch, error) {
	b, err := d.from.Next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	if d.batch.Columns == nil {
		d.batch.Columns = make([]reports.Vector, d.keys+len(d.figures)+1)
	}
	copy(d.batch.Columns, b.Columns[:d.keys])
	for i, f := range d.figures {
		if err := d.fill(&d.batch.Columns[d.keys+i], f, b); err != nil {
			return nil, err
		}
	}
	last := len(d.batch.Columns) - 1
	d.batch.Columns[last] = b.Columns[len(b.Columns)-1]
	d.batch.Rows, d.batch.Currency, d.batch.Decimals = b.Rows, &d.batch.Columns[last], b.Decimals
	return &d.batch, nil
}

// fill makes one column: a sum is taken as it is.
func (d *derived) fill(v *reports.Vector, f figure, b *reports.Batch) error {
	sums := b.Columns[d.keys : len(b.Columns)-1]
	if m := f.measure; f.of != change && m.whole == "" && m.less == "" {
		places := d.sums.now
		if f.of == before {
			places = d.sums.was
		}
		*v = sums[places[m.sum]]
		return nil
	}
	v.Numbers, v.Null = make([]int64, b.Rows), make([]bool, b.Rows)
	for i := range b.Rows {
		n, some, err := f.value(&d.sums, func(place int) int64 { return sums[place].Numbers[i] })
		if err != nil {
			return fmt.Errorf("computing %s: %w", f.Name, err)
		}
		v.Numbers[i], v.Null[i] = n, !some
	}
	return nil
}
