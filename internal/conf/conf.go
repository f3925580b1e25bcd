// Package conf fills a struct of settings from its defaults, a TOML file, the
// environment and flags, each stronger than the one before it.
//
// Its invariant: a setting that somebody wrote down is either in force or named
// in the error. An unknown key, a value of the wrong type, a missing file and
// what the Validate methods refuse are all gathered, one line each, so that one
// look is enough to mend a file.
//
// It refuses to guess: nothing is converted from one type to another, no name
// is matched loosely, and no value tagged as secret is ever printed.
//
// A setting is an exported field with the tags
//
//	koanf:"listen"                     its name; the section is the name of the struct it is in
//	doc:"address that buyers reach"    one sentence for docs/config.md
//	secret:"true"                      never printed; may be read from a file, by KEY_file or PREFIX_KEY_FILE
//
// Fields without a koanf tag, or with koanf:"-", are wiring and left alone.
package conf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// typoDistance is how far a variable's name may be from a known one to be taken
// for a slip of the pen. Variables farther away belong to somebody else: an
// orchestrator adds FOOTFALL_SERVICE_HOST and the like by itself.
const typoDistance = 2

// LoadOptions names where settings come from. The zero value reads nothing but
// validates the defaults.
type LoadOptions struct {
	// File is a TOML file; empty for none. One that is named must exist.
	File string
	// EnvPrefix begins every variable, with its underscore: "FOOTFALL_". Empty:
	// the environment is not read.
	EnvPrefix string
	// EnvOther are variables with the prefix that others read.
	EnvOther []string
	// Environ lists KEY=VALUE pairs; nil means the process's own.
	Environ func() []string
	// Flags are looked at where they were set on the command line. A flag is a
	// setting's when it is named as FlagName gives it, or stands in FlagKeys.
	Flags *pflag.FlagSet
	// FlagKeys maps further flag names to keys: "listen" to "edge.listen".
	FlagKeys map[string]string
}

// layer is what one place says: values by key, and how to name a key's place.
type layer struct {
	values map[string]any
	typed  bool // values have their types; otherwise all are text to be parsed
	origin func(key string) string
}

// Load changes target, a pointer to a struct that holds the defaults. It returns
// *Errors for what an operator can mend, and another error for a target that is
// no settings struct.
func Load(target any, options LoadOptions) error {
	s, err := newSettings(target)
	if err != nil {
		return err
	}
	problems := &Errors{}
	layers := []layer{}
	if options.File != "" {
		l, ok := fileLayer(options.File, problems)
		if ok {
			layers = append(layers, l)
		}
	}
	if options.EnvPrefix != "" {
		l, err := envLayer(s, options, problems)
		if err != nil {
			return err
		}
		layers = append(layers, l)
	}
	if options.Flags != nil {
		l, err := flagLayer(s, options)
		if err != nil {
			return err
		}
		layers = append(layers, l)
	}
	for _, l := range layers {
		s.apply(l, problems)
	}
	s.validate(problems)
	if len(problems.Problems) > 0 {
		return problems
	}
	return nil
}

// fileLayer reads a TOML file.
func fileLayer(path string, problems *Errors) (layer, bool) {
	k := koanf.New(".")
	err := k.Load(file.Provider(path), toml.Parser())
	var at interface{ Position() (row, column int) }
	switch {
	case err == nil:
	case errors.Is(err, os.ErrNotExist):
		problems.add(path, "", "no such file; create it, or leave the option out to run on defaults")
		return layer{}, false
	case errors.As(err, &at):
		row, column := at.Position()
		problems.add(fmt.Sprintf("%s:%d:%d", path, row, column), "", "not TOML: "+err.Error())
		return layer{}, false
	default:
		problems.add(path, "", "cannot be read: "+err.Error())
		return layer{}, false
	}
	return layer{values: k.All(), typed: true, origin: func(string) string { return path }}, true
}

// envLayer reads the variables that belong to settings, and takes one that is a
// slip of the pen away from such a name for a problem.
func envLayer(s *settings, options LoadOptions, problems *Errors) (layer, error) {
	keyOf, err := s.envKeys(options.EnvPrefix)
	if err != nil {
		return layer{}, err
	}
	names := slices.Sorted(maps.Keys(keyOf))
	k := koanf.New(".")
	provider := env.Provider(".", env.Opt{
		Prefix:      options.EnvPrefix,
		EnvironFunc: options.Environ,
		TransformFunc: func(name, value string) (string, any) {
			if key, ok := keyOf[name]; ok {
				return key, value
			}
			if slices.Contains(options.EnvOther, name) {
				return "", nil
			}
			if near, distance := nearest(name, names); near != "" && distance <= typoDistance {
				problems.add("environment", name, "unknown variable; did you mean "+near+"?")
			}
			return "", nil
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return layer{}, fmt.Errorf("reading the environment: %w", err)
	}
	return layer{values: k.All(), origin: func(key string) string {
		return "environment variable " + envName(options.EnvPrefix, key)
	}}, nil
}

// flagLayer reads the flags that were set.
func flagLayer(s *settings, options LoadOptions) (layer, error) {
	keyOf := maps.Clone(options.FlagKeys)
	if keyOf == nil {
		keyOf = map[string]string{}
	}
	for key := range s.byKey {
		keyOf[FlagName(key)] = key
	}
	values, names := map[string]any{}, map[string]string{}
	options.Flags.Visit(func(f *pflag.Flag) {
		key, ok := keyOf[f.Name]
		if !ok {
			return
		}
		names[key] = f.Name
		values[key] = f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values[key] = list.GetSlice()
		}
	})
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(values, "."), nil); err != nil {
		return layer{}, fmt.Errorf("reading the flags: %w", err)
	}
	return layer{values: k.All(), origin: func(key string) string { return "flag --" + names[key] }}, nil
}

// FlagName is the name of a key's flag: edge.read_timeout_seconds has
// --edge-read-timeout-seconds.
func FlagName(key string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(key)
}

// envName is the name of a key's variable: edge.listen has FOOTFALL_EDGE_LISTEN.
func envName(prefix, key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}
