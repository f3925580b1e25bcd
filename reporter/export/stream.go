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
	// write writes what became of a block, in the order of the rows, beside what
	// reads and places further ones.
	write func(*block) error
	// most is how many rows the next block may have, asked before it is read, and
	// place says where it goes, told before it is formatted; nil: blockRows, anywhere.
	most     func() int
	place    func(*block)
	progress func(rows int64)
}

// stream reads a table's rows, formats several blocks at a time and writes them
// in their order, each beside the others. Its memory is that of a few blocks,
// whatever the number of rows. It gives the number of rows.
func stream(ctx context.Context, t *reports.Table, s streamed) (int64, error) {
	const blocks = formatters + ahead
	work, queue, free := make(chan *block, blocks), make(chan *block, blocks), make(chan *block, blocks)
	for range blocks {
		free <- &block{}
	}
	var workers sync.WaitGroup
	for range formatters {
		workers.Go(func() {
			for b := range work {
				s.format(b)
				close(b.done)
			}
		})
	}
	written := make(chan error, 1)
	go func() { written <- s.writeAll(queue, free) }()

	r := &reader{table: t}
	err := s.readAll(ctx, r, free, work, queue)
	close(work)
	close(queue)
	workers.Wait()
	if failed := <-written; failed != nil && err == nil {
		err = failed
	}
	if err != nil {
		return 0, err
	}
	return r.given, nil
}

// readAll gives the blocks to whoever formats and to whoever writes them, to the
// last one, or until free is closed.
func (s *streamed) readAll(ctx context.Context, r *reader, free <-chan *block, work, queue chan<- *block) error {
	for !r.ended {
		b, ok := <-free
		if !ok {
			return nil
		}
		most := blockRows
		if s.most != nil {
			most = s.most()
		}
		if err := r.fill(ctx, b, most); err != nil {
			return err
		}
		if b.Rows == 0 {
			return nil
		}
		if s.place != nil {
			s.place(b)
		}
		b.done = make(chan struct{})
		queue <- b
		work <- b
	}
	return nil
}

// writeAll writes the blocks in their order and frees them. Where one can't be
// written it closes free: no more are wanted.
func (s *streamed) writeAll(queue <-chan *block, free chan<- *block) error {
	for b := range queue {
		<-b.done
		if err := s.write(b); err != nil {
			close(free)
			return err
		}
		if s.progress != nil {
			s.progress(b.first + int64(b.Rows))
		}
		free <- b
	}
	return nil
}
