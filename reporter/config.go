package reporter

import (
	"path/filepath"

	"footfall/reporter/api"
	"footfall/reporter/catalog"
	"footfall/reporter/lake"
	"footfall/reporter/publish"
	"footfall/reporter/web"
)

// Config is the reporter role's.
type Config struct {
	// Dir is the data directory; the lake is in it.
	Dir string `koanf:"-"`

	API     api.Config     `koanf:"api"`
	Catalog catalog.Config `koanf:"catalog"`
	Lake    lake.Config    `koanf:"lake"`
	Publish publish.Config `koanf:"publish"`
	Web     web.Config     `koanf:"web"`
}

// DefaultConfig is the role's defaults without its place.
func DefaultConfig() Config {
	return Config{API: api.DefaultConfig(), Catalog: catalog.DefaultConfig(), Lake: lake.DefaultConfig(), Publish: publish.DefaultConfig(), Web: web.DefaultConfig()}
}

// Place puts everything below a data directory. Configuration may move a part
// elsewhere afterwards.
func (c *Config) Place(dir string) {
	c.Dir = dir
	c.Catalog.Dir = dir
	c.Lake.TempDir = filepath.Join(dir, "tmp")
	c.API.TempDir = filepath.Join(dir, "tmp")
}

// LakeDir is the root of the lake below a data directory.
func LakeDir(dir string) string { return filepath.Join(dir, "lake") }

// SocketPath is the reporter's unix socket in a data directory: mode 0600, so
// whoever may read the catalog's files may ask it.
func SocketPath(dir string) string { return filepath.Join(dir, "footfall.sock") }
