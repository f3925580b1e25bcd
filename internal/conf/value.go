package conf

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// errType is wrapped with what was wanted and what was found.
var errType = errors.New("wrong type")

// set changes a setting. Typed values come from TOML and must fit as they are;
// others are text. The error never holds a secret's value.
func (s *setting) set(value any, typed bool) error {
	next := reflect.New(s.value.Type()).Elem()
	if err := assign(next, value, typed); err != nil {
		if s.secret && !errors.Is(err, errType) {
			return errors.New("the value cannot be read as what this key needs")
		}
		return err
	}
	s.value.Set(next)
	return nil
}

func assign(to reflect.Value, value any, typed bool) error {
	if to.Kind() == reflect.Slice && !isText(to) {
		return assignList(to, value, typed)
	}
	text, isString := value.(string)
	switch {
	case isText(to) && isString:
		return assignText(to, text)
	case typed:
		return assignTyped(to, value)
	case isString:
		return parse(to, strings.TrimSpace(text), text)
	default:
		return wrongType(to, value)
	}
}

// assignText hands a string to a type that reads text. The value's own error is
// kept: it names what is allowed.
func assignText(to reflect.Value, text string) error {
	reader, ok := reflect.TypeAssert[encoding.TextUnmarshaler](to.Addr())
	if !ok {
		return fmt.Errorf("reading %s: %w", to.Type(), ErrTarget)
	}
	return reader.UnmarshalText([]byte(text))
}

// assignList reads a TOML array, a repeated flag, or text with commas.
func assignList(to reflect.Value, value any, typed bool) error {
	items := []any{}
	switch list := value.(type) {
	case []any:
		items = list
	case []string:
		for _, item := range list {
			items = append(items, item)
		}
	case string:
		if typed {
			return wrongType(to, value)
		}
		for item := range strings.SplitSeq(list, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	default:
		return wrongType(to, value)
	}
	out := reflect.MakeSlice(to.Type(), len(items), len(items))
	for i, item := range items {
		if err := assign(out.Index(i), item, typed); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	to.Set(out)
	return nil
}

// assignTyped takes a TOML value that has the very type, or an integer where a
// fraction would do.
func assignTyped(to reflect.Value, value any) error {
	switch v := value.(type) {
	case string:
		if to.Kind() == reflect.String {
			to.SetString(v)
			return nil
		}
	case bool:
		if to.Kind() == reflect.Bool {
			to.SetBool(v)
			return nil
		}
	case int64:
		switch {
		case to.CanInt() && !to.OverflowInt(v):
			to.SetInt(v)
			return nil
		case to.CanUint() && v >= 0 && !to.OverflowUint(uint64(v)):
			to.SetUint(uint64(v))
			return nil
		case to.CanInt() || to.CanUint():
			return outOfRange(to)
		case to.CanFloat():
			to.SetFloat(float64(v))
			return nil
		}
	case float64:
		if to.CanFloat() && (math.IsNaN(v) || math.IsInf(v, 0)) {
			return errors.New("out of range: want a finite number")
		}
		if to.CanFloat() {
			to.SetFloat(v)
			return nil
		}
	}
	return wrongType(to, value)
}

// parse reads text from the environment or a flag; a string is taken as it is,
// blanks included.
func parse(to reflect.Value, text, whole string) error {
	switch {
	case to.Kind() == reflect.String:
		to.SetString(whole)
		return nil
	case to.Kind() == reflect.Bool:
		if text == "true" || text == "false" {
			to.SetBool(text == "true")
			return nil
		}
	case to.CanInt():
		v, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			return assignTyped(to, v)
		}
	case to.CanUint():
		v, err := strconv.ParseUint(text, 10, 64)
		if err == nil && to.OverflowUint(v) {
			return outOfRange(to)
		}
		if err == nil {
			to.SetUint(v)
			return nil
		}
	case to.CanFloat():
		v, err := strconv.ParseFloat(text, 64)
		if err == nil {
			return assignTyped(to, v)
		}
	}
	return wrongType(to, whole)
}

func outOfRange(to reflect.Value) error {
	bits := to.Type().Bits()
	if to.CanUint() {
		return fmt.Errorf("out of range: want 0 to %d", uint64(math.MaxUint64)>>(64-bits))
	}
	top := int64(math.MaxInt64) >> (64 - bits)
	return fmt.Errorf("out of range: want %d to %d", -top-1, top)
}

// wrongType names the type wanted and the type found, never the value.
func wrongType(to reflect.Value, value any) error {
	want, err := typeName(to)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: want %s, got %s", errType, want, tomlName(value))
}

// typeName is a setting's type in words; an error for one that cannot be set.
func typeName(v reflect.Value) (string, error) {
	switch {
	case isText(v), v.Kind() == reflect.String:
		return "a string", nil
	case v.Kind() == reflect.Bool:
		return "true or false", nil
	case v.CanInt(), v.CanUint():
		return "an integer", nil
	case v.CanFloat():
		return "a number", nil
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Slice:
		item, err := typeName(reflect.New(v.Type().Elem()).Elem())
		return "a list, each " + item, err
	default:
		return "", fmt.Errorf("a field of type %s cannot be a setting: %w", v.Type(), ErrTarget)
	}
}

func tomlName(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}
