package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"footfall/collector/orders"
	"footfall/internal/ops"
	"footfall/schemas/admin"
	"footfall/schemas/imports"
	"footfall/schemas/order"
)

// orderImport is one import of orders or refunds.
type orderImport struct {
	importOptions
	kind   string
	zone   *time.Location
	file   *importFile
	socket string
	ask    exchange
	result admin.ImportResult
	faults imports.Faults
}

// importOrders checks the whole file with the collector, and only then has it
// store it. Stopped in between, the same file stores the rest: what is stored
// already is unchanged.
func (e *env) importOrders(c *cobra.Command, kind, name string, o importOptions) (err error) {
	zone, err := o.location()
	if err != nil {
		return err
	}
	s, err := e.settings()
	if err != nil {
		return err
	}
	file, err := e.openImport(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	im := &orderImport{
		importOptions: o, kind: kind, zone: zone, file: file, socket: orders.ImportSocket(s.Collector.Orders.Dir),
		result: admin.ImportResult{Kind: kind, DryRun: o.dryRun},
	}
	transport := &http.Transport{DialContext: im.dial}
	defer transport.CloseIdleConnections()
	im.ask = transport.RoundTrip
	err = im.check(c.Context())
	if err == nil && len(im.faults.List) == 0 && !o.dryRun && im.result.Added+im.result.Changed > 0 {
		err = im.store(c.Context())
	}
	file.shows.end()
	switch {
	case err != nil:
		return err
	case len(im.faults.List) > 0:
		return e.refuseImport(o.format, im.result, &im.faults)
	}
	return e.showImport(o.format, im.result)
}

func (im *orderImport) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := ops.DialSocket(ctx, im.socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no collector takes orders on this data: start \"footfall all\" or \"footfall collector\" first (%w)", err)
	}
	return conn, err
}

// check is the first pass: nothing is stored.
func (im *orderImport) check(ctx context.Context) (err error) {
	seen, err := newVersions()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, seen.close()) }()
	err = im.pass(ctx, "checking", true, func(docs *imports.Documents, batch []*imports.Document, results []order.BatchResult) error {
		for i, r := range results {
			switch r.Status {
			case order.BatchRefused, order.BatchConflict:
				if !im.faults.Add(docs.Fault(batch[i], r.Pointer, r.Detail)) {
					return errEnough
				}
			default:
				if err := seen.note(batch[i], r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) || len(im.faults.List) > 0 {
		return unless(err, errEnough)
	}
	var sum tally
	if sum, im.faults, err = seen.compare(); err != nil {
		return err
	}
	im.result.Added, im.result.Changed, im.result.Unchanged = sum.added, sum.changed, sum.unchanged
	return nil
}

// errEnough ends a pass that has found enough faults.
var errEnough = errors.New("enough faults")

func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// store is the second pass. What it meets was taken in the first one, unless
// somebody else sent it otherwise meanwhile.
func (im *orderImport) store(ctx context.Context) error {
	return im.pass(ctx, "importing", false, func(docs *imports.Documents, batch []*imports.Document, results []order.BatchResult) error {
		for i, r := range results {
			if r.Status != order.BatchStored && r.Status != order.BatchRepeated {
				return fmt.Errorf("the import stopped half way, as something was changed while it ran: %w\nimport the same file again to see what is left", docs.Fault(batch[i], r.Pointer, r.Detail))
			}
		}
		return nil
	})
}

// pass reads the file and sends it batch by batch; each gets what became of one.
func (im *orderImport) pass(ctx context.Context, what string, dryRun bool, each func(*imports.Documents, []*imports.Document, []order.BatchResult) error) error {
	reader, err := im.file.pass(what)
	if err != nil {
		return err
	}
	open := imports.Orders
	if im.kind == "refunds" {
		open = imports.Refunds
	}
	docs, err := open(reader, im.zone)
	if err != nil {
		return im.note(err)
	}
	query := url.Values{"organizer": {im.organizer}, "dry_run": {fmt.Sprint(dryRun)}}
	var batch []*imports.Document
	var body bytes.Buffer
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		results, err := im.send(ctx, query, body.Bytes(), len(batch))
		if err == nil {
			err = each(docs, batch, results)
		}
		batch = batch[:0]
		body.Reset()
		return err
	}
	for {
		doc, err := docs.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if err = im.note(err); err != nil {
				return err
			}
			continue
		}
		if len(batch) == order.MaxBatch || body.Len()+len(doc.JSON)+1 > order.MaxBatchBytes {
			if err := send(); err != nil {
				return err
			}
		}
		batch = append(batch, doc)
		body.Write(doc.JSON)
		body.WriteByte('\n')
	}
	im.result.Rows = docs.Rows
	return send()
}

// note keeps a fault of the file; the error says to stop reading.
func (im *orderImport) note(err error) error {
	fault, ok := asFault(err)
	if !ok {
		return fmt.Errorf("reading the file to import: %w", err)
	}
	if !im.faults.Add(fault) {
		return errEnough
	}
	return nil
}

// send asks the collector about a batch.
func (im *orderImport) send(ctx context.Context, query url.Values, body []byte, documents int) ([]order.BatchResult, error) {
	var answer order.BatchAnswer
	err := im.ask.send(ctx, http.MethodPost, "/v1/imports/"+im.kind+"?"+query.Encode(), "application/x-ndjson", bytes.NewReader(body), &answer)
	if err != nil {
		return nil, fmt.Errorf("asking the collector: %w", err)
	}
	if len(answer.Results) != documents {
		return nil, fmt.Errorf("asking the collector: it answered for %d documents of %d: do both run the same release?", len(answer.Results), documents)
	}
	return answer.Results, nil
}
