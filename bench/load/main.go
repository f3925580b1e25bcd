// Load sends a constant rate of visits, and signed orders and refunds beside
// them, to a product on this machine, and writes what was answered into a
// ledger. See package generator for what it promises.
//
// With --expect it sends nothing, and prints what a report must show after the
// run that a ledger is of.
//
//	go run ./bench/load --world world.json --visits-url http://127.0.0.1:8080 --orders-url http://127.0.0.1:8081 --ledger run.jsonl
//	go run ./bench/load --ledger run.jsonl --expect affiliate
package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"footfall/bench/ledger"
	"footfall/bench/load/generator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2) //nolint:gocritic // stop only restores the signals
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errUsage = errors.New("see --help")

func run(ctx context.Context, args []string, out, log io.Writer) error {
	config := generator.Defaults()
	var worldPath, ledgerPath, expect string
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&worldPath, "world", "", "JSON `file` of organizers (with secrets), events and codes")
	f.StringVar(&ledgerPath, "ledger", "ledger.jsonl", "`file` to make; must not exist, but for --expect")
	f.StringVar(&expect, "expect", "", "print what a report by affiliate, code, event or day must show, and send nothing")
	f.StringVar(&config.VisitsURL, "visits-url", "", "base `URL` of the click listener, on a loopback address")
	f.StringVar(&config.OrdersURL, "orders-url", "", "base `URL` of the order listener, on a loopback address")
	f.Uint64Var(&config.Seed, "seed", config.Seed, "what is sent follows from it; order ids too, so take another for a product that has seen this one")
	f.IntVar(&config.Visits, "visits", config.Visits, "visits in all")
	f.Float64Var(&config.VisitsASecond, "rate", config.VisitsASecond, "visits a second")
	f.IntVar(&config.Orders, "orders", config.Orders, "orders in all, spread over the visits' time")
	f.IntVar(&config.Refunds, "refunds", config.Refunds, "refunds in all")
	f.IntVar(&config.Connections, "connections", config.Connections, "connections to each listener")
	f.IntVar(&config.TimeoutMS, "timeout-ms", config.TimeoutMS, "milliseconds that an answer may take")
	f.IntVar(&config.GiveUpSeconds, "give-up-seconds", config.GiveUpSeconds, "seconds for which an order without an answer is sent again")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if expect != "" && f.NArg() == 0 {
		return printExpected(ledgerPath, ledger.By(expect), out)
	}
	if worldPath == "" || f.NArg() > 0 {
		return fmt.Errorf("%w: --world is needed, and nothing besides flags is taken", errUsage)
	}
	world, err := os.ReadFile(worldPath)
	if err != nil {
		return fmt.Errorf("reading world: %w", err)
	}
	if err := json.Unmarshal(world, &config.World); err != nil {
		return fmt.Errorf("reading world %s: %w", worldPath, err)
	}
	return send(ctx, config, ledgerPath, out, log)
}

// send runs the load and prints the summary.
func send(ctx context.Context, config generator.Config, path string, out, log io.Writer) (err error) {
	writer, err := ledger.Create(path, ledger.Header{Seed: config.Seed, StartedUS: time.Now().UnixMicro(), World: config.World})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	g, err := generator.New(config, generator.Deps{
		Clock: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)), Ledger: writer,
	})
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	summary, err := g.Run(ctx)
	if _, printed := fmt.Fprint(out, summary); printed != nil {
		err = errors.Join(err, printed)
	}
	if err != nil {
		return err // the ledger stays without its end
	}
	return writer.End(summary)
}

// printExpected prints a ledger's expectation as CSV, a least and a most of
// each figure.
func printExpected(path string, by ledger.By, out io.Writer) error {
	if !slices.Contains([]ledger.By{ledger.ByAffiliate, ledger.ByCode, ledger.ByEvent, ledger.ByDay}, by) {
		return fmt.Errorf("%w: --expect affiliate, code, event or day", errUsage)
	}
	l, err := ledger.Read(path)
	if err != nil {
		return err
	}
	e, err := ledger.Reconcile(l.Records, l.Header.World)
	if err != nil {
		return err
	}
	w := csv.NewWriter(out)
	rows := [][]string{{
		"organizer", string(by), "event", "currency", "requests_min", "requests_max", "visits_min", "visits_max", "orders_min", "orders_max",
		"tickets_min", "tickets_max", "sales_min", "sales_max", "refunds_min", "refunds_max",
	}}
	for _, r := range e.Rows(by) {
		name := r.Key.Affiliate + r.Key.Code + r.Key.Day // one of them is set
		row := []string{r.Key.Organizer, name, r.Key.Event, r.Key.Currency}
		for _, n := range []int64{
			r.Min.Requests, r.Max.Requests, r.Min.Visits, r.Max.Visits, r.Min.Orders, r.Max.Orders,
			r.Min.Tickets, r.Max.Tickets, r.Min.Sales, r.Max.Sales, r.Min.Refunds, r.Max.Refunds,
		} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}
