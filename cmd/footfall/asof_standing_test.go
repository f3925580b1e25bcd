package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"footfall/reporter"
)

// How the lake stands, worked out again from the files of its log by the words of
// the rules, with nothing of the product's:
//
//   - the watermark is the smallest of the open source logs' newest known_at;
//   - complete to is the smallest, over the open source logs and all shards of the
//     epoch that is being written (and of one before it that is not at its end yet),
//     of the last heartbeat before any gap, never above its commit's known_at.

// standing is one look at the log.
type standing struct {
	watermarkUS, newestUS int64
	completeMS            int64 // 0: unknown
	open, closed          int   // source logs
	lags                  bool  // complete to is before the newest commit by more than it may be idle
}

// commitText is what is looked at of an entry.
type commitText struct {
	Body struct {
		KnownAt int64     `json:"known_at"`
		Closed  *struct{} `json:"closed"`
		State   *struct {
			Epochs []struct {
				Closed bool `json:"closed"`
				Shards []struct {
					HeartbeatMS int64 `json:"heartbeat_ms"`
				} `json:"shards"`
			} `json:"epochs"`
		} `json:"state"`
	} `json:"body"`
}

func standingOf(root string) (s standing, err error) {
	logs, err := filepath.Glob(filepath.Join(root, "_log", "c*-*"))
	if err != nil {
		return s, err
	}
	for _, log := range logs {
		if !strings.HasSuffix(log, "-visits") && !strings.HasSuffix(log, "-orders") {
			continue
		}
		entries, err := filepath.Glob(filepath.Join(log, "*.json"))
		if err != nil || len(entries) == 0 {
			return s, errors.Join(err, fmt.Errorf("%s has no entry", log))
		}
		sort.Strings(entries)
		text, err := os.ReadFile(entries[len(entries)-1])
		if err != nil {
			return s, err
		}
		var newest commitText
		if err := json.Unmarshal(text, &newest); err != nil {
			return s, err
		}
		s.newestUS = max(s.newestUS, newest.Body.KnownAt)
		if newest.Body.Closed != nil {
			s.closed++
			continue
		}
		complete := int64(0)
		if newest.Body.State != nil {
			complete = newest.Body.KnownAt / 1000
			epochs := newest.Body.State.Epochs
			for i, e := range epochs {
				for _, shard := range e.Shards {
					if i == len(epochs)-1 || !e.Closed {
						complete = min(complete, shard.HeartbeatMS)
					}
				}
			}
		}
		if s.open == 0 {
			s.watermarkUS, s.completeMS = newest.Body.KnownAt, complete
		}
		s.open++
		s.watermarkUS, s.completeMS = min(s.watermarkUS, newest.Body.KnownAt), min(s.completeMS, complete)
	}
	s.lags = s.completeMS < s.newestUS/1000-2*recountCommitMS
	return s, nil
}

// stands compares it with what reports say: one at the watermark is settled, one a
// microsecond later is not.
func (w *asOfWorld) stands(ctx context.Context) error {
	root := reporter.LakeDir(w.data)
	return w.until(ctx, "reports to say how the lake stands", func() error {
		s, err := standingOf(root)
		if err != nil {
			return err
		}
		complete := "unknown"
		if s.completeMS != 0 {
			complete = time.UnixMilli(s.completeMS).UTC().Format(time.RFC3339Nano)
		}
		for asOf, want := range map[int64]string{s.watermarkUS: "true " + complete, s.watermarkUS + 1: "false " + complete} {
			said, err := w.said(ctx, asOf)
			if err != nil {
				return err
			}
			if said != want {
				return fmt.Errorf("as of %d, watermark %d, a report says %s, the log's entries say %s", asOf, s.watermarkUS, said, want)
			}
		}
		if now, err := standingOf(root); err != nil || now != s {
			return errors.Join(err, fmt.Errorf("the log went on from %+v to %+v", s, now))
		}
		w.stood = append(w.stood, s)
		return nil
	})
}

// said is what a report says of settled and complete.
func (w *asOfWorld) said(ctx context.Context, asOfUS int64) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://footfall/v1/report?organizer="+w.list[0].slug+"&as_of="+strconv.FormatInt(asOfUS, 10), http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := askHandler(w.product.rep.Handler())(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", answer.StatusCode, body)
	}
	return answer.Header.Get("Footfall-Settled") + " " + answer.Header.Get("Footfall-Complete-To"), errors.Join(err, answer.Body.Close())
}
