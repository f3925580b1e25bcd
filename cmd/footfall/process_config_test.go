package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"footfall/internal/testkit"
)

// refusal is a start that must be refused.
type refusal struct {
	name, role string
	file       string   // configuration file
	env        []string // instead of, or beside, it
	data       string   // data directory; empty: one that can be used
	says       []string // each in a line of its own
}

// ownRole is the role that stands alone in a binary of its own.
const ownRole = "footfall-collector"

// TestAStartThatCannotWorkIsRefused is row 29 of bad input: exit code 2, one line
// a problem, the remedy in it, and no secret.
func TestAStartThatCannotWorkIsRefused(t *testing.T) {
	const secret = "fft_s3cr3t0fThisTest"
	whole, alone := testkit.Build(t, "./cmd/footfall"), testkit.Build(t, "./cmd/footfall-collector")
	taken := takenAddr(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	readOnly := readOnlyDir(t)
	enrolled := []string{"FOOTFALL_COLLECTOR_ID=1", "FOOTFALL_COLLECTOR_FEED_URL=http://127.0.0.1:9", "FOOTFALL_COLLECTOR_FEED_TOKEN=" + secret}
	for _, c := range append(placeRefusals(taken, file, readOnly, enrolled),
		refusal{name: "unknown key", role: "all", file: "[collector.edge]\nlistne = \"127.0.0.1:1\"\n", says: []string{"collector.edge.listne: unknown key; did you mean collector.edge.listen?"}},
		refusal{name: "unknown section", role: "all", file: "[collecter.edge]\nlisten = \"127.0.0.1:1\"\n", says: []string{"collecter.edge.listen: unknown key; did you mean collector.edge.listen?"}},
		refusal{name: "wrong type", role: "all", file: "[collector.edge]\ntrusted_hops = \"two\"\n", says: []string{"collector.edge.trusted_hops: wrong type: want an integer"}},
		refusal{
			name: "several at once", role: "reporter", file: "[collector.edge]\ntrusted_hops = 99\nlistne = \"a\"\n[log]\nlevel = 5\n",
			env:  []string{"FOOTFALL_CONSUMER_BATCH_ROWS=many"},
			says: []string{"settings: collector.edge.trusted_hops: want 0 to 16", "collector.edge.listne: unknown key", "log.level: wrong type", "FOOTFALL_CONSUMER_BATCH_ROWS"},
		},
		refusal{name: "variable of a wrong type", role: "all", env: []string{"FOOTFALL_COLLECTOR_EDGE_TRUSTED_HOPS=two"}, says: []string{"FOOTFALL_COLLECTOR_EDGE_TRUSTED_HOPS"}},
		refusal{name: "mistyped variable", role: "consumer", env: []string{"FOOTFALL_COLLECTOR_EDGE_LISTNE=a"}, says: []string{"did you mean FOOTFALL_COLLECTOR_EDGE_LISTEN?"}},
		refusal{name: "not enrolled", role: "consumer", says: []string{"collector.feed.token"}},
		refusal{name: "no token", role: "collector", env: enrolled[:2], says: []string{"collector.feed.token"}},
		refusal{name: "no token for the static one", role: ownRole, env: enrolled[:2], says: []string{"collector.feed.token"}},
		refusal{name: "token in the clear", role: ownRole, env: append(enrolled[:1:1], enrolled[2], "FOOTFALL_COLLECTOR_FEED_URL=http://192.0.2.7:9"), says: []string{"use https for 192.0.2.7:9"}},
		refusal{name: "token of a wrong shape", role: "collector", env: append(enrolled[:2:2], enrolled[2]+" "+secret), says: []string{"feed.token: white space in it"}},
		refusal{name: "secret under a mistyped key", role: "all", file: "[collector.feed]\ntokn = \"" + secret + "\"\n", says: []string{"did you mean collector.feed.token?"}},
		refusal{name: "secret of a wrong type", role: "all", file: "[collector.feed]\ntoken = [\"" + secret + "\"]\n", says: []string{"collector.feed.token: wrong type"}},
		refusal{name: "secret in what is no TOML", role: "all", file: "[collector.feed]\ntoken = \"" + secret + "\n", says: []string{"not TOML"}},
		refusal{name: "no such file", role: "all", env: []string{"FOOTFALL_CONFIG=/nowhere/footfall.toml"}, says: []string{"no such file"}},
	) {
		t.Run(c.name+" "+c.role, func(t *testing.T) { refused(t, c, whole, alone, secret) })
	}
}

// placeRefusals are those of addresses and directories that can't be had.
func placeRefusals(taken, file, readOnly string, enrolled []string) []refusal {
	list := []refusal{
		{name: "click port taken", role: "all", env: []string{"FOOTFALL_COLLECTOR_EDGE_LISTEN=" + taken}, says: []string{"set collector.edge.listen to another port"}},
		{name: "order port taken", role: "all", env: []string{"FOOTFALL_COLLECTOR_ORDERS_LISTEN=" + taken}, says: []string{"set collector.orders.listen to another port"}},
		{name: "admin port taken", role: "all", env: []string{"FOOTFALL_ADMIN_LISTEN=" + taken}, says: []string{"set admin.listen to another port"}},
		{name: "api port taken", role: "reporter", env: []string{"FOOTFALL_REPORTER_API_LISTEN=" + taken}, says: []string{"set reporter.api.listen to another port"}},
		{name: "api over the network in the clear", role: "reporter", env: []string{"FOOTFALL_REPORTER_API_LISTEN=0.0.0.0:0"}, says: []string{"set tls_cert and tls_key"}},
		{name: "dashboard port taken", role: "reporter", env: []string{"FOOTFALL_REPORTER_WEB_LISTEN=" + taken}, says: []string{"set reporter.web.listen to another port"}},
		{name: "dashboard over the network in the clear", role: "reporter", env: []string{"FOOTFALL_REPORTER_WEB_LISTEN=0.0.0.0:0"}, says: []string{"web.listen: 0.0.0.0:0 is not loopback"}},
		{name: "dashboard told to be plain http", role: "reporter", env: []string{"FOOTFALL_REPORTER_WEB_URL=http://figures.example"}, says: []string{"web.url: http://figures.example is plain http"}},
		{name: "control port taken", role: "reporter", env: []string{"FOOTFALL_REPORTER_CATALOG_CONTROL_LISTEN=" + taken}, says: []string{"set reporter.catalog.control.listen to another port"}},
		{name: "no address of this machine", role: "all", env: []string{"FOOTFALL_COLLECTOR_EDGE_LISTEN=192.0.2.7:0"}, says: []string{"this machine has no such address"}},
	}
	for _, role := range []string{"all", "reporter", "consumer", "collector", ownRole} {
		var env []string
		if role != "all" && role != "reporter" {
			env = enrolled
		}
		list = append(list,
			refusal{name: "a file for a directory", role: role, env: env, data: file, says: []string{"not a directory"}},
			refusal{name: "read-only directory", role: role, env: env, data: readOnly, says: []string{"read-only file system"}})
	}
	return list
}

func refused(t *testing.T, c refusal, whole, alone, secret string) {
	t.Helper()
	dir := t.TempDir()
	data := c.data
	if data == "" {
		data = filepath.Join(dir, "data")
	}
	command := testkit.Command{Path: whole, Args: []string{c.role, "--data", data}, Env: []string{
		"FOOTFALL_COLLECTOR_EDGE_LISTEN=127.0.0.1:0", "FOOTFALL_COLLECTOR_ORDERS_LISTEN=127.0.0.1:0", "FOOTFALL_ADMIN_LISTEN=127.0.0.1:0",
	}}
	if c.role == ownRole {
		command.Path, command.Args = alone, command.Args[1:]
	} else {
		command.Env = append(command.Env, "FOOTFALL_REPORTER_API_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_WEB_LISTEN=127.0.0.1:0")
	}
	if c.file != "" {
		path := filepath.Join(dir, "footfall.toml")
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		command.Args = append(command.Args, "--config", path)
	}
	command.Env = append(command.Env, c.env...)
	p := testkit.StartCommand(t, command)
	if code := p.Wait(startTimeout); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	output := p.Output()
	if strings.Contains(output, secret) || strings.Contains(output, secret[4:]) {
		t.Errorf("the secret is printed:\n%s", output)
	}
	// What is not a line of the log is for the operator: a heading where there
	// may be several problems, and a line for each.
	var lines []string
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(line, "{") {
			lines = append(lines, line)
		}
	}
	want := len(c.says)
	if len(lines) > 0 && strings.HasSuffix(lines[0], ":\n") {
		want++
	}
	for _, text := range c.says {
		named := 0
		for _, line := range lines {
			if strings.Contains(line, text) {
				named++
			}
		}
		if named != 1 {
			t.Errorf("%q stands in %d lines, want 1", text, named)
		}
	}
	if len(lines) != want {
		t.Errorf("%d lines, want %d:\n%s", len(lines), want, strings.Join(lines, ""))
	}
}

// takenAddr is an address that somebody listens on until the test ends.
func takenAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// readOnlyDir is a directory that not even root can write to.
func readOnlyDir(t *testing.T) string {
	t.Helper()
	dir := testkit.Tmpfs(t, 1<<20)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		t.Fatalf("making %s read-only: %v", dir, err)
	}
	return dir
}
