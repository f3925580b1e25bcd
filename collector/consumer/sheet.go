package consumer

import (
	"cmp"
	"slices"

	"footfall/schemas/lake"
)

// position is where a row's record stood, and which of the record's rows it is.
type position struct {
	epoch    string
	shard    int64
	sequence int64
	line     int64
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.epoch, q.epoch), cmp.Compare(p.shard, q.shard),
		cmp.Compare(p.sequence, q.sequence), cmp.Compare(p.line, q.line))
}

// traits is what writing and merging need to know of a table's rows.
type traits[T any] struct {
	table     string
	unbounded []string
	nullable  nullable
	received  func(*T) int64 // ms; its UTC day is the file's date
	own       func(*T) int64 // ms; the row's own time
	knownAt   func(*T) *int64
	position  func(*T) position
}

// visitTraits of lake.VisitRow.
func visitTraits() traits[lake.VisitRow] {
	type row = lake.VisitRow
	return traits[row]{
		table: lake.TableVisits, unbounded: lake.VisitUnbounded(), nullable: nullableOf[row](),
		received: func(r *row) int64 { return r.VisitedAtMS },
		own:      func(r *row) int64 { return r.VisitedAtMS },
		knownAt:  func(r *row) *int64 { return &r.KnownAtUS },
		position: func(r *row) position { return position{epoch: r.Epoch, shard: r.Shard, sequence: r.Sequence} },
	}
}

// orderTraits of lake.OrderRow.
func orderTraits() traits[lake.OrderRow] {
	type row = lake.OrderRow
	return traits[row]{
		table: lake.TableOrders, unbounded: lake.OrderUnbounded(), nullable: nullableOf[row](),
		received: func(r *row) int64 { return r.ReceivedAtMS },
		own:      func(r *row) int64 { return r.OrderedAtMS },
		knownAt:  func(r *row) *int64 { return &r.KnownAtUS },
		position: func(r *row) position {
			return position{epoch: r.Epoch, shard: r.Shard, sequence: r.Sequence, line: r.LineNumber}
		},
	}
}

// refundTraits of lake.RefundRow.
func refundTraits() traits[lake.RefundRow] {
	type row = lake.RefundRow
	return traits[row]{
		table: lake.TableRefunds, unbounded: lake.RefundUnbounded(), nullable: nullableOf[row](),
		received: func(r *row) int64 { return r.ReceivedAtMS },
		own:      func(r *row) int64 { return r.RefundedAtMS },
		knownAt:  func(r *row) *int64 { return &r.KnownAtUS },
		position: func(r *row) position {
			return position{epoch: r.Epoch, shard: r.Shard, sequence: r.Sequence, line: r.LineNumber}
		},
	}
}

// quarantineTraits of lake.QuarantineRow.
func quarantineTraits() traits[lake.QuarantineRow] {
	type row = lake.QuarantineRow
	return traits[row]{
		table: lake.TableQuarantine, unbounded: lake.QuarantineUnbounded(), nullable: nullableOf[row](),
		received: func(r *row) int64 { return r.RecordedAtMS },
		own:      func(r *row) int64 { return r.RecordedAtMS },
		knownAt:  func(r *row) *int64 { return &r.KnownAtUS },
		position: func(r *row) position { return position{epoch: r.Epoch, shard: r.Shard, sequence: r.Sequence} },
	}
}

// sheet is a table's rows on their way into files: gathered shard by shard, so
// that they stand in the order of a file without a sort.
type sheet[T any] struct {
	traits[T]
	lanes map[lane]*[]T
	spare []*[]T
	rows  int
	writer[T]
}

// lane is one shard of one epoch.
type lane struct {
	epoch string
	shard int64
}

func newSheet[T any](t traits[T]) *sheet[T] {
	return &sheet[T]{traits: t, lanes: map[lane]*[]T{}}
}

// lane gives the rows of a shard, to append to.
func (s *sheet[T]) lane(l lane) *[]T {
	rows := s.lanes[l]
	if rows == nil {
		if n := len(s.spare); n > 0 {
			rows, s.spare = s.spare[n-1], s.spare[:n-1]
		} else {
			rows = new([]T)
		}
		s.lanes[l] = rows
	}
	return rows
}

// add appends one row.
func (s *sheet[T]) add(l lane, row T) {
	rows := s.lane(l)
	*rows = append(*rows, row)
	s.rows++
}

// reset empties the sheet and keeps its memory.
func (s *sheet[T]) reset() {
	for l, rows := range s.lanes {
		clear(*rows) // they point into the batch's text
		*rows = (*rows)[:0]
		s.spare = append(s.spare, rows)
		delete(s.lanes, l)
	}
	s.rows = 0
}

// days gives the rows by the UTC day received: of each day runs of rows in the
// order of a file. The runs alias the lanes.
func (s *sheet[T]) days() (days []int64, runs map[int64][][]T) {
	lanes := make([]lane, 0, len(s.lanes))
	for l := range s.lanes {
		lanes = append(lanes, l)
	}
	slices.SortFunc(lanes, func(a, b lane) int { return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.shard, b.shard)) })
	runs = map[int64][][]T{}
	for _, l := range lanes {
		rows := *s.lanes[l]
		s.order(rows)
		for from := 0; from < len(rows); {
			day, to := lake.Day(s.received(&rows[from])), from+1
			for to < len(rows) && lake.Day(s.received(&rows[to])) == day {
				to++
			}
			if runs[day] == nil {
				days = append(days, day)
			}
			runs[day] = append(runs[day], rows[from:to])
			from = to
		}
	}
	slices.Sort(days)
	return days, runs
}

// order sorts a lane where what fills a gap came after what lies behind it.
func (s *sheet[T]) order(rows []T) {
	for i := 1; i < len(rows); i++ {
		if s.position(&rows[i-1]).compare(s.position(&rows[i])) > 0 {
			slices.SortStableFunc(rows, func(a, b T) int { return s.position(&a).compare(s.position(&b)) })
			return
		}
	}
}
