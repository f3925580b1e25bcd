package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

// assets are files that a browser keeps for ever: their names change with their
// content.
type assets struct {
	byName map[string]asset  // by the name in the URL
	names  map[string]string // by the file's
}

type asset struct {
	media   string
	plain   []byte
	gzipped []byte // nil where it saves nothing
}

func newAssets() (*assets, error) {
	a := &assets{byName: map[string]asset{}, names: map[string]string{}}
	// Style sheets name fonts, so fonts come first.
	for _, extension := range []string{".woff2", ".svg", ".js", ".css"} {
		err := fs.WalkDir(static, "static", func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(file) != extension {
				return err
			}
			text, err := static.ReadFile(file)
			if err != nil {
				return err
			}
			return a.add(path.Base(file), text)
		})
		if err != nil {
			return nil, fmt.Errorf("reading the dashboard's files: %w", err)
		}
	}
	return a, nil
}

func (a *assets) add(file string, text []byte) error {
	media := map[string]string{".woff2": "font/woff2", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}[path.Ext(file)]
	if path.Ext(file) == ".css" {
		for from, to := range a.names {
			text = bytes.ReplaceAll(text, []byte("url("+from+")"), []byte("url("+to+")"))
		}
	}
	sum := sha256.Sum256(text)
	name := strings.TrimSuffix(file, path.Ext(file)) + "." + base64.RawURLEncoding.EncodeToString(sum[:9]) + path.Ext(file)
	it := asset{media: media, plain: text}
	if media != "font/woff2" {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return fmt.Errorf("compressing %s: %w", file, err)
		}
		if _, err := z.Write(text); err != nil {
			return fmt.Errorf("compressing %s: %w", file, err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("compressing %s: %w", file, err)
		}
		it.gzipped = b.Bytes()
	}
	a.byName[name], a.names[file] = it, name
	return nil
}

// url is where a file is served.
func (a *assets) url(file string) (string, error) {
	name, ok := a.names[file]
	if !ok {
		return "", fmt.Errorf("there is no file %s", file)
	}
	return "/assets/" + name, nil
}

func (w *Web) serveAsset(rw http.ResponseWriter, r *http.Request) {
	it, ok := w.assets.byName[r.PathValue("name")]
	if !ok {
		w.fail(rw, r, errNotThere)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", it.media)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := it.plain
	if it.gzipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = it.gzipped
	}
	if _, err := rw.Write(body); err != nil {
		w.log.Info("a file was not taken whole", "error", err)
	}
}
