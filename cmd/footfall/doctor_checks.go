package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"footfall/collector/journal"
	"footfall/reporter"
	"footfall/reporter/publish"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

const (
	// doctorFreeBytes is room for an hour of 2,000 visits a second in the
	// journal and as much in the lake.
	doctorFreeBytes = 4 << 30
	// doctorQuiet: an open log commits at least once a minute.
	doctorQuiet = 2 * time.Minute
	// doctorNames is how many files one finding names.
	doctorNames = 3
	// doctorTimeout bounds the question to the admin listener.
	doctorTimeout = 3 * time.Second
)

func (e *env) examineMachine(s settings) []finding {
	findings := []finding{e.examineDisk()}
	if _, err := time.LoadLocation("Australia/Lord_Howe"); err != nil {
		findings = append(findings, fail("time zones", "%v: install the tzdata package", err))
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return append(findings, warn("open files", "reading the limit: %v", err))
	}
	if want := uint64(s.Collector.Edge.MaxConnections); files.Cur < want {
		return append(findings, warn("open files", "the limit is %d, collector.edge.max_connections is %d: raise it (ulimit -n, LimitNOFILE=)", files.Cur, want))
	}
	return append(findings, ok("open files", "the limit is %d", files.Cur))
}

// examineDisk asks about the nearest directory that is there.
func (e *env) examineDisk() finding {
	dir, err := filepath.Abs(e.Data)
	if err != nil {
		return fail("data directory", "%v", err)
	}
	there := dir
	for {
		if _, err := os.Stat(there); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(there) == there {
			break
		}
		there = filepath.Dir(there)
	}
	if err := unix.Access(there, unix.W_OK); err != nil {
		return fail("data directory", "%s can't be written to (%v): change its owner, or take another with --data", there, err)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(there, &disk); err != nil {
		return fail("data directory", "looking at %s: %v", there, err)
	}
	free := disk.Bavail * uint64(disk.Bsize) //nolint:gosec // a block's size is no negative number
	text := fmt.Sprintf("%s has %.1f GiB free", dir, float64(free)/(1<<30))
	if free < doctorFreeBytes {
		return warn("data directory", "%s: make room, a full disk leaves visits unrecorded and orders refused", text)
	}
	return ok("data directory", "%s", text)
}

func (e *env) examineCatalog(ctx context.Context) finding {
	if _, err := os.Stat(filepath.Join(e.Data, "catalog.db")); errors.Is(err, fs.ErrNotExist) {
		return ok("catalog", "there is none yet")
	}
	if err := e.call(ctx, http.MethodGet, "/v1/catalog/check", nil, nil); err != nil {
		return fail("catalog", "%v", err)
	}
	return ok("catalog", "is sound")
}

// examineAPI looks whether the running server takes keys where the settings say.
func examineAPI(ctx context.Context, s settings) finding {
	const what = "api listener"
	listen := s.Reporter.API.Listen
	if listen == "" {
		return ok(what, "none: the API answers on the unix socket alone")
	}
	if strings.HasSuffix(listen, ":0") {
		return ok(what, "on a port that the server chose")
	}
	dialer := net.Dialer{Timeout: doctorTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", listen)
	if err != nil {
		return warn(what, "%v: the server runs with other settings, or reporter.api.listen is held up: see its log", err)
	}
	_ = conn.Close() // only its opening mattered
	return ok(what, "answers at %s", listen)
}

func examineJournals(s settings, deep bool) []finding {
	var findings []finding
	for _, dir := range []string{s.Collector.VisitsJournal.Dir, s.Collector.OrdersJournal.Dir} {
		what := "journal " + filepath.Base(dir)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			findings = append(findings, ok(what, "there is none yet"))
			continue
		}
		findings = append(findings, examineJournal(what, dir, deep))
	}
	return findings
}

func examineJournal(what, dir string, deep bool) finding {
	reader, err := journal.OpenReader(dir)
	if err != nil {
		return fail(what, "%v", err)
	}
	epochs, err := reader.Epochs()
	if err != nil {
		return fail(what, "%v", err)
	}
	if !deep {
		return ok(what, "%d epochs are kept; --deep reads them", len(epochs))
	}
	var listing bytes.Buffer
	trouble, err := journal.Verify(dir, &listing)
	if err != nil {
		return fail(what, "%v", err)
	}
	if trouble > 0 {
		return fail(what, "%d ranges are damaged or missing: footfall journal verify %s names them", trouble, dir)
	}
	return ok(what, "%d epochs, every record is sound", len(epochs))
}

// examineLake compares the lake's logs with what is on the disk.
func (e *env) examineLake(deep, runs bool) []finding {
	root := reporter.LakeDir(e.Data)
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return []finding{ok("lake", "there is none yet")}
	}
	dir, err := lakelog.OpenDir(root)
	if err != nil {
		return []finding{fail("lake", "%v", err)}
	}
	view := lakelog.NewView(dir)
	if err := view.Refresh(); err != nil {
		return []finding{fail("lake", "%v", err)}
	}
	snapshot := view.Snapshot()
	findings := append([]finding{examineFiles(dir, snapshot.Files, deep)}, examineBeside(root, snapshot.Files)...)
	for name, head := range snapshot.Logs {
		if f, worth := e.examineLog(name, head, runs); worth {
			findings = append(findings, f)
		}
	}
	if rows := rowsOf(snapshot.FilesOf(lake.TableQuarantine)); rows > 0 {
		findings = append(findings, warn("quarantine", "%d records could not be read and were set aside, with the reason, in %s", rows, filepath.Join(root, lake.TableQuarantine)))
	}
	return findings
}

func rowsOf(files []lakelog.File) (rows int64) {
	for _, f := range files {
		rows += f.Rows
	}
	return rows
}

func examineFiles(dir *lakelog.Dir, files []lakelog.File, deep bool) finding {
	for _, f := range files {
		var err error
		if deep {
			err = dir.Verify(f)
		} else if info, statErr := os.Stat(dir.Abs(f.Path)); statErr != nil {
			err = statErr
		} else if info.Size() != f.Bytes {
			err = fmt.Errorf("%s has %d bytes, its commit says %d", f.Path, info.Size(), f.Bytes)
		}
		if err != nil {
			return fail("lake files", "%v: bring the file back from a copy; reports that need it are refused until then", err)
		}
	}
	if deep {
		return ok("lake files", "%d files, %d rows, every checksum holds", len(files), rowsOf(files))
	}
	return ok("lake files", "%d files, %d rows, all there; --deep checks their checksums", len(files), rowsOf(files))
}

// examineBeside lists what no entry names: strangers' files, and those with a
// name of the lake's own. A replaced one stays for running queries, and a new one
// stands there before its entry, so that these alone are nothing to warn of.
func examineBeside(root string, live []lakelog.File) []finding {
	named := map[string]bool{publish.ViewsFile: true, publish.DictionaryFile: true}
	for _, f := range live {
		named[f.Path] = true
	}
	var foreign, unnamed []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), "_") {
				return fs.SkipDir
			}
			return nil
		}
		relative = filepath.ToSlash(relative)
		if named[relative] {
			return nil
		}
		if _, err := lake.ParseFileName(relative); err != nil {
			foreign = append(foreign, relative)
		} else {
			unnamed = append(unnamed, relative)
		}
		return nil
	})
	if err != nil {
		return []finding{fail("foreign files", "%v", err)}
	}
	findings := []finding{ok("foreign files", "none")}
	if len(foreign) > 0 {
		findings[0] = warn("foreign files", "%d files in the lake are not Footfall's and are never read: %s", len(foreign), firstNames(foreign))
	}
	if len(unnamed) > 0 {
		findings = append(findings, ok("replaced files", "%d files that no commit names are never read (merges keep what they replaced for running queries): %s", len(unnamed), firstNames(unnamed)))
	}
	return findings
}

func firstNames(names []string) string {
	if len(names) > doctorNames {
		return strings.Join(names[:doctorNames], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// examineLog says what is worth knowing of one source log.
func (e *env) examineLog(name string, head lakelog.LogHead, runs bool) (finding, bool) {
	what := "log " + name
	lost := uint64(0)
	if head.State != nil {
		lost = head.State.LostRecords
	}
	age := e.Now().Sub(time.UnixMicro(head.KnownAtUS)).Truncate(time.Second)
	switch {
	case lost > 0:
		return warn(what, "%d records were lost to power cuts; the log's entries name them", lost), true
	case !head.Open:
		return finding{}, false
	case !lakelog.IsSource(head.Kind): // these have an entry when there is something to write
		return ok(what, "open, last change %s ago", age), true
	case runs && age > doctorQuiet:
		return fail(what, "the last commit is %s old: does the consumer of collector %d run?", age, head.Collector), true
	}
	return ok(what, "open, last commit %s ago", age), true
}

// examineReadiness asks the running role how it is.
func examineReadiness(ctx context.Context, s settings, runs bool) []finding {
	if !runs {
		return []finding{ok("server", "none runs on this data")}
	}
	if s.Admin.Listen == "" {
		return []finding{warn("server", "runs, without an admin listener to ask")}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Admin.Listen+"/readyz", http.NoBody)
	if err != nil {
		return []finding{fail("server", "%v", err)}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return []finding{warn("server", "runs, but its admin listener %s does not answer here (%v)", s.Admin.Listen, err)}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return []finding{fail("server", "%v", err)}
	}
	var findings []finding
	for line := range strings.Lines(string(text)) {
		name, state, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if state == "ok" {
			findings = append(findings, ok("server "+name, "is ready"))
		} else {
			findings = append(findings, fail("server "+name, "%s", state))
		}
	}
	return findings
}
