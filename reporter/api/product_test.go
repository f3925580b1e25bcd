package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"footfall/internal/ops"
	"footfall/reporter"
	"footfall/reporter/catalog"
	"footfall/schemas/admin"
	rows "footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// product is a whole reporter over a lake with a few rows, asked over TCP.
type product struct {
	t      testing.TB
	r      *reporter.Reporter // nil where only the catalog is served
	here   http.Handler       // answers operators
	url    string
	log    *logged
	keys   map[string]string // by role, of acme; "other" is a second affiliate's
	client *http.Client
}

// zebra marks everything of the other organizer: no answer to a key of acme may
// hold it.
const zebra = "zebra"

func newProduct(t testing.TB) *product {
	t.Helper()
	config := reporter.DefaultConfig()
	config.Place(t.TempDir())
	config.API.Listen = "127.0.0.1:0"
	seedPeople(t, config.Dir)
	p := &product{t: t, log: &logged{}, keys: map[string]string{}, client: &http.Client{Transport: &http.Transport{}}}
	log := slog.New(slog.NewJSONHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	p.r, err = reporter.New(config, reporter.Deps{Clock: time.Now, Log: log, Metrics: prometheus.NewRegistry()})
	must(t, err)
	must(t, p.r.Open(t.Context()))
	p.here = p.r.Handler()
	p.serve()
	p.fill(reporter.LakeDir(config.Dir))
	return p
}

// seedPeople makes acme with an owner, 1, a viewer, 2, an invitation, 3, and
// somebody who is no member any more.
func seedPeople(t testing.TB, dir string) {
	t.Helper()
	config := catalog.DefaultConfig()
	config.Dir = dir
	c, err := catalog.New(config, catalog.Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	must(t, err)
	must(t, c.Open(t.Context()))
	token, err := c.SetupLink(t.Context())
	must(t, err)
	_, err = c.SetUp(t.Context(), token, admin.SetUp{
		Name: "Ann", Email: "ann@acme.example", Password: "three unrelated words", NewOrganizer: &admin.Organizer{Slug: "acme", Name: "The acme", Zone: "Europe/Vienna", Currency: "EUR"},
	})
	must(t, err)
	var dee admin.Person
	for _, email := range []string{"bo@acme.example", "cy@acme.example", "dee@acme.example"} {
		i, err := c.Invite(t.Context(), "test", "acme", admin.InviteAdd{Email: email, Role: admin.RoleViewer})
		must(t, err)
		if email != "cy@acme.example" {
			dee, err = c.AcceptInvitation(t.Context(), i.Token, admin.Accept{Name: "Somebody", Password: "three unrelated words"})
			must(t, err)
		}
	}
	must(t, c.SetRole(t.Context(), "test", "acme", dee.ID, ""))
	must(t, c.Close())
}

// fill makes two organizers, their orders where there is a lake, and keys of acme.
func (p *product) fill(lake string) {
	p.t.Helper()
	for _, slug := range []string{"acme", zebra} {
		p.tenant(slug)
	}
	if w := p.local("POST", "/v1/collectors", `{"name":"edge","orders":true}`); w.Code != http.StatusCreated {
		p.t.Fatalf("enrolling: %d %s", w.Code, w.Body)
	}
	if lake != "" {
		fillLake(p.t, lake)
	}
	for _, role := range roles() {
		p.keys[role] = p.key("acme", role, "ann")
	}
	p.keys["other"] = p.key("acme", "affiliate", "bob")
	p.key("acme", "viewer", "") // number 7, and 8: to be ended
	p.key(zebra, "viewer", "")
}

// serve runs the part that listens, until the test ends.
func (p *product) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	var part ops.Part
	for _, candidate := range p.r.Parts() {
		if candidate.Name == "api listener" {
			part = candidate
		}
	}
	must(p.t, part.Open(ctx))
	done := make(chan error, 1)
	go func() { done <- part.Run(ctx) }()
	p.url = p.r.APIURL()
	p.t.Cleanup(func() {
		p.client.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
		if err := p.r.Close(); err != nil {
			p.t.Error(err)
		}
	})
}

// local asks as an operator.
func (p *product) local(method, path, body string) *httptest.ResponseRecorder {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType(path))
	w := httptest.NewRecorder()
	p.here.ServeHTTP(w, r)
	return w
}

func contentType(path string) string {
	if strings.HasPrefix(path, "/v1/imports/") {
		return "text/csv"
	}
	return "application/json"
}

func (p *product) tenant(slug string) {
	p.t.Helper()
	for _, step := range [][2]string{
		{"/v1/organizers", `{"slug":"` + slug + `","name":"The ` + slug + `","zone":"Europe/Vienna","currency":"EUR"}`},
		{"/v1/events", `{"organizer":"` + slug + `","slug":"` + slug + `-gala","name":"Gala of ` + slug + `","destination":"https://` + slug + `.example.com/","start":"2036-12-24","end":"2036-12-25"}`},
		{"/v1/affiliates", `{"organizer":"` + slug + `","name":"Ann ` + slug + `","nickname":"ann","email":"ann@` + slug + `.example"}`},
		{"/v1/affiliates", `{"organizer":"` + slug + `","name":"Bob Rivals","nickname":"bob","email":"bob@` + slug + `.example"}`},
		{"/v1/codes", `{"organizer":"` + slug + `","text":"` + slug + `-ann","affiliate":"ann"}`},
		{"/v1/codes", `{"organizer":"` + slug + `","text":"` + slug + `-bob","affiliate":"bob"}`},
		{"/v1/coupons", `{"organizer":"` + slug + `","text":"` + slug + `-ten","code":"` + slug + `-ann"}`},
		{"/v1/secrets", `{"organizer":"` + slug + `"}`},
	} {
		if w := p.local("POST", step[0], step[1]); w.Code != http.StatusCreated && (p.r == nil || slug != "acme" || step[0] != "/v1/organizers") {
			p.t.Fatalf("POST %s: %d %s", step[0], w.Code, w.Body)
		}
	}
}

func (p *product) key(organizer, role, affiliate string) string {
	p.t.Helper()
	add := admin.APIKeyAdd{Organizer: organizer, Role: admin.Role(role), Label: role}
	if role == "affiliate" {
		add.Affiliate = affiliate
	}
	text, err := json.Marshal(add)
	must(p.t, err)
	w := p.local("POST", "/v1/keys/api", string(text))
	var k admin.APIKey
	if err := json.Unmarshal(w.Body.Bytes(), &k); err != nil || k.Key == "" {
		p.t.Fatalf("making a key: %d %s", w.Code, w.Body)
	}
	return k.Key
}

// answer is one answer over TCP.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask asks with a key; an empty one shows none.
func (p *product) ask(key, method, path, body string) answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	must(p.t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", contentType(path))
	}
	return p.do(r)
}

func (p *product) do(r *http.Request) answer {
	p.t.Helper()
	got, err := p.client.Do(r)
	must(p.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	must(p.t, err)
	return answer{got.StatusCode, got.Header, string(text)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fillLake commits an order of each affiliate of each organizer, and one that is
// nobody's. Ids are those of tenant's steps: 1 and 2 acme's, 3 and 4 zebra's.
func fillLake(t testing.TB, path string) {
	t.Helper()
	dir, err := lakelog.OpenDirWith(path, lakelog.Options{NoSync: true})
	must(t, err)
	now := time.Now()
	const log = "c1-orders"
	must(t, dir.Open(log, lakelog.KindOrders, 1, now.UnixMicro()))
	writer, err := dir.Writer(log)
	must(t, err)
	known := writer.Head().KnownAtUS + 1
	var list []rows.OrderRow
	for organizer, slug := range []string{"acme", zebra} {
		for _, who := range []string{"ann", "bob", ""} {
			text := ""
			if who != "" {
				text = slug + "-" + who
			}
			list = append(list, rows.OrderRow{
				OrderID: strings.Trim(slug+"-order-"+who, "-"), Version: 2, State: "completed", OrderedAtMS: now.Add(time.Minute).UnixMilli(), KnownAtUS: known,
				Collector: 1, Epoch: "00000000000000ac", Sequence: int64(len(list) + 1), OrganizerID: int64(organizer + 1), EventID: int64(organizer + 1),
				Currency: "EUR", AffiliateText: text, Fingerprint: strings.Repeat("0a", 32), Normalization: 1, LineCount: 1, LineID: "l0", TicketType: "seat", Quantity: 2, UnitPrice: 1500,
			})
		}
	}
	name := rows.FileName{Table: rows.TableOrders, Date: now.UTC().Format(time.DateOnly), Log: log, Commit: writer.Head().Number + 1, Random: 7}
	staged, err := dir.Stage("orders-7.parquet")
	must(t, err)
	out := parquet.NewGenericWriter[rows.OrderRow](staged)
	_, err = out.Write(list)
	must(t, err)
	must(t, out.Close())
	must(t, staged.Close())
	must(t, dir.Place(staged.Name(), name.Path()))
	data, err := os.ReadFile(dir.Abs(name.Path()))
	must(t, err)
	sum := sha256.Sum256(data)
	must(t, writer.Append(lakelog.Entry{KnownAtUS: known, Added: []lakelog.File{{
		Path: name.Path(), Table: rows.TableOrders, Rows: int64(len(list)), Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
		MinTimeMS: list[0].OrderedAtMS, MaxTimeMS: list[0].OrderedAtMS, MinKnownAtUS: known, MaxKnownAtUS: known,
	}}}))
}
