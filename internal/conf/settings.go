package conf

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// secretFileBytes bounds a file that holds a secret: more than any key or token
// needs, little enough to show that a path is wrong.
const secretFileBytes = 64 << 10

// fileSuffix names a secret's variant that holds the path of a file.
const fileSuffix = "_file"

// validator is what a struct of settings may implement. Validate looks at the
// struct's own fields: Load calls it for every nested struct by itself. It may
// join several errors; each that begins with a field's name and a colon, or
// with its key from some section around it on, is reported under that key.
type validator interface{ Validate() error }

// setting is one leaf of the tree.
type setting struct {
	key    string // "edge.listen"
	doc    string
	secret bool
	value  reflect.Value
}

// section is a struct of the tree; the root's key is empty.
type section struct {
	key   string
	doc   string
	value reflect.Value
}

type settings struct {
	list     []*setting // in the order of the fields
	byKey    map[string]*setting
	sections []section
}

func newSettings(target any) (*settings, error) {
	v := reflect.ValueOf(target)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("reading settings of %T: %w", target, ErrTarget)
	}
	s := &settings{byKey: map[string]*setting{}}
	if err := s.walk(section{value: v.Elem()}); err != nil {
		return nil, err
	}
	return s, nil
}

// walk collects the settings of one struct and of those in it.
func (s *settings) walk(in section) error {
	s.sections = append(s.sections, in)
	for i := range in.value.NumField() {
		field := in.value.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("koanf"), ",")
		if !field.IsExported() || name == "-" || (name == "" && !field.Anonymous) {
			continue
		}
		key, value := join(in.key, name), in.value.Field(i)
		if value.Kind() == reflect.Struct && !isText(value) {
			if err := s.walk(section{key: key, doc: field.Tag.Get("doc"), value: value}); err != nil {
				return err
			}
			continue
		}
		if _, err := typeName(value); err != nil {
			return fmt.Errorf("reading setting %s: %w", key, err)
		}
		if s.byKey[key] != nil {
			return fmt.Errorf("reading setting %s: two fields have that key: %w", key, ErrTarget)
		}
		found := &setting{key: key, doc: field.Tag.Get("doc"), secret: field.Tag.Get("secret") == "true", value: value}
		s.list, s.byKey[key] = append(s.list, found), found
	}
	return nil
}

func join(section, name string) string {
	if section == "" || name == "" {
		return section + name
	}
	return section + "." + name
}

// envKeys maps variables to keys, the _FILE variants of secrets included.
func (s *settings) envKeys(prefix string) (map[string]string, error) {
	keys := map[string]string{}
	for _, key := range s.names() {
		name := envName(prefix, key)
		if other, taken := keys[name]; taken {
			return nil, fmt.Errorf("settings %s and %s both have variable %s: %w", other, key, name, ErrTarget)
		}
		keys[name] = key
	}
	return keys, nil
}

// names lists every key that may be given, sorted.
func (s *settings) names() []string {
	names := []string{}
	for key, found := range s.byKey {
		names = append(names, key)
		if found.secret {
			names = append(names, key+fileSuffix)
		}
	}
	slices.Sort(names)
	return names
}

// apply puts a layer's values into the target.
func (s *settings) apply(l layer, problems *Errors) {
	for _, key := range slices.Sorted(maps.Keys(l.values)) {
		value := l.values[key]
		found, isFile := s.byKey[key], false
		if found == nil {
			found, isFile = s.secretOf(key)
		}
		if found == nil {
			if !s.isEmptySection(key, value) {
				problems.add(l.origin(key), key, "unknown key"+s.suggest(key))
			}
			continue
		}
		if isFile {
			if _, both := l.values[found.key]; both {
				problems.add(l.origin(key), key, "stands beside "+found.key+"; give one of the two")
				continue
			}
			text, err := readSecret(value)
			if err != nil {
				problems.add(l.origin(key), key, err.Error())
				continue
			}
			value = text
		}
		if err := found.set(value, l.typed && !isFile); err != nil {
			problems.add(l.origin(key), key, err.Error())
		}
	}
}

// secretOf finds the secret whose file variant key is.
func (s *settings) secretOf(key string) (*setting, bool) {
	base, ok := strings.CutSuffix(key, fileSuffix)
	if found := s.byKey[base]; ok && found != nil && found.secret {
		return found, true
	}
	return nil, false
}

func (s *settings) isEmptySection(key string, value any) bool {
	table, ok := value.(map[string]any)
	return ok && len(table) == 0 && slices.ContainsFunc(s.sections, func(in section) bool { return in.key == key })
}

func (s *settings) suggest(key string) string {
	near, _ := nearest(key, s.names())
	if near == "" {
		return ""
	}
	return "; did you mean " + near + "?"
}

// readSecret reads a secret's file; one line break at its end is not part of it.
func readSecret(path any) (string, error) {
	name, ok := path.(string)
	if !ok {
		return "", fmt.Errorf("want the path of a file, got %s", tomlName(path))
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("looking for the secret's file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > secretFileBytes {
		return "", fmt.Errorf("reading the secret from %s: want a plain file of at most %d bytes", name, secretFileBytes)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("reading the secret's file: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("reading the secret from %s: the file is empty", name)
	}
	return text, nil
}

// validate asks every struct of the tree that has an opinion.
func (s *settings) validate(problems *Errors) {
	for _, in := range s.sections {
		v, ok := reflect.TypeAssert[validator](in.value.Addr())
		if !ok {
			continue
		}
		for _, err := range flatten(v.Validate()) {
			key, message := in.key, err.Error()
			if name, rest, ok := strings.Cut(message, ": "); ok {
				if full := s.within(in.key, name); full != "" {
					key, message = full, rest
				}
			}
			problems.add("settings", key, message)
		}
	}
}

// within finds the key that a section calls name: its own, or one that begins
// with a section around it, as in "edge.listen" said by collector.edge.
func (s *settings) within(section, name string) string {
	for around := section; ; {
		if full := join(around, name); s.byKey[full] != nil {
			return full
		}
		if around == "" {
			return ""
		}
		around = around[:max(strings.LastIndexByte(around, '.'), 0)]
	}
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined) && err.Error() == errors.Join(joined.Unwrap()...).Error():
		all := []error{}
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	default:
		return []error{err}
	}
}

// isText says that a value is written as text: an address, a level, a date.
func isText(v reflect.Value) bool {
	_, ok := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(v.Type()))
	return ok
}
