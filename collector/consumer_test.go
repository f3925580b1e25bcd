package collector_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/collector"
	"footfall/schemas/lake/lakelog"
)

func TestConsumerThatCanNotGoOnClosesNoClickListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, with := range []bool{true, false} {
			root := t.TempDir()
			lake, err := lakelog.OpenDir(root)
			if err != nil {
				t.Fatal(err)
			}
			log := lakelog.VisitsLog(1)
			if err := errors.Join(lake.Open(log, lakelog.KindVisits, 1, 1), lake.Close(log, "retired", 2)); err != nil {
				t.Fatal(err)
			}
			c, err := collector.NewConsumer(collector.ConsumerConfig{
				Collector: 1, VisitsDir: root + "/visits", OrdersDir: root + "/orders", LakeDir: root,
				Consumer: collector.DefaultConsumer(), WithCollector: with,
			}, collector.ConsumerDeps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- c.Parts()[2].Run(ctx) }()
			synctest.Wait()
			if ended := len(done) == 1; ended == with {
				t.Errorf("with the collector: %v, ended: %v", with, ended)
			}
			if err := c.Checks()[0].Check(ctx); err == nil {
				t.Error("a consumer that ended is ready")
			}
			cancel()
			if err := <-done; !errors.Is(err, lakelog.ErrClosed) {
				t.Errorf("ended with %v", err)
			}
		}
	})
}
