package orders

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/valyala/fasthttp"

	"footfall/schemas/order"
)

// Imports come over a unix socket in the collector's directory, which is as good
// as a signature: only the user whom the journal belongs to can connect. A batch
// takes the way of signed requests, document by document, with one sync.
const (
	socketFile = "orders.sock"

	pathImportOrders  = "/v1/imports/orders"
	pathImportRefunds = "/v1/imports/refunds"
)

// ImportSocket is where a collector with its orders in dir takes imports.
func ImportSocket(dir string) string { return filepath.Join(dir, socketFile) }

// importing is the second listener.
type importing struct {
	path   string
	ln     net.Listener
	server *fasthttp.Server
}

func (o *Orders) newImporting() *importing {
	return &importing{path: ImportSocket(o.config.Dir), server: &fasthttp.Server{
		Handler:               o.handleImport,
		ErrorHandler:          o.handleBroken("imports", order.MaxBatchBytes),
		Name:                  "footfall",
		Logger:                silence{},
		Concurrency:           maxImports,
		MaxRequestBodySize:    order.MaxBatchBytes,
		ReadBufferSize:        maxHeadBytes,
		ReadTimeout:           readTimeout,
		WriteTimeout:          writeTimeout,
		IdleTimeout:           idleTimeout,
		CloseOnShutdown:       true,
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
	}}
}

// serveImports answers until ctx ends; then it lets the batches under way finish.
func (o *Orders) serveImports(ctx context.Context) error {
	err := serveUntil(ctx, o.imports.server, o.imports.ln)
	if removing := os.Remove(o.imports.path); removing != nil && !errors.Is(removing, fs.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("removing the socket of imports: %w", removing))
	}
	return err
}

// handleImport answers one batch.
func (o *Orders) handleImport(ctx *fasthttp.RequestCtx) {
	start := o.deps.Clock()
	defer func() {
		if failure := recover(); failure != nil {
			o.panicked(ctx, failure)
		}
		o.metrics.requests.WithLabelValues("imports", strconv.Itoa(ctx.Response.StatusCode())).Inc()
		o.metrics.seconds.Observe(o.deps.Clock().Sub(start).Seconds())
	}()
	var read reading
	switch string(ctx.Request.URI().PathOriginal()) {
	case pathImportOrders:
		read = o.readOrder
	case pathImportRefunds:
		read = o.readRefund
	default:
		newProblem(fasthttp.StatusNotFound, "not_found", "There is nothing here", "Imports go to "+pathImportOrders+" and "+pathImportRefunds+".").write(ctx)
		return
	}
	if !ctx.IsPost() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, fasthttp.MethodPost)
		newProblem(fasthttp.StatusMethodNotAllowed, "method", "Only POST is answered here", "").write(ctx)
		return
	}
	answer, bad := o.importBatch(ctx, read)
	if bad != nil {
		o.count(bad)
		bad.write(ctx)
		return
	}
	// It can't fail: there is nothing in it but valid text and integers.
	body, _ := json.Marshal(answer)
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
}

// importBatch reads every document before it stores one; where one can't be
// taken, none is.
func (o *Orders) importBatch(rc *fasthttp.RequestCtx, read reading) (*order.BatchAnswer, *problem) {
	slug := string(rc.QueryArgs().Peek("organizer"))
	organizer, ok := o.deps.Catalog.Organizer(slug)
	if slug == "" {
		organizer, ok = o.deps.Catalog.OnlyOrganizer()
	}
	if !ok {
		return nil, invalid("/organizer", "say which organizer: the collector knows none that is %q", slug)
	}
	lines := bytes.Split(bytes.TrimSuffix(rc.PostBody(), []byte("\n")), []byte("\n"))
	if len(lines) > order.MaxBatch {
		return nil, newProblem(fasthttp.StatusRequestEntityTooLarge, "too_large", "The batch is too large", fmt.Sprintf("A batch may have %d documents.", order.MaxBatch))
	}
	answer := &order.BatchAnswer{Results: make([]order.BatchResult, len(lines))}
	documents := make([]document, len(lines))
	for i, line := range lines {
		var bad *problem
		if len(line) > MaxRequestBytes {
			bad = invalid("", "it is longer than %d bytes", MaxRequestBytes)
		} else {
			documents[i], bad = read(line, organizer)
		}
		switch {
		case bad == nil:
			answer.Results[i].Status = order.BatchNew
		case bad.Status >= fasthttp.StatusInternalServerError:
			return nil, bad
		default:
			o.count(bad)
			answer.Refused = true
			answer.Results[i] = order.BatchResult{Status: order.BatchRefused, Pointer: bad.Pointer, Detail: bad.Detail}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), importTimeout)
	defer cancel()
	if answer.Refused || rc.QueryArgs().GetBool("dry_run") {
		return answer, o.look(ctx, documents, answer)
	}
	return answer, o.storeBatch(ctx, documents, answer)
}

// look says what storing would do. What is in the same batch twice is new twice.
func (o *Orders) look(ctx context.Context, documents []document, answer *order.BatchAnswer) *problem {
	for i, in := range documents {
		if in == nil {
			continue
		}
		e, _ := entryFor(in)
		was, err := o.ledger.find(ctx, e.key)
		if err != nil {
			return o.unavailable(err)
		}
		if was != nil {
			if bad := o.sameAs(was, e, in, &answer.Results[i]); bad != nil {
				return bad
			}
			continue
		}
		if answer.Results[i].Known, err = o.index.known(ctx, e.key); err != nil {
			return o.unavailable(err)
		}
	}
	return nil
}

// sameAs says whether a document is what was stored before.
func (o *Orders) sameAs(was, e *entry, in document, result *order.BatchResult) *problem {
	same, bad := o.compare(was, e, in)
	if bad != nil {
		return bad
	}
	result.Status = order.BatchRepeated
	if !same {
		p := conflict(e.key, was.fingerprint, e.fingerprint)
		*result = order.BatchResult{Status: order.BatchConflict, Pointer: p.Pointer, Detail: p.Detail}
	}
	return nil
}

// storeBatch appends what is new and waits until all of it is durable. A document
// that conflicts with what came meanwhile is named, and changes nothing.
func (o *Orders) storeBatch(ctx context.Context, documents []document, answer *order.BatchAnswer) *problem {
	entries := make([]*entry, len(documents))
	for i, in := range documents {
		e, future := entryFor(in)
		stored, repeated, err := o.ledger.put(ctx, *e, in.Append(nil))
		if err != nil {
			return o.unavailable(err)
		}
		entries[i] = stored
		if repeated {
			if bad := o.sameAs(stored, e, in, &answer.Results[i]); bad != nil {
				return bad
			}
			answer.Refused = answer.Refused || answer.Results[i].Status == order.BatchConflict
			continue
		}
		answer.Results[i].Status = order.BatchStored
		if future {
			o.metrics.future.WithLabelValues(kindName(e.key.kind)).Inc()
		}
	}
	o.afterAppend()
	// The last one's sync is all of theirs.
	for _, e := range slices.Backward(entries) {
		if err := o.ledger.durable(ctx, e); err != nil {
			return o.unavailable(err)
		}
	}
	o.afterSync()
	for i, e := range entries {
		switch status := answer.Results[i].Status; status {
		case order.BatchStored, order.BatchRepeated:
			o.metrics.imported.WithLabelValues(kindName(e.key.kind), status).Inc()
		case order.BatchConflict:
			o.metrics.refused.WithLabelValues("conflict").Inc()
		}
	}
	// An import is not faster than the index, so that it never keeps signed
	// orders from being taken. What the index could not write is tried again.
	if err := o.ledger.flush(ctx); err != nil {
		o.metrics.indexErrors.WithLabelValues("write").Inc()
		if o.lines.allow("index") {
			o.deps.Log.Error("writing the index of orders failed, orders stay in the journal and it is tried again", "error", err)
		}
		o.ledger.rouse()
	}
	return nil
}

func kindName(kind uint8) string {
	if kind == KindRefund {
		return "refund"
	}
	return "order"
}

func (o *Orders) panicked(ctx *fasthttp.RequestCtx, failure any) {
	o.metrics.panics.Inc()
	o.deps.Log.Error("request of the order listener panicked", "panic", fmt.Sprint(failure), "stack", string(debug.Stack()))
	ctx.Response.Reset()
	newProblem(fasthttp.StatusInternalServerError, "internal", "It can't be answered", "Send the same again later.").write(ctx)
	ctx.SetConnectionClose()
}
