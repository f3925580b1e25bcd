package lake

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

// tempTable stands before the name of a table of one reading alone.
const tempTable = "TEMP TABLE "

const (
	// keptRows are what all kept tables may have, or of orders and refunds stand on,
	// at some 500 bytes each. Above it making them anew costs more in reading than in
	// planning.
	keptRows = 100_000
	// keptSets of tables are a dashboard's ranges, of a few organizers: the credits
	// and the figures of each.
	keptSets = 32
)

// kept keeps tables that readings made, for other readings that would make the
// same: those that know the same rows and the same state of the catalog, and ask
// the same. What differs between two as-ofs, snapshots or states is never shared:
// it is in the key, or, where it was looked at only while the tables were made, is
// compared before they are used.
type kept struct {
	db      *sql.DB
	rows    int64
	sets    int
	metrics *metrics

	mu   sync.Mutex // guards what follows, and every set's users
	made int        // sets, ever
	list []*keptSet // the last used stands last
}

// keptSet is the tables of one key, in a schema of their own.
type keptSet struct {
	key, schema string
	tables      []string
	rows        int64 // of the files that they are made of
	users       int
	old         bool          // in the list no more: it is dropped after its last user
	ready       chan struct{} // closed once the tables are there, or failed is set
	failed      bool
	looked      []lookedAt // visits that the tables are made of; fixed once ready
}

// lookedAt is ranges of visits and what there was to see.
type lookedAt struct {
	between [][2]int64
	rows    string
}

func newKept(db *sql.DB, m *metrics) *kept {
	return &kept{db: db, rows: keptRows, sets: keptSets, metrics: m}
}

// keeping is one reading's use of what is kept.
type keeping struct {
	kept    *kept
	conn    *sql.Conn
	catalog string                                                                 // the schema of its state
	base    string                                                                 // the rows of orders and refunds, as rowsOf has them
	rows    int64                                                                  // of their files
	visits  func(ctx context.Context, between [][2]int64) (rows string, err error) // of ranges, their files verified

	looked   []lookedAt // by the reading, or by those that made what it uses
	used     []*keptSet // whose tables it finds, the last first
	releases []func(context.Context)
}

// rowsOf names the rows that an as-of knows of some files: of files that hold
// later ones it is another as-of's as well.
func rowsOf(files []lakelog.File, asOfUS int64) string {
	names, cut := make([]string, 0, len(files)+1), false
	for _, f := range files {
		names = append(names, f.Path+" "+f.SHA256)
		cut = cut || f.MaxKnownAtUS > asOfUS
	}
	slices.Sort(names)
	if cut {
		names = append(names, strconv.FormatInt(asOfUS, 10))
	}
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return hex.EncodeToString(sum[:])
}

// keep is Reading.Keep.
func (k *keeping) keep(ctx context.Context, what reports.Keeping, build func(ctx context.Context, table string) (rows int64, err error)) error {
	// Others of these names are not to be found any more.
	k.used = slices.DeleteFunc(k.used, func(s *keptSet) bool { return slices.Contains(s.tables, what.Tables[0]) })
	if err := k.search(ctx); err != nil {
		return err
	}
	key := k.catalog + " " + k.base + " " + what.Key
	for {
		set, mine, evicted := k.kept.take(key, k.rows)
		k.kept.drop(ctx, evicted)
		if set == nil {
			_, err := build(ctx, tempTable)
			return err
		}
		if mine {
			return k.fill(ctx, set, what.Tables, build)
		}
		same, err := k.same(ctx, set)
		if err != nil || !same {
			k.kept.release(ctx, set)
			if err != nil {
				return err
			}
			continue
		}
		k.looked = append(k.looked, set.looked...)
		k.kept.metrics.keptUsed.Inc()
		return k.use(ctx, set)
	}
}

// use finds a set's tables from now on, until the reading ends.
func (k *keeping) use(ctx context.Context, set *keptSet) error {
	k.releases = append(k.releases, func(ctx context.Context) { k.kept.release(ctx, set) })
	k.used = slices.Insert(k.used, 0, set)
	return k.search(ctx)
}

// search chooses the catalog's tables, and kept ones beside them.
func (k *keeping) search(ctx context.Context) error {
	path := []string{"memory." + k.catalog}
	for _, s := range k.used {
		path = append(path, "memory."+s.schema)
	}
	if _, err := k.conn.ExecContext(ctx, "SET search_path = '"+strings.Join(path, ",")+"'"); err != nil {
		return fmt.Errorf("choosing tables: %w", err)
	}
	return nil
}

// same waits for a set that another reading makes, and says whether this one
// would see the same visits while it makes it; where it would not, or the other
// failed, the set is given up.
func (k *keeping) same(ctx context.Context, set *keptSet) (bool, error) {
	select {
	case <-set.ready:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if set.failed {
		return false, nil
	}
	for _, l := range set.looked {
		rows, err := k.visits(ctx, l.between)
		if err != nil {
			return false, err
		}
		if rows != l.rows {
			k.kept.forget(set)
			return false, nil
		}
	}
	return true, nil
}

// look notes what a view of the reading stands on: all of them on orders and
// refunds, and the tables that are made after it on the visits that it shows.
func (k *keeping) look(v view, files []lakelog.File, asOfUS int64) {
	if v.timed != "" {
		k.looked = append(k.looked, lookedAt{v.between, rowsOf(files, asOfUS)})
		return
	}
	k.base += " " + rowsOf(files, asOfUS)
	for _, f := range files {
		k.rows += f.Rows
	}
}

// fill makes the tables where others find them too.
func (k *keeping) fill(ctx context.Context, set *keptSet, tables []string, build func(ctx context.Context, table string) (rows int64, err error)) error {
	defer close(set.ready)
	set.tables, set.failed = tables, true // until it is whole
	if _, err := k.conn.ExecContext(ctx, "CREATE SCHEMA memory."+set.schema); err != nil {
		k.kept.metrics.keptFailed.Inc() // this reading has its own tables all the same
		k.giveUp(ctx, set)
		_, err := build(ctx, tempTable)
		return err
	}
	rows := int64(0)
	err := k.use(ctx, set)
	if err == nil {
		rows, err = build(ctx, "TABLE memory."+set.schema+".")
	}
	if err != nil {
		k.kept.forget(set)
		return err
	}
	set.looked, set.failed = slices.Clone(k.looked), false
	k.kept.metrics.keptMade.Inc()
	if rows > 0 {
		k.kept.drop(ctx, k.kept.weigh(set, rows))
	}
	return nil
}

// giveUp lets nobody wait for a set that can't be made.
func (k *keeping) giveUp(ctx context.Context, set *keptSet) {
	k.kept.forget(set)
	k.kept.release(ctx, set)
}

// release gives back what the reading used.
func (k *keeping) release(ctx context.Context) {
	for _, release := range k.releases {
		release(context.WithoutCancel(ctx))
	}
}

// take finds the set of a key, or begins it; nil where there is no room for it.
// Those that made room are to be dropped.
func (c *kept) take(key string, rows int64) (set *keptSet, mine bool, evicted []*keptSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range c.list {
		if e.key == key {
			c.list = append(append(c.list[:i:i], c.list[i+1:]...), e)
			e.users++
			return e, false, nil
		}
	}
	if rows > c.rows {
		return nil, false, nil
	}
	defer c.observe()
	evicted, room := c.makeRoom(rows, 1)
	if !room {
		return nil, false, evicted
	}
	c.made++
	set = &keptSet{key: key, schema: fmt.Sprintf("kept_%d", c.made), rows: rows, users: 1, ready: make(chan struct{})}
	c.list = append(c.list, set)
	return set, true, evicted
}

// makeRoom takes sets that nobody uses out of the list, the longest unused first,
// until there is room for so many rows and sets more.
func (c *kept) makeRoom(rows int64, sets int) (evicted []*keptSet, room bool) {
	for _, e := range c.list {
		rows += e.rows
	}
	full := func() bool { return len(c.list)+sets > c.sets || rows > c.rows }
	for i := 0; i < len(c.list) && full(); {
		e := c.list[i]
		if e.users > 0 {
			i++
			continue
		}
		e.old = true
		rows -= e.rows
		evicted = append(evicted, e)
		c.list = append(c.list[:i:i], c.list[i+1:]...)
	}
	return evicted, !full()
}

// weigh says how many rows a set turned out to have. One for which there is no room
// is its reading's alone.
func (c *kept) weigh(set *keptSet, rows int64) (evicted []*keptSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.observe()
	set.rows = rows
	evicted, room := c.makeRoom(0, 0)
	if !room {
		set.old = true
		c.list = slices.DeleteFunc(c.list, func(e *keptSet) bool { return e == set })
	}
	return evicted
}

// forget lets nobody else find a set.
func (c *kept) forget(set *keptSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	set.old = true
	c.list = slices.DeleteFunc(c.list, func(e *keptSet) bool { return e == set })
	c.observe()
}

func (c *kept) release(ctx context.Context, set *keptSet) {
	c.mu.Lock()
	set.users--
	last := set.old && set.users == 0
	c.mu.Unlock()
	if last {
		c.drop(ctx, []*keptSet{set})
	}
}

// drop removes sets that nobody uses. Where that fails, their memory is given back
// with the database's.
func (c *kept) drop(ctx context.Context, sets []*keptSet) {
	for _, set := range sets {
		if _, err := c.db.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA IF EXISTS memory."+set.schema+" CASCADE"); err != nil {
			c.metrics.keptFailed.Inc()
		}
	}
}

func (c *kept) observe() {
	var rows int64
	for _, e := range c.list {
		rows += e.rows
	}
	c.metrics.keptRows.Set(float64(rows))
}
