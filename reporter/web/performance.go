package web

import (
	"context"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// performance is what the Performance page shows; all of one as-of.
type performance struct {
	View     view
	Period   period
	Evidence evidence
	Strip    []figure
	Chart    chart
	Table    table
	Fall     []step
	FallNote string

	Currency   string   // that the strip and the chart show
	Currencies []choice // more than one: a switch
	Ranges     []choice
	Bys        []choice
	Notes      []string
	Saved      []admin.SavedView
	Copy       []copied
	Empty      string       // what to say and do instead of figures
	Problem    string       // what is wrong with the question
	Shared     bool         // seen through a share link
	Base       string       // path of the page
	LiveURL    template.URL // of the stream; empty: frozen
}

// evidence says what the figures stand on.
type evidence struct {
	Zone, Basis, AsOf string
	AsOfUS            int64
	Settled           string // in words
	Provisional       bool
	Late              string // complete to, where it is behind
	Frozen            bool
}

// figure is one of the strip.
type figure struct {
	Name, Title, Value, Unit string
	Change, Base             string
	Under                    []string
	Muted                    bool
	Spark                    spark
}

// copied is one way to ask the same question elsewhere.
type copied struct{ Title, Text string }

// answer is one report, taken whole: its rows are few.
type answer struct {
	reports.Table

	rows, totals []row
}

// asks makes several reports of one as-of.
func (w *Web) asks(ctx context.Context, questions ...url.Values) ([]answer, error) {
	out := make([]answer, len(questions))
	err := w.deps.Reports.Together(ctx, questions, func(ctx context.Context, n int, t *reports.Table) error {
		list, err := reports.Collect(ctx, t)
		out[n] = answer{Table: *t, rows: rowsOf(t.Columns, list), totals: rowsOf(t.Columns, t.Totals)}
		out[n].Batches = nil
		return err
	})
	return out, err
}

func (w *Web) showPerformance(a *ask) error {
	v := readView(a.URL.Query())
	p, err := w.performanceOf(a.Context(), a.organizer, v, "/o/"+a.organizer.Slug+"/performance")
	if err != nil {
		if _, refused := admin.AsRefusal(err); !refused {
			return err
		}
		_, p.Problem = statusOf(err)
		p.Problem = sentence(p.Problem)
	}
	if p.Saved, err = w.deps.People.SavedViews(a.Context(), a.organizer.Slug, a.session.Person.ID); err != nil {
		return err
	}
	if v.AsOf == "" && p.Problem == "" {
		p.LiveURL = template.URL("/o/" + a.organizer.Slug + "/live?" + v.with()) //nolint:gosec // a path of ours and an encoded query
	}
	status := 200
	if p.Problem != "" {
		status = 400
	}
	return w.pageAs(a, status, "performance", frame{Title: "Performance", Tab: "performance", Body: p})
}

// performanceOf makes the page of a view, whose reports are of one reading.
func (w *Web) performanceOf(ctx context.Context, o admin.Organizer, v view, base string) (p performance, err error) {
	p = performance{View: v, Base: base}
	p.chooser()
	event, at, err := w.placed(ctx, o, v)
	if err != nil {
		return p, err
	}
	p.Period = at
	q := v.question(o.Slug, p.Period)
	q.Set("limit", strconv.Itoa(rowsOfPage))
	if v.Page > 1 {
		q.Set("offset", strconv.Itoa((v.Page-1)*rowsOfPage))
	}
	bucket := bucketOf(p.Period)
	list, err := w.asks(ctx, q, seriesQuestion(v, o.Slug, p.Period, bucket), fallQuestion(v, o.Slug, p.Period))
	if err != nil {
		return p, err
	}
	v.AsOf = formatInt(list[0].Facts.AsOfUS)
	if p.currencies(list[1].totals); p.View.Currency != v.Currency {
		// With a second currency there is a switch, and the table shows one.
		v.Currency = p.View.Currency
		q.Set("currency", v.Currency)
		q.Set("as_of", v.AsOf)
		one, err := w.asks(ctx, q)
		if err != nil {
			return p, err
		}
		list[0] = one[0]
	}
	t := list[0]
	p.Evidence = evidenceOf(t.Table, w.deps.Clock(), p.View.AsOf != "")
	p.strip(v, t.totals, list[1], bucket)
	p.Table = tableOf(p.View, t.Table, t.rows, t.totals, base)
	p.Notes = append(p.Notes, t.Facts.Notes...)
	p.fall(list[2].Columns, list[2].totals)
	p.copies(q, v)
	if len(t.rows) == 0 || noSales(t.totals) {
		b, err := w.deps.Reports.Bounds(ctx, o.Slug, v.Event, t.Facts.AsOfUS)
		if err != nil {
			return p, err
		}
		p.Empty = emptyText(p, event, b)
	}
	return p, nil
}

// placed finds a view's event, nil for all, and works out its range in the zone that
// its days are of.
func (w *Web) placed(ctx context.Context, o admin.Organizer, v view) (event *admin.Event, p period, err error) {
	events, err := w.deps.Catalog.Events(ctx, o.Slug)
	if err != nil {
		return nil, p, err
	}
	if event, err = eventOf(events, v.Event); err != nil {
		return nil, p, err
	}
	zone := o.Zone
	if event != nil {
		zone = event.Zone
	}
	if v.Zone != "" {
		zone = v.Zone
	}
	p, err = v.periodOf(w.deps.Clock(), zoneOf(zone))
	return event, p, err
}

// noSales says whether there are visits, and no order among them.
func noSales(totals []row) bool {
	visits, credited := int64(0), int64(0)
	for _, r := range totals {
		n, _ := r.number("visits")
		c, _ := r.number("credited_orders")
		visits, credited = visits+n, credited+c
	}
	return visits > 0 && credited == 0
}

// seriesQuestion asks the figures over time.
func seriesQuestion(v view, organizer string, p period, bucket string) url.Values {
	q := v.question(organizer, p)
	q.Set("by", bucket)
	q.Set("sort", bucket)
	q.Del("currency") // of all, to know which there are
	q.Set("columns", "visits,orders,tickets_sold,credited_orders,total_sales,conversion_rate")
	q.Del("nobody")
	return q
}

// fallQuestion asks what became of every request.
func fallQuestion(v view, organizer string, p period) url.Values {
	v.By, v.Sort, v.Columns = "organizer", "", ""
	q := v.question(organizer, period{from: p.from, to: p.to})
	q.Del("currency")
	q.Set("columns", "waterfall")
	q.Del("nobody")
	return q
}

// chooser fills the ranges and dimensions.
func (p *performance) chooser() {
	v := p.View
	p.Ranges = rangeChoices(v.Event != "")
	for i := range p.Ranges {
		p.Ranges[i].On = p.Ranges[i].Value == v.Range
		p.Ranges[i].URL = p.Base + "?" + v.with("range", p.Ranges[i].Value)
	}
	p.Bys = byChoices()
	for i := range p.Bys {
		p.Bys[i].On = p.Bys[i].Value == v.By
	}
	if !slices.ContainsFunc(p.Bys, func(c choice) bool { return c.On }) {
		p.Bys = append(p.Bys, choice{Value: v.By, Title: v.By, On: true})
	}
}

// currencies makes the switch, and says whose figures are shown.
func (p *performance) currencies(totals []row) {
	chosen := p.View.Currency
	for _, r := range totals {
		p.Currencies = append(p.Currencies, choice{Value: r.currency, Title: r.currency, URL: p.Base + "?" + p.View.with("currency", r.currency)})
	}
	if !slices.ContainsFunc(p.Currencies, func(c choice) bool { return c.Value == chosen }) && len(totals) > 0 {
		chosen = totals[0].currency
	}
	for i := range p.Currencies {
		p.Currencies[i].On = p.Currencies[i].Value == chosen
	}
	p.Currency = chosen
	if p.View.Currency = chosen; len(p.Currencies) < 2 {
		p.Currencies, p.View.Currency = nil, ""
	}
}

// evidenceOf puts how the lake stood into words.
func evidenceOf(t reports.Table, now time.Time, frozen bool) evidence {
	f, zone := t.Facts, zoneOf(t.Facts.Zone)
	clock := func(t time.Time) string {
		t = t.In(zone)
		if t.Format(time.DateOnly) == now.In(zone).Format(time.DateOnly) {
			return t.Format("15:04:05")
		}
		return t.Format("2 Jan 2006 15:04:05")
	}
	e := evidence{Zone: f.Zone, Basis: "by " + f.Basis, AsOf: clock(time.UnixMicro(f.AsOfUS)), AsOfUS: f.AsOfUS, Frozen: frozen}
	switch mark := t.Freshness.WatermarkUS; {
	case t.Freshness.Settled(f.AsOfUS):
		e.Settled = "settled"
	case mark == 0:
		e.Settled, e.Provisional = "provisional", true
	default:
		e.Settled, e.Provisional = "provisional after "+clock(time.UnixMicro(mark)), true
	}
	const late = 2 * time.Minute
	if c := t.Freshness.CompleteMS; c > 0 && time.UnixMicro(f.AsOfUS).Sub(time.UnixMilli(c)) > late {
		e.Late = clock(time.UnixMilli(c))
	}
	return e
}

// strip makes the five figures and the chart, both of the currency shown.
func (p *performance) strip(v view, totals []row, series answer, bucket string) {
	total := row{cells: map[string]reports.Cell{}}
	for _, r := range totals {
		if r.currency == p.Currency {
			total = r
		}
	}
	points := pointsOf(series.Table, series.rows, bucket, p.Currency, p.Period)
	p.Chart = chartOf(points, bucket, p.Currency, total.decimals, p.Evidence.Provisional && p.Period.running || p.Period.from == "", p.Period.before != "")
	if strings.Contains(v.By, "ticket_type") || strings.Contains(v.By, "order") {
		for _, r := range series.totals {
			if r.currency == p.Currency {
				total.add(r) // what such a row can't have
			}
		}
	}
	p.Strip = []figure{
		{Name: "visits", Title: "Visits", Value: total.count("visits"), Change: total.change("visits", reports.KindCount)},
		{Name: "orders", Title: "Orders", Value: total.count("orders"), Change: total.change("orders", reports.KindCount), Under: directText(total)},
		{Name: "tickets_sold", Title: "Tickets Sold", Value: total.count("tickets_sold"), Change: total.change("tickets_sold", reports.KindCount)},
		rateFigure(total),
		{
			Name: "total_sales", Title: "Total Sales", Value: total.money("total_sales"), Unit: p.Currency, Change: total.change("total_sales", reports.KindMoney),
			Under: []string{"Refunds " + total.money("refunds"), "Net sales " + total.money("net_sales")},
		},
	}
	for i := range p.Strip {
		if p.Strip[i].Change != "" {
			p.Strip[i].Base = "against " + p.Period.BeforeWords
		}
		p.Strip[i].Spark = sparkOf(points, p.Strip[i].Name)
	}
}

// Changed says whether any figure of the strip has a change.
func (p performance) Changed() bool {
	return slices.ContainsFunc(p.Strip, func(f figure) bool { return f.Change != "" })
}

// add takes the figures of another row that this one lacks.
func (r row) add(other row) {
	for name, cell := range other.cells {
		if _, there := r.cells[name]; !there {
			r.cells[name] = cell
		}
	}
}

func (r row) count(name string) string {
	n, _ := r.number(name)
	return count(n)
}

func (r row) money(name string) string {
	n, _ := r.number(name)
	return decimal(n, r.decimals)
}

func directText(total row) []string {
	orders, _ := total.number("orders")
	credited, has := total.number("credited_orders")
	if !has || orders == credited {
		return nil
	}
	return []string{count(credited) + " credited, " + count(orders-credited) + " direct"}
}

// fewVisits make a rate that says little.
const fewVisits = 30

// rateFigure is the conversion rate with what it is made of.
func rateFigure(total row) figure {
	visits, _ := total.number("visits")
	credited, _ := total.number("credited_orders")
	f := figure{Name: "conversion_rate", Title: "Conversion Rate", Value: "–", Change: total.change("conversion_rate", reports.KindRate)}
	if rate, ok := total.number("conversion_rate"); ok {
		f.Value, f.Muted = percent(rate), visits < fewVisits
	}
	f.Under = []string{fmt.Sprintf("%s of %s", count(credited), plural(visits, "visit", "visits"))}
	if credited > visits {
		f.Under = append(f.Under, "More credited orders than visits: some were credited by a code or coupon given on the order, without a click.")
	}
	return f
}

// step is one bar of the waterfall.
type step struct {
	Title, Value string
	At, Width    float64 // of 100
	Taken        bool    // a verdict that is taken off
}

// sumsOf adds counts up, whatever currency they stand beside.
func sumsOf(columns []reports.Column, totals []row) map[string]int64 {
	sums := map[string]int64{}
	for _, r := range totals {
		for _, c := range columns {
			if n, ok := r.number(c.Name); ok && c.Kind == reports.KindCount {
				sums[c.Name] += n
			}
		}
	}
	return sums
}

// fall makes the bars from requests to unique visitors.
func (p *performance) fall(columns []reports.Column, totals []row) {
	sums := sumsOf(columns, totals)
	all := sums["requests"]
	if all == 0 {
		return
	}
	part := func(n int64) float64 { return 100 * float64(n) / float64(all) }
	p.Fall = append(p.Fall, step{Title: "Requests", Value: count(all), Width: part(all)})
	left := all
	for _, verdict := range []string{"test", "ended", "no_code", "unknown_code", "paused", "head", "prefetch", "bot"} {
		if n := sums[verdict+"_requests"]; n > 0 {
			left -= n
			p.Fall = append(p.Fall, step{Title: strings.ReplaceAll(verdict, "_", " "), Value: minus + count(n), At: part(left), Width: part(n), Taken: true})
		}
	}
	p.Fall = append(p.Fall, step{Title: "Visits", Value: count(sums["visits"]), Width: part(sums["visits"])},
		step{Title: "Unique visitors", Value: count(sums["unique_visitors"]), Width: part(sums["unique_visitors"])})
	p.FallNote = plural(sums["credited_orders"], "order", "orders") + " credited of " + count(sums["orders"])
}

// copies are the same question for other places. What they ask is fixed to the
// as-of that is seen.
func (p *performance) copies(q url.Values, v view) {
	fixed := maps.Clone(q)
	fixed.Set("as_of", v.AsOf)
	p.Copy = []copied{
		{"Link to this view", p.Base + "?" + p.View.with("as_of", v.AsOf)},
		{"Command", command(fixed)},
	}
	fixed.Del("organizer") // the key's
	p.Copy = append(p.Copy, copied{"curl", "curl -H \"Authorization: Bearer $FOOTFALL_KEY\" " + shellQuote("http://127.0.0.1:8602/v1/report?"+fixed.Encode())})
}

// emptyText says what to do where there is nothing to see, or nothing sold.
func emptyText(p performance, event *admin.Event, b reports.Bounds) string {
	switch {
	case len(p.Table.Rows) > 0 && b.Orders == 0:
		return "No order has ever arrived. Connect orders: Settings, Orders."
	case len(p.Table.Rows) > 0 && !p.Shared:
		return plural(b.Orders, "order has", "orders have") + " arrived, none is credited here. Rows by Order says why."
	case len(p.Table.Rows) > 0:
		return ""
	}
	if p.View.Where != "" || p.View.Affiliate != "" || p.View.Code != "" {
		return "Nothing matches."
	}
	if p.View.Range != rangeSale {
		return "No visits in this range."
	}
	name := "your affiliates"
	if event != nil {
		name = "your affiliates of " + event.Name
	}
	return "No visits yet. Send " + name + " their links; the first click shows here within seconds."
}
