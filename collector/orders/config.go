package orders

import (
	"fmt"
	"time"
)

// Config of the order listener.
type Config struct {
	Listen string `koanf:"listen" doc:"address of the order listener, apart from the one for clicks; put TLS in front of it where it is not the loopback"`
	Dir    string `koanf:"dir" doc:"directory of the index of orders already received (orders-index.db) and of the socket of imports (orders.sock)"`
}

// DefaultConfig gives the defaults; Dir is the role's to set.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:8601"} }

// Validate says what can't work.
func (c *Config) Validate() error {
	if c.Listen == "" {
		return fmt.Errorf("checking listen: %w: it is empty", ErrConfig)
	}
	if c.Dir == "" {
		return fmt.Errorf("checking dir: %w: it is empty", ErrConfig)
	}
	return nil
}

// Limits of the listener. They are no configuration: a client relies on them.
const (
	// MaxRequestBytes of a body: 500 lines (order.MaxLines) of the usual length.
	MaxRequestBytes = 64 << 10
	// maxHeadBytes of a request's head: the three headers and what proxies add.
	maxHeadBytes = 8 << 10
	// readTimeout covers head and body: 64 KiB pass any line in a second.
	readTimeout = 10 * time.Second
	// writeTimeout: an answer is below 2 KiB.
	writeTimeout = 10 * time.Second
	// idleTimeout is longer than the idle time of common proxies' pools (60 s),
	// so that the proxy closes first and no request meets a closed connection.
	idleTimeout = 75 * time.Second
	// maxConnections: orders come from servers that keep connections open.
	maxConnections = 1024
	// maxImports at once: each has one connection, and they share one disk.
	maxImports = 16
	// importTimeout of one batch: a thousand look-ups and a sync take a second.
	importTimeout = 30 * time.Second
	// answerTimeout is how long an answer waits for the disk. A client that
	// gave up earlier gets the same answer by sending again.
	answerTimeout = 8 * time.Second
	// drainTimeout of a stop: longer than answerTimeout. A batch of an import that
	// takes longer is cut off, and sent again.
	drainTimeout = 10 * time.Second
	// retryAfterSeconds of a 503: a full disk isn't cleared in less.
	retryAfterSeconds = 10
	// maxUnindexed is how many orders may wait for the index, which then has
	// a fault: 64 Ki of them are 20 MiB. Beyond it orders are refused (503).
	maxUnindexed = 64 << 10
	// batchEntries of one transaction of the index: it holds the disk for ms.
	batchEntries = 1000
	// idleCheckpoint: heartbeats alone fill a segment too; hourly it is 100 KiB
	// to read again at a start.
	idleCheckpoint = time.Hour
	// indexRetry is the pause after the index failed.
	indexRetry = time.Second
	// lingerBytes and lingerTimeout bound what is read, to no use, of a body
	// that was refused for its length, so that the client sees the answer.
	lingerBytes   = 8 << 20
	lingerTimeout = 2 * time.Second
	// acceptRetry is the pause after no connection could be accepted, as when
	// there are no file descriptors left.
	acceptRetry = 50 * time.Millisecond
)
