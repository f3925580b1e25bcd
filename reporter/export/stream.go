package export

import (
	"context"
	"sync"

	"footfall/schemas/reports"
)

// formatters is how many blocks are formatted at one time: with one more core
// the reading of the rows is the narrow place.
const formatters = 2

// ahead is how many blocks may be formatted and not yet written.
const ahead = 3

// streamed says how rows become bytes.
type streamed struct {
	// format appends a block's rows to its out. It runs beside other blocks'.
	format func(*block)
	// write writes what became of a block, in the order of the rows.
	write func(*block) error
	// most is how many rows the next block may have, asked before it is read, and
	// place says where it goes, told before it is formatted; nil: blockRows, anywhere.
	most     func() int
	place    func(*block)
	progress func(rows int64)
}

// stream reads a table's rows, formats several blocks at a time and writes them
// in their order. Its memory is that of a few blocks, whatever the number of
// rows. It gives the number of rows.
func stream(ctx context.Context, t *reports.Table, s streamed) (int64, error) {
	work := make(chan *block, formatters+ahead)
	var workers sync.WaitGroup
	for range formatters {
		workers.Go(func() {
			for b := range work {
				s.format(b)
				close(b.done)
			}
		})
	}
	defer workers.Wait()
	defer close(work)

	r := &reader{table: t}
	free := make([]*block, 0, formatters+ahead)
	for range formatters + ahead {
		free = append(free, &block{})
	}
	var queue []*block
	writeFirst := func() error {
		b := queue[0]
		queue = queue[1:]
		<-b.done
		if err := s.write(b); err != nil {
			return err
		}
		if s.progress != nil {
			s.progress(b.first + int64(b.Rows))
		}
		free = append(free, b)
		return nil
	}
	for !r.ended {
		if len(free) == 0 {
			if err := writeFirst(); err != nil {
				return 0, err
			}
		}
		b := free[len(free)-1]
		most := blockRows
		if s.most != nil {
			most = s.most()
		}
		if err := r.fill(ctx, b, most); err != nil {
			return 0, err
		}
		if b.Rows == 0 {
			break
		}
		if s.place != nil {
			s.place(b)
		}
		free = free[:len(free)-1]
		b.done = make(chan struct{})
		queue = append(queue, b)
		work <- b
	}
	for len(queue) > 0 {
		if err := writeFirst(); err != nil {
			return 0, err
		}
	}
	return r.given, nil
}
