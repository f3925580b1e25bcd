package routes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"footfall/schemas/routes"
)

// keyLife is how long a day's key lives after its day (semantics.md, privacy).
const keyLife = 48 * time.Hour

// expireEvery is how often day keys are looked at: a fraction of keyLife.
const expireEvery = 10 * time.Minute

// saveShare bounds the part of the time that saving may take: after a save of
// one second the next one waits at least twenty, however often routes change.
const saveShare = 20

// save writes the copy of the routes when they have changed, at most every
// Config.SaveSeconds, and once more at the stop.
func (t *Table) save(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return t.saveRoutes()
		case <-t.changed:
		}
		if err := t.saveRoutes(); err != nil {
			t.deps.Log.Error("copy of the routes can't be written", "path", t.routesPath(), "error", err)
			t.again()
		}
		sleep(ctx, max(time.Duration(t.config.SaveSeconds)*time.Second, saveShare*t.saveTime))
	}
}

// again has the copy written at the next turn, whatever the routes do.
func (t *Table) again() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *Table) saveRoutes() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.View()
	if v.revision == t.saved {
		return nil
	}
	began := t.deps.Clock()
	if err := routes.Replace(t.routesPath(), 0o640, func(w io.Writer) error { return v.write(w) }); err != nil {
		t.metrics.copyErrors.WithLabelValues("save_routes").Inc()
		return fmt.Errorf("saving the routes: %w", err)
	}
	t.saved, t.saveTime = v.revision, t.deps.Clock().Sub(began)
	return nil
}

// useSecrets hands s on without the day keys that have lived. The caller holds mu.
func (t *Table) useSecrets(s routes.Secrets) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("checking secrets: %w", err)
	}
	before := len(s.DayKeys)
	s.DayKeys = t.living(s.DayKeys)
	if t.deps.OnSecrets != nil {
		if err := t.deps.OnSecrets(s); err != nil {
			return fmt.Errorf("using secrets: %w", err)
		}
	}
	t.metrics.keysExpired.Add(float64(before - len(s.DayKeys)))
	t.secrets = s
	return nil
}

// living gives the keys whose day ended less than keyLife ago, in memory of
// their own: the others are not kept behind the slice's end.
func (t *Table) living(keys []routes.DayKey) []routes.DayKey {
	now := t.deps.Clock()
	kept := make([]routes.DayKey, 0, len(keys))
	for _, k := range keys {
		day, err := time.Parse(routes.DayFormat, k.Day)
		if err == nil && now.Before(day.Add(24*time.Hour+keyLife)) {
			kept = append(kept, k)
		}
	}
	return kept
}

// expire overwrites day keys when their time has come.
func (t *Table) expire(ctx context.Context) {
	for ctx.Err() == nil {
		t.expireOnce()
		sleep(ctx, expireEvery)
	}
}

func (t *Table) expireOnce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	spent := func(s routes.Secrets) bool { return len(t.living(s.DayKeys)) < len(s.DayKeys) }
	// The copy may hold keys that the use of it has already left out.
	onDisk, err := routes.ReadSecrets(t.secretsPath())
	if t.secrets.Version == "" || (err == nil && !spent(onDisk) && !spent(t.secrets)) {
		return
	}
	before := len(t.secrets.DayKeys)
	if err := t.useSecrets(t.secrets); err != nil {
		t.deps.Log.Error("secrets without their expired keys refused", "error", err)
		return
	}
	t.deps.Log.Info("expired day keys overwritten", "in_use", before-len(t.secrets.DayKeys))
	t.saveSecrets()
}

// saveSecrets writes the copy of the secrets and overwrites the one before, so
// that an expired key is not left in a free block of the disk. A failure leaves
// the collector serving and is told. The caller holds mu.
func (t *Table) saveSecrets() {
	// One that could not be overwritten before would stand in this one's way.
	err := errors.Join(t.wipeExpired(), t.setAside(), routes.WriteSecrets(t.secretsPath(), t.secrets), t.wipeExpired())
	if err != nil {
		t.metrics.copyErrors.WithLabelValues("save_secrets").Inc()
		t.deps.Log.Error("copy of the secrets can't be written", "path", t.secretsPath(), "error", err)
	}
}

func (t *Table) expiredPath() string { return t.secretsPath() + ".expired" }

// setAside gives the copy a second name, under which it can still be reached,
// and overwritten, when a new one has taken its place.
func (t *Table) setAside() error {
	err := os.Link(t.secretsPath(), t.expiredPath())
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("setting the old secrets aside: %w", err)
	}
	return nil
}

// wipeExpired overwrites the copy that was set aside, unless it still is the
// one in use: a crash may have come before its successor.
func (t *Table) wipeExpired() error {
	old, err := os.Stat(t.expiredPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for expired secrets: %w", err)
	}
	if now, err := os.Stat(t.secretsPath()); err != nil || os.SameFile(old, now) {
		// Only the second name goes; without a successor the copy stays.
		if err == nil {
			return os.Remove(t.expiredPath())
		}
		return nil
	}
	return wipe(t.expiredPath())
}

// wipeHalfWritten ends what a crash left of copies that were being written: keys
// in it would be overwritten by nobody.
func (t *Table) wipeHalfWritten() error {
	secrets, err := routes.HalfWritten(t.secretsPath())
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range secrets {
		errs = append(errs, wipe(path))
	}
	tables, err := routes.HalfWritten(t.routesPath())
	for _, path := range tables {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(append(errs, err)...)
}

// wipe overwrites a file of secrets, and removes it.
func wipe(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("opening expired secrets: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Remove(path)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("sizing expired secrets: %w", err)
	}
	if _, err := f.Write(make([]byte, info.Size())); err != nil {
		return fmt.Errorf("overwriting expired secrets: %w", err)
	}
	return f.Sync()
}
