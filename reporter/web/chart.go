package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/reports"
)

// point is one bucket of time.
type point struct {
	label  string // as the report writes it
	now    map[string]int64
	before map[string]int64
}

// chart is three panels on one axis of time, drawn here: the same on paper, and
// without JavaScript (docs/adr/0010-charts-are-drawn-by-the-server.md).
type chart struct {
	Panels      []panel
	Bucket      string
	Labels      []axisLabel
	Points      []chartPoint // for the table below, and for the cursor
	Provisional bool         // the last bucket is not over
	Summary     string
	Compared    bool
}

// panel is one drawing of panelWidth by panelHeight, stretched to its place; what is
// written stands beside it, so that it isn't stretched.
type panel struct {
	Name, Title, Unit string
	Line              string // points of a polyline; empty: bars
	Before            string // points of the dashed one
	Bars              []bar
	Grid              []string // of its three lines, from the top
}

type bar struct {
	X, Y, W, H float64
	Last       bool // provisional
}

type axisLabel struct {
	X    float64 // of 100
	Text string
}

// chartPoint is a row of the table below the chart.
type chartPoint struct {
	X      float64
	Label  string
	Values []string
}

// spark is a small line beside a figure; empty: too few points.
type spark struct{ Line, Summary string }

// The drawings' measures, in units of their view boxes.
const (
	panelWidth   = 1000.0
	panelHeight  = 100.0
	sparkWidth   = 96.0
	sparkHeight  = 24.0
	maxPoints    = 800
	minForSpark  = 3
	labelsOfAxis = 8
)

// bucketOf is the finest bucket that leaves at most as many points as a drawing
// can show.
func bucketOf(p period) string {
	const hourly, daily, weekly = 2, 400, 2000
	switch {
	case p.days > 0 && p.days <= hourly:
		return "hour"
	case p.days <= daily:
		return "day"
	case p.days <= weekly:
		return "week"
	default:
		return "month"
	}
}

// pointsOf are the buckets of one currency, those without anything filled in:
// visits are of the event's currency, and all are shown beside whichever is chosen.
func pointsOf(t reports.Table, rows []row, bucket, currency string, p period) []point {
	byLabel := map[string]int{}
	var out []point
	add := func(label string) int {
		if at, ok := byLabel[label]; ok {
			return at
		}
		byLabel[label] = len(out)
		out = append(out, point{label: label, now: map[string]int64{}, before: map[string]int64{}})
		return len(out) - 1
	}
	if bucket == "day" {
		for _, label := range daysOf(t, rows, p) {
			add(label)
		}
	}
	for _, r := range rows {
		if r.currency != currency && r.currency != "" {
			continue
		}
		at := add(r.text(bucket))
		for _, name := range []string{"visits", "orders", "tickets_sold", "total_sales", "credited_orders", "conversion_rate"} {
			if n, ok := r.number(name); ok {
				out[at].now[name] += n
			}
			if n, ok := r.number(name + "_before"); ok {
				out[at].before[name] += n
			}
		}
	}
	return out[:min(len(out), maxPoints)]
}

// daysOf are all days from the first to the last, or of the range up to today.
func daysOf(t reports.Table, rows []row, p period) []string {
	zone := zoneOf(t.Facts.Zone)
	first, last := p.from, ""
	if len(rows) > 0 {
		if first == "" {
			first = rows[0].text("day")
		}
		last = rows[len(rows)-1].text("day")
	}
	if p.to != "" {
		if end, err := time.Parse(time.DateOnly, p.to); err == nil {
			last = end.AddDate(0, 0, -1).Format(time.DateOnly)
		}
	}
	if today := time.UnixMicro(t.Facts.AsOfUS).In(zone).Format(time.DateOnly); last > today {
		last = today
	}
	from, err := time.Parse(time.DateOnly, first)
	to, failed := time.Parse(time.DateOnly, last)
	if err != nil || failed != nil {
		return nil
	}
	var out []string
	for d := from; !d.After(to) && len(out) < maxPoints; d = d.AddDate(0, 0, 1) {
		out = append(out, d.Format(time.DateOnly))
	}
	return out
}

// chartOf draws the three panels.
func chartOf(points []point, bucket, currency string, decimals int, provisional, compared bool) chart {
	c := chart{Bucket: bucket, Provisional: provisional, Compared: compared}
	if len(points) == 0 {
		return c
	}
	write := func(name string, n int64) string {
		if name == "total_sales" {
			return decimal(n, decimals)
		}
		return count(n)
	}
	for _, one := range []struct {
		name, title, unit string
		line              bool
	}{{"visits", "Visits", "", true}, {"orders", "Orders", "", false}, {"total_sales", "Sales", currency, false}} {
		most, had := int64(1), int64(0)
		for _, p := range points {
			most, had = max(most, p.now[one.name], p.before[one.name]), max(had, p.before[one.name])
		}
		p := panel{Name: one.name, Title: one.title, Unit: one.unit, Grid: []string{write(one.name, most), "", write(one.name, 0)}}
		if most > 1 {
			p.Grid[1] = write(one.name, most/2)
		}
		p.draw(points, one.line, compared && had > 0, provisional, func(n int64) float64 { return panelHeight * (1 - float64(max(n, 0))/float64(most)) })
		c.Panels = append(c.Panels, p)
	}
	step := max(1, (len(points)+labelsOfAxis-1)/labelsOfAxis)
	for i, p := range points {
		if i%step == 0 {
			c.Labels = append(c.Labels, axisLabel{middle(i, len(points)) * 100 / panelWidth, shortLabel(p.label, bucket)})
		}
		c.Points = append(c.Points, chartPoint{middle(i, len(points)), p.label, []string{
			write("visits", p.now["visits"]), write("orders", p.now["orders"]), write("total_sales", p.now["total_sales"]),
		}})
	}
	last := points[len(points)-1]
	c.Summary = fmt.Sprintf("%d %ss from %s to %s. The last has %s visits, %s orders and sales of %s.", len(points), bucket, points[0].label, last.label,
		count(last.now["visits"]), count(last.now["orders"]), strings.TrimSpace(decimal(last.now["total_sales"], decimals)+" "+currency))
	return c
}

// middle of a bucket on the axis.
func middle(i, n int) float64 { return panelWidth * (float64(i) + 0.5) / float64(n) }

func (p *panel) draw(points []point, line, compared, provisional bool, scale func(int64) float64) {
	var now, before []string
	width := panelWidth / float64(len(points))
	for i, at := range points {
		x, y := middle(i, len(points)), scale(at.now[p.Name])
		now = append(now, coordinates(x, y))
		before = append(before, coordinates(x, scale(at.before[p.Name])))
		if !line {
			const full = 0.7
			p.Bars = append(p.Bars, bar{x - width*full/2, y, max(width*full, 1), panelHeight - y, provisional && i == len(points)-1})
		}
	}
	if line {
		p.Line = strings.Join(now, " ")
	}
	if compared {
		p.Before = strings.Join(before, " ")
	}
}

func coordinates(x, y float64) string {
	return strconv.FormatFloat(x, 'f', 1, 64) + "," + strconv.FormatFloat(y, 'f', 1, 64)
}

// shortLabel is a bucket's name on the axis.
func shortLabel(label, bucket string) string {
	switch bucket {
	case "day":
		if d, err := time.Parse(time.DateOnly, label); err == nil {
			return d.Format("2 Jan")
		}
	case "hour":
		if len(label) > len("2026-11-22T14:00") {
			return label[len("2026-11-22T"):len("2026-11-22T14:00")]
		}
	}
	return label
}

// sparkOf draws a figure's line.
func sparkOf(points []point, name string) spark {
	if len(points) < minForSpark {
		return spark{}
	}
	values := make([]int64, len(points))
	most := int64(1)
	for i, p := range points {
		values[i] = p.now[name]
		most = max(most, values[i])
	}
	var line []string
	for i, n := range values {
		const edge = 1.5
		line = append(line, coordinates(edge+(sparkWidth-2*edge)*float64(i)/float64(len(values)-1), edge+(sparkHeight-2*edge)*(1-float64(max(n, 0))/float64(most))))
	}
	return spark{strings.Join(line, " "), fmt.Sprintf("over %d points", len(points))}
}
