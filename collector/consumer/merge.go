package consumer

import (
	"context"
	"strings"
	"time"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

const (
	// mergeFanIn files of one tier become one of the next: a row is written
	// once more for each power of ten of the commits of its day.
	mergeFanIn = 10
	// mergeInputs bounds the files of one merge, so that each ends soon.
	mergeInputs = 64
	// dayFiles is what a day that is over is brought down to.
	dayFiles = 4
	// dayRest is how long a day that is over must have been without new files
	// before it is: a backlog would have it rewritten over and over.
	dayRest = 10 * time.Minute
	// mergePause follows a failed merge.
	mergePause = time.Minute
)

// merging is a merge on its way: neighbours in the order of known_at, of one
// table and day, become one file. It is committed with the next entry, which
// adds the file and removes its inputs at once.
type merging struct {
	table  table
	inputs []lakelog.File
	name   lake.FileName
	cancel context.CancelFunc
	done   chan struct{} // closed when out and err are set
	out    staged
	err    error
}

func (m *merging) ended() bool {
	if m == nil {
		return false
	}
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// nameAt is the path of the merged file in the entry of a number.
func (m *merging) nameAt(number uint64) string {
	name := m.name
	name.Commit = number
	return name.Path()
}

// planMerge starts the next merge, when there is one to do and none on its way.
func (c *Consumer) planMerge(ctx context.Context) {
	now := c.deps.Clock()
	if c.merging != nil || now.Before(c.mergeAfter) {
		return
	}
	if c.unplanned < mergeFanIn && now.Sub(c.plannedAt) < dayRest {
		return
	}
	c.unplanned, c.plannedAt = 0, now
	for _, t := range c.tables {
		inputs := plan(c.log.Live(t.name()), now, c.config.MergeBytes)
		if inputs == nil {
			continue
		}
		first, err := lake.ParseFileName(inputs[0].Path)
		if err != nil {
			c.fail("merge", err)
			return
		}
		number, _ := c.log.Next(now)
		first.Log, first.Commit, first.Random = c.config.Log, number, randomNumber()
		mergeCtx, cancel := context.WithCancel(ctx)
		m := &merging{table: t, inputs: inputs, name: first, cancel: cancel, done: make(chan struct{})}
		c.merging = m
		c.config.spawn(func() {
			defer close(m.done)
			m.out, m.err = m.table.merge(mergeCtx, c.dir, m.inputs, m.name, c.config.lake.Step)
		})
		return
	}
}

// plan picks the files of one day that are to become one; nil: none. The files
// are in the order of known_at within their days, and what it picks are
// neighbours, so that a merged file again covers a stretch of known_at alone.
func plan(files []lakelog.File, now time.Time, limitBytes int64) []lakelog.File {
	today := now.UTC().Format(time.DateOnly)
	for from := 0; from < len(files); {
		date, to := dateOf(files[from]), from+1
		for to < len(files) && dateOf(files[to]) == date {
			to++
		}
		day := files[from:to]
		from = to
		if picked := planTier(day, limitBytes); picked != nil {
			return picked
		}
		if date < today && len(day) > dayFiles && now.UnixMicro()-day[len(day)-1].MaxKnownAtUS >= dayRest.Microseconds() {
			if picked := planDay(day, limitBytes); picked != nil {
				return picked
			}
		}
	}
	return nil
}

func dateOf(f lakelog.File) string {
	_, rest, _ := strings.Cut(f.Path, "date=")
	date, _, _ := strings.Cut(rest, "/")
	return date
}

// planTier picks the first run of at least mergeFanIn files of the lowest tier that has one.
func planTier(day []lakelog.File, limitBytes int64) (picked []lakelog.File) {
	for from := 0; from < len(day); {
		to, bytes := from, int64(0)
		for to < len(day) && day[to].Tier == day[from].Tier && to-from < mergeInputs && bytes+day[to].Bytes <= limitBytes {
			bytes += day[to].Bytes
			to++
		}
		full := to < len(day) && day[to].Tier == day[from].Tier // the limit ended the run
		if run := day[from:to]; len(run) >= mergeFanIn || (full && len(run) > 1) {
			if picked == nil || run[0].Tier < picked[0].Tier {
				picked = run
			}
		}
		from = max(to, from+1)
	}
	return picked
}

// planDay picks, of a day that is over, the smallest neighbours whose merge
// leaves dayFiles; fewer at a time where the limits want it so.
func planDay(day []lakelog.File, limitBytes int64) (picked []lakelog.File) {
	for want := min(len(day)-dayFiles+1, mergeInputs); want > 1; want-- {
		best := int64(-1)
		for from := 0; from+want <= len(day); from++ {
			bytes := int64(0)
			for _, f := range day[from : from+want] {
				bytes += f.Bytes
			}
			if bytes <= limitBytes && (best < 0 || bytes < best) {
				best, picked = bytes, day[from:from+want]
			}
		}
		if picked != nil {
			return picked
		}
	}
	return nil
}

// takeMerge gives the merge that ended well and whose inputs are all still live.
func (c *Consumer) takeMerge() *merging {
	m := c.merging
	if !m.ended() {
		return nil
	}
	c.merging = nil
	m.cancel()
	if m.err != nil {
		c.mergeAfter = c.deps.Clock().Add(mergePause)
		c.fail("merge", m.err)
		return nil
	}
	live := map[string]bool{}
	for _, f := range c.log.Live(m.table.name()) {
		live[f.Path] = true
	}
	for _, f := range m.inputs {
		if !live[f.Path] {
			c.discard([]staged{m.out})
			return nil
		}
	}
	c.unplanned = mergeFanIn // there may be another tier to do
	return m
}

func (c *Consumer) countMerge(m *merging, err error) {
	if err == nil {
		c.metrics.merges.Inc()
		c.metrics.merged.Add(float64(len(m.inputs)))
	}
}

// dropMerge ends a merge that will not be committed.
func (c *Consumer) dropMerge() {
	m := c.merging
	if m == nil {
		return
	}
	c.merging = nil
	m.cancel()
	<-m.done
	if m.err == nil {
		c.discard([]staged{m.out})
	}
}
