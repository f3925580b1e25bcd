package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

const (
	// maxBodyBytes is far above any request: the longest holds a URL.
	maxBodyBytes = 64 << 10
	// maxDepth is far above any request's nesting.
	maxDepth = 32
)

// body reads the request's JSON into a T before it serves.
func body[T any](serve func(*http.Request, T) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var t T
		if err := decode(r, &t); err != nil {
			return nil, err
		}
		if err := scopeBody(r, &t); err != nil {
			return nil, err
		}
		return serve(r, t)
	}
}

// decode reads one JSON object strictly.
func decode(r *http.Request, into any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &problemError{status: http.StatusUnsupportedMediaType, detail: "send the request as Content-Type: application/json"}
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBodyBytes+1))
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	if len(text) > maxBodyBytes {
		return &problemError{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the request is longer than %d bytes", maxBodyBytes)}
	}
	if err := checkJSON(text); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return decodeProblem(err)
	}
	return nil
}

func decodeProblem(err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &problemError{
			status: http.StatusUnprocessableEntity, pointer: "/" + strings.ReplaceAll(kind.Field, ".", "/"),
			detail: fmt.Sprintf("%s is a %s here: want %s", kind.Field, kind.Value, kind.Type),
		}
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		field = strings.Trim(field, `"`)
		return &problemError{status: http.StatusUnprocessableEntity, pointer: "/" + escapePointer(field), detail: "the field " + field + " is not known"}
	}
	return &problemError{status: http.StatusBadRequest, detail: "the request can't be read: " + err.Error()}
}

// checkJSON refuses what encoding/json lets pass: repeated names, trailing
// data; and nesting without end. The text must be one object.
func checkJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	token, err := d.Token()
	if err != nil || token != json.Delim('{') {
		return &problemError{status: http.StatusBadRequest, detail: "the request is not a JSON object"}
	}
	if err := checkObject(d, "", 1); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &problemError{status: http.StatusBadRequest, detail: "there is more after the JSON object"}
	}
	return nil
}

func checkObject(d *json.Decoder, pointer string, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return badJSON(err)
		}
		text, _ := name.(string) // the decoder gives names as strings only
		at := pointer + "/" + escapePointer(text)
		folded := strings.ToLower(text)
		if seen[folded] {
			return &problemError{status: http.StatusBadRequest, pointer: at, detail: "the field " + text + " stands twice"}
		}
		seen[folded] = true
		if err := checkValue(d, at, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return badJSON(err)
}

func checkValue(d *json.Decoder, pointer string, depth int) error {
	token, err := d.Token()
	if err != nil {
		return badJSON(err)
	}
	if depth > maxDepth {
		return &problemError{status: http.StatusBadRequest, pointer: pointer, detail: "the request is nested too deeply"}
	}
	switch token {
	case json.Delim('{'):
		return checkObject(d, pointer, depth+1)
	case json.Delim('['):
		for i := 0; d.More(); i++ {
			if err := checkValue(d, fmt.Sprintf("%s/%d", pointer, i), depth+1); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return badJSON(err)
	}
	return nil
}

func badJSON(err error) error {
	if err == nil {
		return nil
	}
	return &problemError{status: http.StatusBadRequest, detail: "the request is not JSON: " + err.Error()}
}

// escapePointer is RFC 6901's.
func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
