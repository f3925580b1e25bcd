package lake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"footfall/schemas/policy"
)

// Revision names one state of the catalog.
type Revision struct {
	Key       string // changes whenever anything in Dimensions does, names too
	Text      string // for the report: the revision as people see it
	KnownAtUS int64
	State     any // the catalog's own name of the state, for Changing
}

// Dimensions is the catalog at one as-of.
type Dimensions struct {
	Organizers []Organizer
	Events     []Event
	Affiliates []Affiliate
	Codes      []Code
	Texts      []CodeText
	Owners     []CodeOwner
	States     []CodeState
	Policies   []Policy
	Coupons    []Coupon
}

// Organizer is a tenant.
type Organizer struct {
	ID                         int64
	Slug, Name, Zone, Currency string
}

// Event is a dated thing on sale.
type Event struct {
	ID, Organizer              int64
	Slug, Name, Zone, Currency string
	StartMS, EndMS             int64
}

// Affiliate is a partner who is credited.
type Affiliate struct {
	ID, Organizer         int64
	Name, Nickname, Email string
	Paused                bool
}

// Code is a tracking code; Event is 0 for a common one.
type Code struct {
	ID, Organizer, Event int64
	Text                 string // of today, as typed
	Paused               bool   // when the revision was made: by itself or with its affiliate
}

// CodeText is one text that leads, or led, to a code: today's and the aliases.
type CodeText struct {
	Code   int64
	Folded string // ASCII letters in lower case
	FromMS int64  // visits before it stay unknown
}

// CodeOwner says whose a code is from FromMS on, until the code's next.
type CodeOwner struct{ Code, Affiliate, FromMS int64 }

// CodeState says whether a code is paused, by itself or with its affiliate, from
// FromMS on, until the code's next.
type CodeState struct {
	Code   int64
	Paused bool
	FromMS int64
}

// Policy is one version of an organizer's attribution policy, with the dates of
// the orders that it credits.
type Policy struct {
	Organizer int64
	policy.Span
}

// Coupon binds a coupon's text to a tracking code from FromMS to before UntilMS,
// in milliseconds. Of one text and organizer no two hold at the same time.
type Coupon struct {
	ID              int64
	Organizer, Code int64
	Folded          string // ASCII letters in lower case
	FromMS, UntilMS int64
}

// dimensionsSQL makes the tables; {schema} is the state's own.
//
//go:embed dimensions.sql
var dimensionsSQL string

// derivedSQL makes what is derived from them once they are filled.
//
//go:embed derived.sql
var derivedSQL string

// catalogs keeps some states of the catalog loaded, each in a schema of its own.
type catalogs struct {
	db      *sql.DB
	source  Catalog
	most    int
	metrics *metrics

	mu     sync.Mutex // held while a state is loaded: two readings never load it twice
	next   int        // number of the next schema
	loaded []*loadedCatalog
}

type loadedCatalog struct {
	revision Revision
	schema   string
	users    int
}

// attach makes the catalog's tables found on conn, and names their schema, of which
// there is never another; release must be called after the reading.
func (c *catalogs) attach(ctx context.Context, conn *sql.Conn, revision Revision, asOfUS int64) (schema string, release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if revision.KnownAtUS > 0 {
		// Another revision may have come since that the as-of knows too.
		asOfUS = revision.KnownAtUS
	}
	entry, err := c.entry(ctx, revision, asOfUS)
	if err != nil {
		return "", nil, err
	}
	// Its tables are found by their bare names, after those of the connection itself.
	if _, err := conn.ExecContext(ctx, "SET search_path = 'memory."+entry.schema+"'"); err != nil {
		return "", nil, fmt.Errorf("choosing the catalog's state: %w", err)
	}
	entry.users++
	return entry.schema, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		entry.users--
	}, nil
}

// entry finds a state or loads it; the newest used stands last.
func (c *catalogs) entry(ctx context.Context, revision Revision, asOfUS int64) (*loadedCatalog, error) {
	for i, e := range c.loaded {
		if e.revision.Key == revision.Key {
			c.loaded = append(append(c.loaded[:i:i], c.loaded[i+1:]...), e)
			return e, nil
		}
	}
	c.next++
	entry := &loadedCatalog{revision: revision, schema: fmt.Sprintf("catalog_%d", c.next)}
	grown, err := c.grow(ctx, entry)
	if err != nil {
		return nil, err
	}
	if !grown {
		dimensions, err := c.source.Dimensions(ctx, asOfUS)
		if err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
		if err := c.evict(ctx); err != nil {
			return nil, err
		}
		if err := c.load(ctx, entry.schema, dimensions); err != nil {
			return nil, fmt.Errorf("loading the catalog: %w", err)
		}
		c.metrics.dimensions.Inc()
	}
	c.loaded = append(c.loaded, entry)
	return entry, nil
}

// evict makes room for one more state; those in use stay.
func (c *catalogs) evict(ctx context.Context) error {
	for i := 0; i < len(c.loaded) && len(c.loaded) >= c.most; {
		e := c.loaded[i]
		if e.users > 0 {
			i++
			continue
		}
		if _, err := c.db.ExecContext(ctx, "DROP SCHEMA "+e.schema+" CASCADE"); err != nil {
			return fmt.Errorf("dropping a state of the catalog: %w", err)
		}
		c.loaded = append(c.loaded[:i:i], c.loaded[i+1:]...)
	}
	return nil
}

func (c *catalogs) load(ctx context.Context, schema string, d *Dimensions) (err error) {
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, strings.ReplaceAll(dimensionsSQL, "{schema}", schema)); err != nil {
		return err
	}
	err = conn.Raw(func(raw any) error {
		c, ok := raw.(driver.Conn)
		if !ok {
			return errors.New("the connection is not DuckDB's")
		}
		return appendDimensions(c, schema, d)
	})
	if err == nil {
		_, err = conn.ExecContext(ctx, strings.ReplaceAll(derivedSQL, "{schema}", schema))
	}
	if err != nil {
		_, dropErr := conn.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE")
		return errors.Join(err, dropErr)
	}
	return nil
}

func appendDimensions(conn driver.Conn, schema string, d *Dimensions) error {
	var rules [][]driver.Value
	for _, p := range d.Policies {
		for rank, rule := range p.Policy.Rules {
			rules = append(rules, []driver.Value{p.Organizer, int64(p.Policy.Version), rule, int64(rank)})
		}
	}
	tables := []struct {
		name string
		rows int
		row  func(i int) []driver.Value
	}{
		{"organizers", len(d.Organizers), func(i int) []driver.Value {
			o := d.Organizers[i]
			return []driver.Value{o.ID, o.Slug, o.Name, o.Zone, o.Currency}
		}},
		{"events", len(d.Events), func(i int) []driver.Value {
			e := d.Events[i]
			return []driver.Value{e.ID, e.Organizer, e.Slug, e.Name, e.Zone, e.Currency, e.StartMS, e.EndMS}
		}},
		{"affiliates", len(d.Affiliates), func(i int) []driver.Value {
			a := d.Affiliates[i]
			return []driver.Value{a.ID, a.Organizer, a.Name, a.Nickname, a.Email, a.Paused}
		}},
		{"codes", len(d.Codes), func(i int) []driver.Value {
			c := d.Codes[i]
			return []driver.Value{c.ID, c.Organizer, c.Event, c.Text, c.Paused}
		}},
		{"texts", len(d.Texts), func(i int) []driver.Value {
			t := d.Texts[i]
			return []driver.Value{t.Code, t.Folded, t.FromMS}
		}},
		{"owners", len(d.Owners), func(i int) []driver.Value {
			o := d.Owners[i]
			return []driver.Value{o.Code, o.Affiliate, o.FromMS}
		}},
		{"states", len(d.States), func(i int) []driver.Value {
			s := d.States[i]
			return []driver.Value{s.Code, s.Paused, s.FromMS}
		}},
		{"coupons", len(d.Coupons), func(i int) []driver.Value {
			c := d.Coupons[i]
			return []driver.Value{c.ID, c.Organizer, c.Folded, c.Code, c.FromMS, c.UntilMS}
		}},
		{"policies", len(d.Policies), func(i int) []driver.Value {
			p := d.Policies[i]
			return []driver.Value{p.Organizer, int64(p.Policy.Version), p.FromMS, p.UntilMS, p.Policy.WindowMS(), p.Policy.CutAtEventEnd, p.Policy.Pick}
		}},
		{"policy_rules", len(rules), func(i int) []driver.Value { return rules[i] }},
	}
	for _, t := range tables {
		if err := appendRows(conn, schema, t.name, t.rows, t.row); err != nil {
			return fmt.Errorf("filling %s: %w", t.name, err)
		}
	}
	return nil
}

func appendRows(conn driver.Conn, schema, table string, rows int, row func(i int) []driver.Value) (err error) {
	appender, err := duckdb.NewAppender(conn, "", schema, table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, appender.Close()) }()
	for i := range rows {
		if err := appender.AppendRow(row(i)...); err != nil {
			return err
		}
	}
	return nil
}
