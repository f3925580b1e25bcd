package web

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func at(t *testing.T, zone, text string) (time.Time, *time.Location) {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	now, err := time.ParseInLocation("2006-01-02T15:04:05", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return now, loc
}

// Today so far is compared with yesterday to the same minute of the day, whatever
// the clocks did in between.
func TestARunningPeriodIsComparedWithTheSameElapsedPart(t *testing.T) {
	for _, c := range []struct{ zone, now, span, from, to, before string }{
		{"America/New_York", "2026-11-24T14:05:09", rangeToday, "2026-11-24", "2026-11-25", "2026-11-23/2026-11-23T19:05:09.001Z"},
		// The day before has 25 hours: 14:05 is 15:05 hours into it.
		{"America/New_York", "2026-11-02T14:05:00", rangeToday, "2026-11-02", "2026-11-03", "2026-11-01/2026-11-01T19:05:00.001Z"},
		// Today has 25 hours.
		{"America/New_York", "2026-11-01T14:05:00", rangeToday, "2026-11-01", "2026-11-02", "2026-10-31/2026-10-31T18:05:00.001Z"},
		{"Australia/Lord_Howe", "2026-04-05T10:00:00", rangeToday, "2026-04-05", "2026-04-06", "2026-04-04/2026-04-03T23:00:00.001Z"},
		{"America/St_Johns", "2026-03-08T12:00:00", rangeWeek, "2026-03-02", "2026-03-09", "2026-02-23/2026-03-01T15:30:00.001Z"},
		{"Asia/Kathmandu", "2026-11-24T00:00:00", rangeMonth, "2026-10-28", "2026-11-25", "2026-09-30/2026-10-26T18:15:00.001Z"},
	} {
		now, zone := at(t, c.zone, c.now)
		p, err := view{Range: c.span}.periodOf(now, zone)
		if err != nil || p.from != c.from || p.to != c.to || p.before != c.before || !p.running {
			t.Errorf("%s %s %s: %+v, %v, want %s to %s against %s", c.zone, c.now, c.span, p, err, c.from, c.to, c.before)
		}
		if !strings.Contains(p.BeforeWords, now.Format("15:04")) {
			t.Errorf("%s: says %q, which names no minute", c.now, p.BeforeWords)
		}
	}
}

func TestAnEndedPeriodIsComparedWithTheWholeOneBefore(t *testing.T) {
	now, zone := at(t, "America/New_York", "2026-12-24T14:05:09")
	p, err := view{Range: rangeCustom, From: "2026-11-01", To: "2026-11-07"}.periodOf(now, zone)
	if err != nil || p.from != "2026-11-01" || p.to != "2026-11-08" || p.before != "2026-10-25/2026-11-01" || p.running || p.days != 7 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = view{Range: rangeCustom, From: "2026-11-01", To: "2026-11-07", Compare: "none"}.periodOf(now, zone)
	if err != nil || p.before != "" {
		t.Errorf("compared with nothing: %+v, %v", p, err)
	}
	p, err = view{Range: rangeSale}.periodOf(now, zone)
	if err != nil || p.from != "" || p.before != "" {
		t.Errorf("the whole sale: %+v, %v", p, err)
	}
	for _, v := range []view{{From: "2026-11-07", To: "2026-11-01"}, {From: "yesterday", To: "today"}, {From: "2026-02-30", To: "2026-03-01"}} {
		v.Range = rangeCustom
		if _, err := v.periodOf(now, zone); err == nil {
			t.Errorf("%+v is taken for a range", v)
		}
	}
}

// What a URL says is what the next URL says, and what a form sends along.
func TestAViewSurvivesItsOwnURL(t *testing.T) {
	text := "affiliate=7&basis=visit&by=code&code=A&columns=requests&compare=none&currency=EUR&event=gala&from=2026-11-01&range=custom&sort=-visits&to=2026-11-07&where=source%3Da&zone=UTC"
	q, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	v := readView(q)
	if got := v.with(); got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
	sent := url.Values{}
	for _, c := range v.Keep("by") {
		sent.Set(c.Value, c.Title)
	}
	if got := readView(sent); got.By != "affiliate" || got.Where != "source=a" || got.From != "2026-11-01" {
		t.Errorf("a form sends %+v", got)
	}
	if got := v.with("range", rangeToday); strings.Contains(got, "2026-11") {
		t.Errorf("another range keeps the days: %s", got)
	}
	if got := v.Cleared(); strings.Contains(got, "where") || strings.Contains(got, "affiliate") || strings.Contains(got, "code=A") {
		t.Errorf("cleared: %s", got)
	}
	if v := readView(url.Values{"event": {"gala"}}); v.Range != rangeSale {
		t.Errorf("an event's page opens on %s", v.Range)
	}
	if v := readView(url.Values{}); v.Range != rangeMonth || v.Page != 1 {
		t.Errorf("the page of all events opens on %+v", v)
	}
}

func TestACommandIsTakenByAShellAsItIsMeant(t *testing.T) {
	got := command(url.Values{"by": {"code"}, "where": {`source = "it's" and visits>=10`}, "event": {"gala-2026"}, "as_of": {"1796088690725826"}})
	want := `footfall report --by code --event gala-2026 --where 'source = "it'\''s" and visits>=10' --as-of 1796088690725826`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, text := range []string{"", "$(id)", "`id`", "a b", "a;b", "a|b", "é", "a\nb"} {
		if q := shellQuote(text); !strings.HasPrefix(q, "'") || !strings.HasSuffix(q, "'") {
			t.Errorf("%q is written %s", text, q)
		}
	}
}

func TestNoPathLeadsElsewhere(t *testing.T) {
	for path, want := range map[string]string{
		"/o/acme/performance?by=code": "/o/acme/performance?by=code", "//evil.example": "/", "https://evil.example": "/", "": "/", "/\\evil.example": "/", "javascript:alert(1)": "/", "/a\r\nb": "/",
	} {
		if got := here(path); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

func TestASlugIsMadeOfAName(t *testing.T) {
	for name, want := range map[string]string{"Summer Fest 2027!": "summer-fest-2027", "  --A & B--": "a-b", "Ümlaut": "mlaut", "…": ""} {
		if got := slugOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestADeviceIsNamedWithoutItsVersion(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"curl/8.5.0": "A program", "": "A program",
	} {
		if got := deviceOf(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}
