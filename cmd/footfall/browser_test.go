package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is a real Chromium with a profile of its own. What its console complains
// of, and every request to another place than the dashboard, fails the test.
type browser struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // chromedp keeps the browser in it
	origin string

	mu       sync.Mutex
	problems []string // guarded by mu
	requests []string // guarded by mu
	bytes    float64  // guarded by mu: that crossed the wire
}

// browserTimeout is how long anything in a browser may take on a busy machine.
const browserTimeout = 60 * time.Second

func newBrowser(t *testing.T, origin string) *browser {
	t.Helper()
	b := &browser{t: t, origin: origin}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true), chromedp.WindowSize(1440, 900), chromedp.WSURLReadTimeout(browserTimeout))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	ctx, end := context.WithTimeout(ctx, 4*time.Minute)
	b.ctx = ctx
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	t.Cleanup(func() {
		end()
		cancel()
		stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Errorf("the browser: %s", p)
		}
	})
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, e.ExceptionDetails.Text+" "+e.ExceptionDetails.URL)
	case *log.EventEntryAdded:
		// A form that is refused is answered with its status, which Chromium logs.
		if !strings.Contains(e.Entry.Text, "Failed to load resource") && e.Entry.Level != log.EntryLevelVerbose {
			b.problems = append(b.problems, string(e.Entry.Level)+" "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			b.requests = append(b.requests, e.Request.URL)
		}
		if !strings.HasPrefix(e.Request.URL, b.origin) && !strings.HasPrefix(e.Request.URL, "data:") && !strings.HasPrefix(e.Request.URL, "about:") {
			b.problems = append(b.problems, "a request to "+e.Request.URL)
		}
	case *network.EventLoadingFinished:
		b.bytes += e.EncodedDataLength
	}
}

// run does things, and fails with a picture of the page.
func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.seen())
	}
}

// seen says what the page is, for a failure.
func (b *browser) seen() string {
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		return "the page can't be seen: " + err.Error()
	}
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`)) // what can be told is
	picture, _ := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	path := filepath.Join(os.TempDir(), strings.ReplaceAll(b.t.Name(), "/", "_")+".png")
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		path = err.Error()
	}
	return fmt.Sprintf("at %s, seen in %s:\n%.1500s", at, path, text)
}

func (b *browser) open(path string) {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.origin + path
	}
	b.run(chromedp.Navigate(path), chromedp.WaitReady(chromedp.CSS("main")))
}

// value gives what an expression is on the page.
func (b *browser) value(expression string, out any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserTimeout)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify("+expression+")"))
	if err == nil {
		err = json.Unmarshal([]byte(text), out)
	}
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", expression, err, b.seen())
	}
}

// do runs a statement on the page.
func (b *browser) do(statement string) {
	b.t.Helper()
	var ignored any
	b.value("(() => {"+statement+"; return 0})()", &ignored)
}

func (b *browser) text(selector string) (text string) {
	b.t.Helper()
	b.value(fmt.Sprintf(`(document.querySelector(%q) || {innerText: "(nothing)"}).innerText`, selector), &text)
	return strings.TrimSpace(text)
}

// until waits until an expression holds on the page.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	deadline := time.Now().Add(browserTimeout)
	for {
		_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(2*time.Second), chromedp.WithPollingInterval(20*time.Millisecond)))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("waiting for %s: %v\n%s", what, err, b.seen())
		}
	}
}

// hand fills in and sends forms in one way of working.
type hand interface {
	fill(selector, text string)
	press(selector string) // and waits for the next page
}

// pointer clicks and types.
type pointer struct{ *browser }

func (p pointer) fill(selector, text string) {
	p.t.Helper()
	if p.chosen(selector, text) {
		return
	}
	p.do(fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	p.run(chromedp.Click(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// chosen sets a field whose keys depend on the browser's language.
func (b *browser) chosen(selector, text string) bool {
	b.t.Helper()
	var kind string
	b.value(fmt.Sprintf(`document.querySelector(%q).type`, selector), &kind)
	if !strings.HasPrefix(kind, "date") && !strings.HasPrefix(kind, "select") {
		return false
	}
	b.do(fmt.Sprintf(`document.querySelector(%q).value = %q`, selector, text))
	return true
}

func (p pointer) press(selector string) {
	p.t.Helper()
	p.next(func() { p.run(chromedp.Click(chromedp.CSS(selector))) })
}

// next does what leads to another page, and waits for it.
func (b *browser) next(do func()) {
	b.t.Helper()
	b.do(`document.documentElement.dataset.old = "1"`)
	do()
	b.until("the next page", `!document.documentElement.dataset.old && document.readyState === "complete"`)
}

// keyboard reaches everything by Tab, and never touches the pointer.
type keyboard struct{ *browser }

func (k keyboard) reach(selector string) {
	k.t.Helper()
	const most = 200
	for range most {
		var there bool
		k.value(fmt.Sprintf(`document.activeElement.matches(%q)`, selector), &there)
		if there {
			return
		}
		k.run(chromedp.KeyEvent(kb.Tab))
	}
	k.t.Fatalf("no Tab reaches %s\n%s", selector, k.seen())
}

func (k keyboard) fill(selector, text string) {
	k.t.Helper()
	k.reach(selector)
	if k.chosen(selector, text) {
		return
	}
	k.do(fmt.Sprintf(`document.querySelector(%q).select()`, selector))
	k.run(chromedp.KeyEvent(text))
}

func (k keyboard) press(selector string) {
	k.t.Helper()
	k.reach(selector)
	var focused bool
	k.value(`document.activeElement.matches(":focus-visible")`, &focused)
	if !focused {
		k.t.Errorf("%s has the focus, and nobody sees it", selector)
	}
	k.next(func() { k.run(chromedp.KeyEvent(kb.Enter)) })
}

// axe runs axe-core over the page as it is.
func (b *browser) axe(script, page string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](script+";0")); err != nil {
		b.t.Fatal(err)
	}
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run(document,{resultTypes:["violations"],runOnly:["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]}).then(r=>JSON.stringify(r.violations.map(v=>({id:v.id,help:v.help,nodes:v.nodes.map(n=>n.html).slice(0,3)}))))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", page, err, b.seen())
	}
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(result), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, f := range found {
		b.t.Errorf("%s: %s: %s: %s", page, f.ID, f.Help, strings.Join(f.Nodes, "\n    "))
	}
}

// axeScript is axe-core, as its makers packed it.
func axeScript(t *testing.T) string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "axe", "axe.min.js.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := io.Copy(&text, z); err != nil { //nolint:gosec // a file of ours
		t.Fatal(err)
	}
	return text.String()
}

// screen is a window's size and colours.
func (b *browser) screen(width, height int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// call sends a command that has no action.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// dashboard starts a server and gives its set-up link.
func dashboard(t *testing.T) (s *server, setup string) {
	t.Helper()
	s = newServer(t)
	s.WaitLine("Begin with", startTimeout)
	for line := range strings.SplitSeq(s.Output(), "\n") {
		if at := strings.Index(line, "http://"+s.web+"/setup/"); at >= 0 {
			return s, strings.TrimSpace(line[at:])
		}
	}
	t.Fatalf("no set-up link in\n%s", s.Output())
	return nil, ""
}

// cookies are the browser's of the dashboard.
func (b *browser) cookies() (out []*http.Cookie) {
	b.t.Helper()
	for _, c := range call(b, network.GetCookies, network.GetCookiesParams{URLs: []string{b.origin + "/"}}).Cookies {
		out = append(out, &http.Cookie{Name: c.Name, Value: c.Value})
	}
	return out
}
