package conf

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

type edgeConfig struct {
	Listen             string         `koanf:"listen" doc:"address that buyers reach"`
	ReadTimeoutSeconds int            `koanf:"read_timeout_seconds" doc:"longest time for a request head"`
	Shards             uint8          `koanf:"shards" doc:"number of shards"`
	Share              float64        `koanf:"share" doc:"share of memory | of the machine"`
	Hosts              []string       `koanf:"hosts" doc:"names that are served"`
	Hops               []netip.Prefix `koanf:"hops" doc:"trusted proxies"`
	Cookies            bool           `koanf:"cookies" doc:"whether cookies are set"`
	Wired              func()         // no setting
	Dir                string         `koanf:"-"`
}

func (c *edgeConfig) Validate() error {
	var errs []error
	if c.Shards == 0 {
		errs = append(errs, errors.New("edge.shards: want 1 to 255"))
	}
	if c.ReadTimeoutSeconds <= 0 {
		errs = append(errs, errors.New("read_timeout_seconds: want at least 1"))
	}
	return errors.Join(errs...)
}

type controlConfig struct {
	Token string `koanf:"token" doc:"token of the collector" secret:"true"`
	URL   string `koanf:"url" doc:"where the reporter is"`
}

type rootConfig struct {
	Data    string        `koanf:"data" doc:"data directory"`
	Edge    edgeConfig    `koanf:"edge" doc:"Answers buyers."`
	Control controlConfig `koanf:"control" doc:"Follows the reporter."`
}

func defaults() *rootConfig {
	return &rootConfig{Data: "./data", Edge: edgeConfig{Listen: "127.0.0.1:8080", ReadTimeoutSeconds: 5, Shards: 4, Share: 0.5}}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func environ(pairs ...string) func() []string { return func() []string { return pairs } }

func TestAStrongerPlaceIsNeverOverruled(t *testing.T) {
	file := write(t, "footfall.toml", `
data = "/from/file"
[edge]
listen = ":1"
shards = 1
cookies = true
hosts = ["a.example", "b.example"]
hops = ["10.0.0.0/8"]
[control]
`)
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Int("edge-shards", 9, "")
	flags.String("listen", "", "")
	flags.String("edge-read-timeout-seconds", "77", "not set, so its default says nothing")
	if err := flags.Parse([]string{"--edge-shards=3"}); err != nil {
		t.Fatal(err)
	}
	c := defaults()
	err := Load(c, LoadOptions{
		File: file, EnvPrefix: "FOOTFALL_", Flags: flags, FlagKeys: map[string]string{"listen": "edge.listen"},
		Environ: environ("FOOTFALL_EDGE_SHARDS=2", "FOOTFALL_EDGE_LISTEN=:2", "FOOTFALL_SERVICE_HOST=10.1.2.3", "HOME=/x"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "/from/file" || c.Edge.Listen != ":2" || c.Edge.Shards != 3 || c.Edge.ReadTimeoutSeconds != 5 ||
		!c.Edge.Cookies || len(c.Edge.Hosts) != 2 || c.Edge.Hops[0].String() != "10.0.0.0/8" {
		t.Errorf("settings in force: %+v", c)
	}
	if err := flags.Parse([]string{"--listen=:3"}); err != nil {
		t.Fatal(err)
	}
	if err := Load(c, LoadOptions{Flags: flags, FlagKeys: map[string]string{"listen": "edge.listen"}}); err != nil || c.Edge.Listen != ":3" {
		t.Errorf("after --listen=:3: %q, %v", c.Edge.Listen, err)
	}
}

func TestNoProblemOfAFileIsSilentOrHidesAnother(t *testing.T) {
	file := write(t, "footfall.toml", `
datta = "x"
[edge]
lissten = ":1"
shards = 300
read_timeout_seconds = "5"
cookies = "true"
share = nan
hosts = "a"
hops = ["10.0.0.0/8", "x"]
[control]
token = 5
[nothing_of_the_kind]
`)
	err := Load(defaults(), LoadOptions{File: file, EnvPrefix: "FOOTFALL_", EnvOther: []string{"FOOTFALL_DATE"}, Environ: environ(
		"FOOTFALL_EDGE_LISTENS=:1", "FOOTFALL_DATE=today", "FOOTFALL_EDGE_READ_TIMEOUT_SECONDS=0", "FOOTFALL_EDGE_COOKIES=yes",
	)})
	if _, ok := errors.AsType[*Errors](err); !ok {
		t.Fatalf("got %v", err)
	}
	want := []string{
		"environment: FOOTFALL_EDGE_LISTENS: unknown variable; did you mean FOOTFALL_EDGE_LISTEN?",
		"FILE: control.token: wrong type: want a string, got an integer",
		"FILE: datta: unknown key; did you mean data?",
		"FILE: edge.cookies: wrong type: want true or false, got a string",
		`FILE: edge.hops: item 2: netip.ParsePrefix("x"): no '/'`,
		"FILE: edge.hosts: wrong type: want a list, each a string, got a string",
		"FILE: edge.lissten: unknown key; did you mean edge.listen?",
		"FILE: edge.read_timeout_seconds: wrong type: want an integer, got a string",
		"FILE: edge.shards: out of range: want 0 to 255",
		"FILE: edge.share: out of range: want a finite number",
		"FILE: nothing_of_the_kind: unknown key",
		"environment variable FOOTFALL_EDGE_COOKIES: edge.cookies: wrong type: want true or false, got a string",
		"settings: edge.read_timeout_seconds: want at least 1",
	}
	got := strings.ReplaceAll(err.Error(), file, "FILE")
	if got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\n\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestAFileThatCannotBeReadIsNeverTakenForAnEmptyOne(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"missing":  {filepath.Join(t.TempDir(), "none.toml"), "no such file; create it"},
		"not TOML": {write(t, "a.toml", "x = 1\ny = = 2\n"), ":2:5: not TOML"},
		"a folder": {t.TempDir(), "cannot be read"},
	} {
		err := Load(defaults(), LoadOptions{File: c.file})
		var problems *Errors
		if !errors.As(err, &problems) || len(problems.Problems) != 1 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestASecretComesFromItsFileAndIsNeverPrinted(t *testing.T) {
	secret := write(t, "token", "hush-hush\n")
	toml := write(t, "footfall.toml", "[control]\ntoken_file = '"+secret+"'\n")
	for name, options := range map[string]LoadOptions{
		"variable": {EnvPrefix: "FOOTFALL_", Environ: environ("FOOTFALL_CONTROL_TOKEN_FILE=" + secret)},
		"key":      {File: toml},
	} {
		c := defaults()
		if err := Load(c, options); err != nil || c.Control.Token != "hush-hush" {
			t.Fatalf("%s: got %q, %v", name, c.Control.Token, err)
		}
		out := strings.Builder{}
		if err := Print(&out, c); err != nil {
			t.Fatal(err)
		}
		docs, err := Docs(c, "FOOTFALL_")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String()+docs, "hush") || !strings.Contains(out.String(), "# token = (hidden)") {
			t.Errorf("%s: printed\n%s\n%s", name, out.String(), docs)
		}
	}
}

func TestASecretsFileThatIsWrongIsRefused(t *testing.T) {
	good := write(t, "token", "hush")
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"missing": {[]string{"FOOTFALL_CONTROL_TOKEN_FILE=/nowhere/at/all"}, "looking for the secret's file"},
		"empty":   {[]string{"FOOTFALL_CONTROL_TOKEN_FILE=" + write(t, "e", "\n")}, "is empty"},
		"folder":  {[]string{"FOOTFALL_CONTROL_TOKEN_FILE=" + t.TempDir()}, "plain file of at most"},
		"large":   {[]string{"FOOTFALL_CONTROL_TOKEN_FILE=" + write(t, "l", strings.Repeat("x", secretFileBytes+1))}, "plain file of at most"},
		"both":    {[]string{"FOOTFALL_CONTROL_TOKEN_FILE=" + good, "FOOTFALL_CONTROL_TOKEN=hush"}, "give one of the two"},
	} {
		err := Load(defaults(), LoadOptions{EnvPrefix: "FOOTFALL_", Environ: environ(c.environ...)})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWhatPrintWritesLoadReads(t *testing.T) {
	c := defaults()
	c.Data, c.Edge.Hosts = "a 'quoted' \"path\"\twith\nbreaks", []string{"a", "b"}
	c.Edge.Hops = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	out := strings.Builder{}
	if err := Print(&out, c); err != nil {
		t.Fatal(err)
	}
	again := defaults()
	if err := Load(again, LoadOptions{File: write(t, "printed.toml", out.String())}); err != nil {
		t.Fatalf("reading\n%s\n%v", out.String(), err)
	}
	second := strings.Builder{}
	if err := Print(&second, again); err != nil || out.String() != second.String() {
		t.Errorf("%v: first\n%s\nthen\n%s", err, out.String(), second.String())
	}
}

func TestDocsLeaveNoSettingOut(t *testing.T) {
	docs, err := Docs(defaults(), "FOOTFALL_")
	if err != nil {
		t.Fatal(err)
	}
	want := `| key | variable | default | what it is |
|---|---|---|---|
| ` + "`data` | `FOOTFALL_DATA` | `'./data'` | data directory |" + `

## [edge]

Answers buyers.

| key | variable | default | what it is |
|---|---|---|---|
` + "| `listen` | `FOOTFALL_EDGE_LISTEN` | `'127.0.0.1:8080'` | address that buyers reach |"
	if !strings.HasPrefix(docs, want) || strings.Count(docs, "\n| `") != 10 ||
		!strings.Contains(docs, "`FOOTFALL_CONTROL_TOKEN`<br>`FOOTFALL_CONTROL_TOKEN_FILE`") || !strings.Contains(docs, `memory \| of`) {
		t.Errorf("got\n%s", docs)
	}
	if _, err := Docs(&struct {
		X int `koanf:"x"`
	}{}, ""); !errors.Is(err, ErrTarget) {
		t.Errorf("a setting without doc: %v", err)
	}
}

func TestATargetThatCannotHoldSettingsIsNamed(t *testing.T) {
	var none *rootConfig
	for name, target := range map[string]any{
		"nil":               none,
		"a struct by value": rootConfig{},
		"a map": &struct {
			M map[string]string `koanf:"m"`
		}{},
		"one key twice": &struct {
			A int `koanf:"a"`
			B int `koanf:"a"`
		}{},
		"one variable twice": &struct {
			A int `koanf:"b_c"`
			B struct {
				C int `koanf:"c"`
			} `koanf:"b"`
		}{},
	} {
		if err := Load(target, LoadOptions{EnvPrefix: "X_", Environ: environ()}); !errors.Is(err, ErrTarget) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzNoTextMakesParsePanic(f *testing.F) {
	f.Add("5")
	f.Add("-9223372036854775809")
	f.Add("1e999")
	f.Add(",,a,")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsRune(text, 0) {
			return
		}
		c := defaults()
		_ = Load(c, LoadOptions{EnvPrefix: "FOOTFALL_", Environ: environ(
			"FOOTFALL_EDGE_SHARDS="+text, "FOOTFALL_EDGE_SHARE="+text, "FOOTFALL_EDGE_HOSTS="+text, "FOOTFALL_EDGE_HOPS="+text,
		)})
		if strings.TrimSpace(text) == "7" && c.Edge.Shards != 7 {
			t.Errorf("%q gave %d", text, c.Edge.Shards)
		}
	})
}
