package catalog

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"footfall/schemas/admin"
)

// imported imports and compares added, changed, unchanged and refused.
func (f *fixture) imported(kind, file, want string) admin.ImportResult {
	f.t.Helper()
	r, err := f.Import(f.ctx, "test", kind, "acme", false, strings.NewReader(file))
	must(f.t, err)
	f.result(r, want)
	return r
}

func (f *fixture) result(r admin.ImportResult, want string) {
	f.t.Helper()
	if got := fmt.Sprintf("+%d ~%d =%d !%d", r.Added, r.Changed, r.Unchanged, r.Refused); got != want {
		f.t.Errorf("imported %s, want %s: %+v", got, want, r)
	}
}

func (f *fixture) revision() uint64 {
	f.t.Helper()
	r, err := f.Revision(f.ctx)
	must(f.t, err)
	return r.Number
}

func importFixture(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	f.organizer("acme", "Europe/Vienna")
	f.organizer("other", "UTC")
	f.event("acme", "gala")
	f.event("other", "rock")
	f.affiliate("acme", "ann")
	f.affiliate("other", "zoe")
	return f
}

const fileOfAffiliates = "name,nickname,email\nann,,ann@example.com\nBob Mayer,bob,bob@example.com\nEve,,eve@example.com\n"

const fileOfCodes = "code,affiliate,event\nSpring,ann,\nsummer,bob,gala\nwinter,eve@example.com,\n"

func TestSameFileAgainChangesNothing(t *testing.T) {
	f := importFixture(t)
	before := f.revision()
	f.imported("affiliates", fileOfAffiliates, "+2 ~0 =1 !0")
	f.imported("codes", fileOfCodes, "+3 ~0 =0 !0")
	if got := f.revision() - before; got != 2 {
		t.Errorf("two imports made %d revisions", got)
	}
	entries, err := f.Audit(f.ctx, 0, 0)
	must(t, err)
	if entries[0].Action != "codes import" || entries[0].Subject != "organizer acme" || entries[1].Action != "affiliates import" {
		t.Errorf("the audit log has %+v", entries[:2])
	}
	for range 2 {
		f.imported("affiliates", fileOfAffiliates, "+0 ~0 =3 !0")
		f.imported("codes", fileOfCodes, "+0 ~0 =3 !0")
	}
	if after, err := f.Audit(f.ctx, 0, 0); err != nil || len(after) != len(entries) || f.revision() != before+2 {
		t.Errorf("importing again wrote %d entries and revision %d, %v", len(after)-len(entries), f.revision(), err)
	}
	// What is imported is what is added by hand: it can be asked for, and ids go on.
	code, err := f.Code(f.ctx, admin.CodeRef{Organizer: "acme", Event: "gala", Text: "SUMMER"})
	must(t, err)
	if bob, err := f.Affiliate(f.ctx, "acme", "bob"); err != nil || code.Affiliate != bob.ID {
		t.Errorf("the code is %+v of %+v, %v", code, bob, err)
	}
	if next := f.code("acme", "", "by-hand", "bob"); next.ID <= code.ID {
		t.Errorf("code %d after %d", next.ID, code.ID)
	}
	f.affiliate("acme", "dan")
}

func TestImportChangesWhatTheFileSaysAndNothingElse(t *testing.T) {
	f := importFixture(t)
	f.imported("affiliates", fileOfAffiliates, "+2 ~0 =1 !0")
	f.imported("affiliates", "email;name\nBOB@example.com;Bob M.\n", "+0 ~1 =0 !0")
	f.imported("affiliates", "name,nickname,email\nBob M.,robert,\nEve,,\n", "+0 ~1 =1 !0")
	a, err := f.Affiliate(f.ctx, "acme", "robert")
	must(t, err)
	if a.Name != "Bob M." || a.Email != "BOB@example.com" {
		t.Errorf("the affiliate is %+v", a)
	}
	// Two at one address are told apart by their names.
	_, err = f.AddAffiliate(f.ctx, "test", admin.AffiliateAdd{Organizer: "acme", Name: "Agency 2", Email: "eve@example.com"})
	must(t, err)
	f.imported("affiliates", "name,nickname,email\nagency 2,two,eve@example.com\n", "+0 ~1 =0 !0")
	f.imported("affiliates", "name,email\nAgency 3,eve@example.com\n", "+0 ~0 =0 !1")
}

func TestImportIsAllOrNothing(t *testing.T) {
	f := importFixture(t)
	f.imported("affiliates", fileOfAffiliates, "+2 ~0 =1 !0")
	f.code("acme", "", "Taken", "eve")
	f.code("acme", "gala", "local", "ann")
	before, entries := f.revision(), f.audited()
	r := f.imported("codes", "code;affiliate;event\nfine;ann;\nno code!;ann;\ntaken;ann;\nLocal;ann;\nfine2;nobody;\nfine3;ann;rock\nfine4;ann;nowhere\nfine;bob;\ntaken;ann;gala\n;ann;\nfine5;zoe;\n", "+0 ~0 =0 !10")
	want := []string{"3:1 code", "4:1 code", "5:1 code", "6:2 affiliate", "7:3 event", "8:3 event", "9:1 code", "10:1 code", "11:1 code", "12:2 affiliate"}
	var got []string
	for _, fault := range r.Faults {
		got = append(got, fmt.Sprintf("%d:%d %s", fault.Line, fault.Column, fault.Name))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("faults at %v\nwant %v\n%+v", got, want, r.Faults)
	}
	if !strings.Contains(r.Faults[1].Detail, "(Eve)") {
		t.Errorf("the refusal doesn't name the owner: %s", r.Faults[1].Detail)
	}
	r = f.imported("affiliates", "name,email\nNew,new@example.com\nNew 2,no-email\n,x@example.com\nNobody,\nTwin,new@example.com\n", "+0 ~0 =0 !4")
	if r.Faults[3].Line != 6 || !strings.Contains(r.Faults[3].Detail, "line 2") {
		t.Errorf("two rows of one email: %+v", r.Faults)
	}
	f.imported("codes", "code,owner\n", "+0 ~0 =0 !1")
	if _, err := f.Affiliate(f.ctx, "acme", "new@example.com"); err == nil {
		t.Error("an affiliate of a refused file is there")
	}
	if _, err := f.Code(f.ctx, admin.CodeRef{Organizer: "acme", Text: "fine"}); err == nil {
		t.Error("a code of a refused file is there")
	}
	if f.revision() != before || f.audited() != entries {
		t.Error("a refused file left a revision or an entry of the audit log")
	}
	f.imported("codes", fileOfCodes, "+3 ~0 =0 !0")
}

func (f *fixture) audited() int {
	f.t.Helper()
	entries, err := f.Audit(f.ctx, 0, 0)
	must(f.t, err)
	return len(entries)
}

func TestDryRunChangesNothing(t *testing.T) {
	f := importFixture(t)
	before, entries := f.revision(), f.audited()
	r, err := f.Import(f.ctx, "test", "affiliates", "acme", true, strings.NewReader(fileOfAffiliates))
	must(t, err)
	f.result(r, "+2 ~0 =1 !0")
	if f.revision() != before || f.audited() != entries || !r.DryRun || r.Rows != 3 {
		t.Errorf("a dry run left something: %+v", r)
	}
	f.imported("affiliates", fileOfAffiliates, "+2 ~0 =1 !0")
}

func TestImportOfAnUnknownKindOrOrganizerIsRefused(t *testing.T) {
	f := importFixture(t)
	for _, c := range [][2]string{{"visits", "acme"}, {"codes", "nobody"}, {"codes", ""}} {
		if _, err := f.Import(f.ctx, "test", c[0], c[1], false, strings.NewReader(fileOfCodes)); err == nil {
			t.Errorf("%v was taken", c)
		} else if _, ok := admin.AsRefusal(err); !ok {
			t.Errorf("%v: %v is no refusal", c, err)
		}
	}
}

// rowsOf is a file that is made while it is read.
func rowsOf(header string, n int, row func(i int) string) io.Reader {
	read, write := io.Pipe()
	go func() {
		_, err := io.WriteString(write, header)
		for i := 0; i < n && err == nil; i++ {
			_, err = io.WriteString(write, row(i))
		}
		_ = write.CloseWithError(err)
	}()
	return read
}

// A hundred thousand codes are one change: one revision, one delta of the routes.
func TestManyCodesAreOneChange(t *testing.T) {
	const codes, owners = 20_000, 500
	f := importFixture(t)
	r, err := f.Import(f.ctx, "test", "affiliates", "acme", false, rowsOf("name,email\n", owners, func(i int) string {
		return fmt.Sprintf("Partner %d,p%d@example.com\n", i, i)
	}))
	must(t, err)
	f.result(r, fmt.Sprintf("+%d ~0 =0 !0", owners))
	before, err := f.Revision(f.ctx)
	must(t, err)
	file := func() io.Reader {
		return rowsOf("code,affiliate,event\n", codes, func(i int) string {
			return fmt.Sprintf("code-%d,partner %d,%s\n", i, i%owners, []string{"", "gala"}[i%2])
		})
	}
	r, err = f.Import(f.ctx, "test", "codes", "acme", false, file())
	must(t, err)
	f.result(r, fmt.Sprintf("+%d ~0 =0 !0", codes))
	update, newer, err := f.updateSince(f.ctx, before)
	must(t, err)
	if !newer || update.Delta == nil || len(update.Delta.Codes) != codes || update.Delta.To.Number != before.Number+1 {
		t.Errorf("the routes' feed gives %v of %d codes", newer, len(update.Delta.Codes))
	}
	r, err = f.Import(f.ctx, "test", "codes", "acme", false, file())
	must(t, err)
	f.result(r, fmt.Sprintf("+0 ~0 =%d !0", codes))
}
