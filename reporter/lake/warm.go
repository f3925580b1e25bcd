package lake

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"

	"footfall/schemas/lake/lakelog"
)

// warmFileBytes is the most that a file has whose rows are kept in memory: the
// many small ones that a source has committed and not merged yet. Opening each
// costs DuckDB about as much as reading ten thousand rows.
const warmFileBytes = 256 << 10

// warm keeps the rows of small files in tables, so that a report opens only large
// ones. A file never changes, so its rows in memory are its rows; each reading
// still verifies every file that it uses, and sees those of its snapshot alone.
type warm struct {
	most    int64 // rows of all tables
	metrics *metrics

	mu     sync.Mutex            // held while files are loaded: two readings never load one twice
	nextID int64                 // of the next file
	made   int                   // tables, ever
	tables map[string]*warmTable // by the lake's table
}

// warmTable holds files of one table of the lake.
type warmTable struct {
	name  string
	files map[string]warmFile // by path
	rows  int64
	users int
	old   bool // another took its place: it is dropped after its last user
}

type warmFile struct{ id, rows int64 }

func newWarm(most int, m *metrics) *warm {
	return &warm{most: int64(most), metrics: m, tables: map[string]*warmTable{}}
}

// pinned is what a view reads: some files of a table in memory, and the rest from disk.
type pinned struct {
	table *warmTable
	ids   []int64 // rising
	cold  []lakelog.File
	where string // the condition that keeps to ids
}

// pin finds the files of a view in memory, loads those that are small and not there
// yet, and keeps them until release. live are all files of the snapshot.
func (w *warm) pin(ctx context.Context, conn *sql.Conn, v view, files, live []lakelog.File, root string) (p pinned, release func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.table(ctx, conn, v, live)
	if err != nil {
		return pinned{}, nil, err
	}
	var missing []lakelog.File
	rows := w.rows()
	for _, f := range files {
		if _, ok := t.files[f.Path]; ok {
			continue
		}
		if f.Bytes <= warmFileBytes && rows+f.Rows <= w.most {
			missing = append(missing, f)
			rows += f.Rows
			continue
		}
		p.cold = append(p.cold, f)
	}
	if err := w.load(ctx, conn, v, t, missing, root); err != nil {
		return pinned{}, nil, err
	}
	for _, f := range files {
		if known, ok := t.files[f.Path]; ok {
			p.ids = append(p.ids, known.id)
		}
	}
	slices.Sort(p.ids)
	p.table = t
	p.where = p.condition()
	t.users++
	return p, func() { w.release(context.WithoutCancel(ctx), conn, t) }, nil
}

func (w *warm) rows() int64 {
	var rows int64
	for _, t := range w.tables {
		rows += t.rows
	}
	return rows
}

// table finds or makes the table of a view's files; one that holds mostly files
// that are live no more is made anew.
func (w *warm) table(ctx context.Context, conn *sql.Conn, v view, live []lakelog.File) (*warmTable, error) {
	t := w.tables[v.table]
	if t == nil {
		columns := make([]string, len(v.columns))
		for i, c := range v.columns {
			columns[i] = c.name + " " + c.kind
		}
		t = w.named(v)
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("CREATE TABLE %s (%s, file_id BIGINT)", t.name, strings.Join(columns, ", "))); err != nil {
			return nil, fmt.Errorf("making a table of small files: %w", err)
		}
		w.tables[v.table] = t
		return t, nil
	}
	alive := map[string]warmFile{}
	var rows int64
	var ids []string
	for _, f := range live {
		if known, ok := t.files[f.Path]; ok {
			alive[f.Path] = known
			rows += known.rows
			ids = append(ids, fmt.Sprint(known.id))
		}
	}
	const slack = 4096 // rows that are not worth a new table
	if t.rows-rows <= rows+slack && w.rows() < w.most {
		return t, nil
	}
	if t.rows == rows {
		return t, nil
	}
	next := w.named(v)
	next.files, next.rows = alive, rows
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("CREATE TABLE %s AS FROM %s WHERE file_id IN (%s)", next.name, t.name, strings.Join(append(ids, "-1"), ", "))); err != nil {
		return nil, fmt.Errorf("making a table of small files: %w", err)
	}
	w.tables[v.table] = next
	t.old = true
	if t.users == 0 {
		drop(ctx, conn, t)
	}
	return next, nil
}

func (w *warm) named(v view) *warmTable {
	w.made++
	return &warmTable{name: fmt.Sprintf("memory.main.warm_%s_%d", v.table, w.made), files: map[string]warmFile{}}
}

// load reads whole files into a table.
func (w *warm) load(ctx context.Context, conn *sql.Conn, v view, t *warmTable, files []lakelog.File, root string) error {
	if len(files) == 0 {
		return nil
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = quote(absolute(root, f.Path))
	}
	list := strings.Join(paths, ", ")
	selected := make([]string, len(v.columns))
	for i, c := range v.columns {
		selected[i] = fmt.Sprintf("CAST(%s AS %s)", c.sql, c.kind)
	}
	first := w.nextID + 1
	_, err := conn.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s SELECT %s, %d + list_position([%s], filename) FROM %s",
		t.name, strings.Join(selected, ", "), w.nextID, list, v.rows(list, true)))
	if err != nil {
		return fmt.Errorf("loading small files: %w", err)
	}
	for i, f := range files {
		t.files[f.Path] = warmFile{id: first + int64(i), rows: f.Rows}
		t.rows += f.Rows
	}
	w.nextID += int64(len(files))
	w.metrics.warmed.Add(float64(len(files)))
	return nil
}

func (w *warm) release(ctx context.Context, conn *sql.Conn, t *warmTable) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.users--
	if t.old && t.users == 0 {
		drop(ctx, conn, t)
	}
}

// drop forgets a table that nobody reads. Where that fails, its memory is given
// back with the database's.
func drop(ctx context.Context, conn *sql.Conn, t *warmTable) {
	_, _ = conn.ExecContext(ctx, "DROP TABLE IF EXISTS "+t.name)
}

// condition keeps to the pinned files: files that others load later have higher
// ids. Naming the few that aren't wanted is shorter than naming the many that are.
func (p pinned) condition() string {
	if len(p.ids) == 0 {
		return "false"
	}
	last := p.ids[len(p.ids)-1]
	wanted := make(map[int64]bool, len(p.ids))
	words := make([]string, 0, len(p.ids))
	for _, id := range p.ids {
		wanted[id] = true
		words = append(words, fmt.Sprint(id))
	}
	if 2*len(p.ids) < len(p.table.files) {
		return "file_id IN (" + strings.Join(words, ", ") + ")"
	}
	var others []string
	for _, f := range p.table.files {
		if !wanted[f.id] && f.id < last {
			others = append(others, fmt.Sprint(f.id))
		}
	}
	condition := fmt.Sprintf("file_id <= %d", last)
	if len(others) > 0 {
		slices.Sort(others)
		condition += " AND file_id NOT IN (" + strings.Join(others, ", ") + ")"
	}
	return condition
}
