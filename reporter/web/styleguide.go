package web

// styleguide shows every component and state on one page.
func (w *Web) styleguide(a *ask) error {
	points := make([]point, 14)
	for i := range points {
		n := int64(i*i%11 + 2)
		points[i] = point{label: "2026-11-" + formatInt(int64(10+i)), now: map[string]int64{"visits": n * 13, "orders": n, "total_sales": n * 4500}, before: map[string]int64{"visits": n * 10, "orders": n - 1, "total_sales": n * 4000}}
	}
	p := performance{
		Base: "/styleguide", View: view{Currency: "USD"}, Chart: chartOf(points, "day", "USD", 2, true, true),
		Evidence: evidence{Zone: "America/New_York", Basis: "by order date", AsOf: "14:05:09", Settled: "provisional after 14:05:07", Provisional: true, Late: "13:52"},
		Fall:     []step{{Title: "Requests", Value: "1 000", Width: 100}, {Title: "bot", Value: "−200", At: 80, Width: 20, Taken: true}, {Title: "Visits", Value: "800", Width: 80}},
	}
	p.Strip = []figure{
		{Title: "Visits", Value: count(1480), Change: "+12.0 %", Base: "against Mon 16 Nov, to 14:05", Spark: sparkOf(points, "visits")},
		{Title: "Conversion Rate", Value: "100.00 %", Muted: true, Under: []string{"1 of 1 visit"}},
		{Title: "Total Sales", Value: "12 345.00", Unit: "USD", Under: []string{"Refunds 0.00", "Net sales 12 345.00"}},
	}
	f := newForm("Name", "typed", "Email", "not an address")
	f.Errors = map[string]string{"Email": "The email address \"not an address\": want one like ann@example.com."}
	return w.pageAs(a, 200, "styleguide", frame{Title: "Styleguide", Form: f, Body: p})
}
