package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sys/unix"

	"footfall/internal/testkit"
	"footfall/schemas/admin"
	"footfall/schemas/lake"
)

// importer is a server with an organizer and an event.
type importer struct{ *server }

func newImporter(t *testing.T) importer {
	t.Helper()
	i := importer{newServer(t)}
	i.call(http.MethodPost, "/v1/organizers", admin.Organizer{Slug: "acme", Name: "Acme", Zone: "Europe/Berlin", Currency: "EUR"}, nil)
	i.call(http.MethodPost, "/v1/events", admin.EventAdd{
		Organizer: "acme", Slug: "gala-2026", Name: "Gala", Destination: "https://tickets.example/gala", Currency: "EUR",
		Start: "2098-12-24T19:30:00Z", End: "2098-12-24T23:00:00Z",
	}, nil)
	// The collector hears of an event within a second.
	known := filepath.Join(t.TempDir(), "known.csv")
	i.write(known, "order_id,event,ordered_at,currency,line_id,quantity,unit_price\nA,gala-2026,2026-11-22T20:15:00Z,EUR,1,1,1\n")
	testkit.Eventually(t, startTimeout, func() error {
		_, code, errs := i.imported("orders", known, "--dry-run")
		if code != exitOK {
			return fmt.Errorf("exit code %d: %s", code, errs)
		}
		return nil
	})
	return i
}

func (i importer) write(path, content string) {
	i.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		i.t.Fatal(err)
	}
}

// imported runs the command in this process.
func (i importer) imported(kind, file string, more ...string) (r admin.ImportResult, code int, errs string) {
	i.t.Helper()
	var out, said bytes.Buffer
	code = run(append([]string{"--data", i.data, "import", kind, file, "--format", "json"}, more...), &out, &said)
	if code == exitOK {
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			i.t.Errorf("%s: %v in %s", kind, err, out.String())
		}
	}
	return r, code, said.String()
}

// want imports and compares rows, added, changed and unchanged.
func (i importer) want(want, kind, file string, more ...string) {
	i.t.Helper()
	r, code, errs := i.imported(kind, file, more...)
	if got := fmt.Sprintf("%d: +%d ~%d =%d", r.Rows, r.Added, r.Changed, r.Unchanged); code != exitOK || got != want {
		i.t.Errorf("importing %s: exit code %d, %s, want %s\n%s", kind, code, got, want, errs)
	}
}

// refused imports what must be refused, with exactly these faults.
func (i importer) refused(want, kind, file string, more ...string) {
	i.t.Helper()
	_, code, errs := i.imported(kind, file, more...)
	if _, list, _ := strings.Cut(errs, ":\n"); code != exitUsage || strings.TrimSpace(list) != want {
		i.t.Errorf("importing %s: exit code %d\n%s\nwant\n%s", kind, code, errs, want)
	}
}

// documented writes the examples of docs/imports.md into files, of a later year:
// a code earns nothing of orders from before it was there.
func (i importer) documented() (orders, refunds, affiliates, codes string) {
	i.t.Helper()
	page, err := os.ReadFile(filepath.Join(testkit.ModuleRoot(i.t), "docs", "imports.md"))
	if err != nil {
		i.t.Fatal(err)
	}
	dir := i.t.TempDir()
	var paths []string
	for n, block := range strings.Split(string(page), "```csv\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%d.csv", n)))
		i.write(paths[n], strings.ReplaceAll(text, "2026-11", "2098-11"))
	}
	return paths[0], paths[1], paths[2], paths[3]
}

// ordersIn is what the organizer's report says.
func (i importer) ordersIn() (orders, credited int64) {
	d, _ := i.report(url.Values{"organizer": {"acme"}, "by": {"affiliate"}})
	for _, row := range d.Rows {
		n := number(i.t, row["orders"])
		orders += n
		if plainText(row["affiliate"]) != "direct" {
			credited += n
		}
	}
	return orders, credited
}

func TestDocumentedImportsAreInTheReportOnce(t *testing.T) {
	i := newImporter(t)
	orders, refunds, affiliates, codes := i.documented()
	zone := []string{"--zone", "Europe/Berlin"}
	i.want("2: +2 ~0 =0", "affiliates", affiliates, "--dry-run")
	i.want("2: +2 ~0 =0", "affiliates", affiliates)
	i.want("2: +2 ~0 =0", "codes", codes)
	i.want("4: +2 ~1 =0", "orders", orders, append(zone, "--dry-run")...)
	i.want("4: +2 ~1 =0", "orders", orders, zone...)
	i.want("2: +2 ~0 =0", "refunds", refunds, zone...)
	for range 2 {
		i.want("2: +0 ~0 =2", "affiliates", affiliates)
		i.want("2: +0 ~0 =2", "codes", codes)
		i.want("4: +0 ~0 =3", "orders", orders, zone...)
		i.want("2: +0 ~0 =2", "refunds", refunds, zone...)
	}
	i.refused(`line 2, column 3 (ordered_at): "2098-11-22 20:15:00" has no zone: write it as 2026-11-22T20:15:00+01:00, or give --zone`, "orders", orders)
	testkit.Eventually(t, startTimeout, func() error {
		if orders, credited := i.ordersIn(); orders != 1 || credited != 1 { // A-1043 was cancelled
			return fmt.Errorf("%d orders, %d credited", orders, credited)
		}
		return nil
	})

	// What can be read only once, with a higher version and a conflict behind it.
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(orders)
	if err != nil {
		t.Fatal(err)
	}
	fed := make(chan error, 1)
	go func() { fed <- os.WriteFile(pipe, text, 0o600) }()
	i.want("4: +0 ~0 =3", "orders", pipe, zone...)
	if err := <-fed; err != nil {
		t.Error(err)
	}
	changed := filepath.Join(t.TempDir(), "changed.csv")
	i.write(changed, strings.ReplaceAll(string(text), "45.50", "46.50")+"A-1044,gala-2026,2098-11-22T19:20:30Z,EUR,completed,,1,standing,1,1\nA-1044,gala-2026,2098-11-22T19:20:30Z,EUR,completed,,1,standing,1,1000000000000\n")
	_, code, errs := i.imported("orders", changed, zone...)
	for _, want := range []string{"4 mistakes", "\nline 2: version: A-1042 is stored with other content as version 2", "\nline 4: version: A-1043 is stored with other content as version 1", "\nline 5: version: A-1043 is stored with other content as version 3", "\nline 7, column 10 (unit_price): "} {
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, told\n%s\nwant %s", code, errs, want)
		}
	}
}

// An import that the server dies under is mended by the same file.
func TestKillUnderAnImportLosesAndDoublesNothing(t *testing.T) {
	const all = 12_000
	i := newImporter(t)
	file := filepath.Join(t.TempDir(), "many.csv")
	var text strings.Builder
	text.WriteString("order_id;event;ordered_at;currency;line_id;quantity;unit_price\n")
	for n := range all {
		fmt.Fprintf(&text, "O-%d;gala-2026;2026-11-22T20:15:00Z;EUR;1;2;45.50\n", n)
	}
	i.write(file, text.String())
	ended := make(chan int, 1)
	go func() {
		_, code, _ := i.imported("orders", file)
		ended <- code
	}()
	testkit.Eventually(t, startTimeout, func() error {
		stored, err := metricOf(i.admin, "footfall_orders_imported_total", `kind="order"`)
		if err == nil && stored == 0 {
			err = fmt.Errorf("nothing stored yet")
		}
		return err
	})
	i.Kill()
	if code := <-ended; code == exitOK {
		t.Error("the import ended well before it was killed: the test is void")
	}
	i.start()
	r, code, errs := i.imported("orders", file)
	if code != exitOK || r.Added+r.Unchanged != all || r.Unchanged == 0 || r.Changed != 0 {
		t.Errorf("exit code %d, %+v\n%s", code, r, errs)
	}
	t.Logf("killed after %d of %d", r.Unchanged, all)
	i.want(fmt.Sprintf("%d: +0 ~0 =%d", all, all), "orders", file)
	testkit.Eventually(t, startTimeout, func() error {
		if orders, _ := i.ordersIn(); orders != all {
			return fmt.Errorf("%d orders of %d", orders, all)
		}
		return nil
	})
	times := map[string]int{}
	for _, path := range lakeFiles(t, i.server, "orders") {
		rows, err := parquet.ReadFile[lake.OrderRow](path)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			times[row.OrderID]++
		}
	}
	if len(times) != all {
		t.Errorf("the lake has %d orders of %d", len(times), all)
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s is in the lake %d times", id, n)
		}
	}
}
