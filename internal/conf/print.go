package conf

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
)

// hidden stands where a secret is set.
const hidden = "(hidden)"

// Print writes the settings in force as a TOML file that Load would read, with
// each key's doc above it. A secret that is set is named in a comment, without
// its value.
func Print(w io.Writer, target any) error {
	s, err := newSettings(target)
	if err != nil {
		return err
	}
	out, current := strings.Builder{}, ""
	for _, found := range s.ordered() {
		section, name := split(found.key)
		if section != current {
			fmt.Fprintf(&out, "\n[%s]\n", section)
			current = section
		}
		if found.doc != "" {
			fmt.Fprintf(&out, "# %s\n", found.doc)
		}
		line, err := found.toml(name)
		if err != nil {
			return err
		}
		out.WriteString(line)
	}
	if _, err := io.WriteString(w, strings.TrimPrefix(out.String(), "\n")); err != nil {
		return fmt.Errorf("printing settings: %w", err)
	}
	return nil
}

// ordered lists the settings section by section, those of the root first: TOML
// has no way back out of a section.
func (s *settings) ordered() []*setting {
	list := []*setting{}
	for _, in := range s.sections {
		for _, found := range s.list {
			if section, _ := split(found.key); section == in.key && !slices.Contains(list, found) {
				list = append(list, found)
			}
		}
	}
	return list
}

func split(key string) (section, name string) {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i], key[i+1:]
	}
	return "", key
}

// toml is one line of a file.
func (s *setting) toml(name string) (string, error) {
	if s.secret && !s.value.IsZero() {
		return fmt.Sprintf("# %s = %s\n", name, hidden), nil
	}
	value := s.value.Interface()
	if s.value.Kind() == reflect.Slice && s.value.IsNil() {
		value = []string{}
	}
	line, err := toml.Parser().Marshal(map[string]any{name: value})
	if err != nil {
		return "", fmt.Errorf("printing setting %s: %w", s.key, err)
	}
	return string(line), nil
}

// Docs is the Markdown page of all settings: for each section a table of key,
// variable, default and doc. The target holds the defaults. A setting without a
// doc is an error.
func Docs(target any, envPrefix string) (string, error) {
	s, err := newSettings(target)
	if err != nil {
		return "", err
	}
	out, current := strings.Builder{}, "\x00"
	for _, found := range s.ordered() {
		if found.doc == "" {
			return "", fmt.Errorf("setting %s has no doc tag: %w", found.key, ErrTarget)
		}
		section, name := split(found.key)
		if section != current {
			s.docsHead(&out, section)
			current = section
		}
		variable := "`" + envName(envPrefix, found.key) + "`"
		if found.secret {
			variable += "<br>`" + envName(envPrefix, found.key+fileSuffix) + "`"
		}
		value, err := found.docsDefault(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", name, variable, value, strings.ReplaceAll(found.doc, "|", "\\|"))
	}
	return out.String(), nil
}

func (s *settings) docsHead(out *strings.Builder, key string) {
	if out.Len() > 0 {
		out.WriteByte('\n')
	}
	if key != "" {
		fmt.Fprintf(out, "## [%s]\n\n", key)
	}
	for _, in := range s.sections {
		if in.key == key && in.doc != "" {
			fmt.Fprintf(out, "%s\n\n", in.doc)
			break
		}
	}
	out.WriteString("| key | variable | default | what it is |\n|---|---|---|---|\n")
}

// docsDefault is a default as it would stand in a file; nothing when empty.
func (s *setting) docsDefault(name string) (string, error) {
	empty := s.value.Kind() == reflect.Slice && s.value.Len() == 0 || s.value.Kind() == reflect.String && s.value.Len() == 0
	if empty || s.secret {
		return "", nil
	}
	line, err := s.toml(name)
	if err != nil {
		return "", err
	}
	_, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
	return "`" + value + "`", nil
}
