package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"footfall/schemas/admin"
)

// demoSecretsFile keeps the demo's webhook secrets in the data directory, so
// that each start signs with the same ones.
const demoSecretsFile = "demo-secrets.json"

// asker sends one request to the reporter, as env.call does.
type asker func(ctx context.Context, method, path string, in, out any) error

// demoSetup makes the world's catalog, or finds the one that an earlier demo
// made, and gives each organizer's webhook secret. It never touches what is
// not the demo's: a slug that somebody else has is an error.
func demoSetup(ctx context.Context, ask asker, w *demoWorld, data string) (secrets map[string]string, err error) {
	for _, o := range w.Organizers {
		if err := demoOrganizerExists(ctx, ask, o); err != nil {
			return nil, fmt.Errorf("making organizer %s: %w", o.Slug, err)
		}
	}
	for i := range w.Events {
		if err := demoEventExists(ctx, ask, &w.Events[i]); err != nil {
			return nil, fmt.Errorf("making event %s: %w", w.Events[i].Slug, err)
		}
	}
	for _, o := range w.Organizers {
		if err := demoAffiliatesExist(ctx, ask, w, o.Slug); err != nil {
			return nil, fmt.Errorf("making the affiliates of %s: %w", o.Slug, err)
		}
	}
	for _, c := range w.Codes {
		if err := demoCodeExists(ctx, ask, c); err != nil {
			return nil, fmt.Errorf("making code %s: %w", c.Text, err)
		}
	}
	secrets, err = demoSecrets(data, w.Organizers)
	if err != nil {
		return nil, err
	}
	for _, o := range w.Organizers {
		if err := demoSecretExists(ctx, ask, o.Slug, secrets[o.Slug]); err != nil {
			return nil, fmt.Errorf("giving %s its webhook secret: %w", o.Slug, err)
		}
	}
	return secrets, nil
}

// taken tells a refusal because something is there already.
func taken(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.Status == http.StatusConflict
}

func demoOrganizerExists(ctx context.Context, ask asker, o demoOrganizer) error {
	err := ask(ctx, http.MethodPost, "/v1/organizers", admin.Organizer{Slug: o.Slug, Name: o.Name, Zone: o.Zone, Currency: o.Currency}, nil)
	if !taken(err) {
		return err
	}
	var have admin.Organizer
	if err := ask(ctx, http.MethodGet, "/v1/organizers/"+url.PathEscape(o.Slug), nil, &have); err != nil {
		return err
	}
	if have.Name != o.Name || have.Zone != o.Zone || have.Currency != o.Currency {
		return notDemos(have.Name)
	}
	return nil
}

// notDemos is the refusal to touch what is there for real.
func notDemos(name string) error {
	return fmt.Errorf("%q has that name and is not the demo's: run the demo with a --data of its own", name)
}

// demoEventExists also moves the dates and the destination of an event that an
// earlier demo made.
func demoEventExists(ctx context.Context, ask asker, e *demoEvent) error {
	start, end := e.Start.Format(time.RFC3339), e.End.Format(time.RFC3339)
	err := ask(ctx, http.MethodPost, "/v1/events", admin.EventAdd{
		Organizer: e.Organizer, Slug: e.Slug, Name: e.Name, Destination: e.Destination, Zone: e.Zone, Currency: e.Currency, Start: start, End: end,
	}, nil)
	if !taken(err) {
		return err
	}
	var have admin.Event
	path := "/v1/events/" + url.PathEscape(e.Slug)
	if err := ask(ctx, http.MethodGet, path, nil, &have); err != nil {
		return err
	}
	if have.Organizer != e.Organizer || have.Name != e.Name {
		return notDemos(have.Name)
	}
	if have.Destination == e.Destination && have.Start.Equal(e.Start) && have.End.Equal(e.End) {
		return nil
	}
	return ask(ctx, http.MethodPatch, path, admin.EventEdit{Destination: &e.Destination, Start: &start, End: &end}, nil)
}

func demoAffiliatesExist(ctx context.Context, ask asker, w *demoWorld, organizer string) error {
	have, err := listAll[admin.Affiliate](ctx, ask, "/v1/affiliates?organizer="+url.QueryEscape(organizer))
	if err != nil {
		return err
	}
	for _, a := range w.Affiliates {
		if a.Organizer != organizer || slices.ContainsFunc(have, func(h admin.Affiliate) bool { return h.Email == a.Email }) {
			continue
		}
		add := admin.AffiliateAdd{Organizer: a.Organizer, Name: a.Name, Nickname: a.Nickname, Email: a.Email}
		if err := ask(ctx, http.MethodPost, "/v1/affiliates", add, nil); err != nil {
			return err
		}
	}
	return nil
}

func demoCodeExists(ctx context.Context, ask asker, c demoCode) error {
	add := admin.CodeAdd{Organizer: c.Organizer, Event: c.Event, Text: c.Text, Affiliate: c.Affiliate}
	if err := ask(ctx, http.MethodPost, "/v1/codes", add, nil); err != nil && !taken(err) {
		return err
	}
	if !c.Paused {
		return nil
	}
	path := "/v1/codes/" + url.PathEscape(c.Text) + "/pause?" + url.Values{"organizer": {c.Organizer}, "event": {c.Event}}.Encode()
	if err := ask(ctx, http.MethodPost, path, nil, nil); err != nil && !taken(err) {
		return err
	}
	return nil
}

// demoSecretExists adds the secret unless the organizer has it.
func demoSecretExists(ctx context.Context, ask asker, organizer, secret string) error {
	have, err := listAll[admin.WebhookSecret](ctx, ask, "/v1/secrets?organizer="+url.QueryEscape(organizer))
	if err != nil {
		return err
	}
	for _, s := range have {
		if hint := strings.TrimPrefix(s.Hint, "…"); s.Ended == nil && strings.HasSuffix(secret, hint) {
			return nil
		}
	}
	in := map[string]string{"organizer": organizer, "secret": secret}
	return ask(ctx, http.MethodPost, "/v1/secrets", in, nil)
}

// demoSecrets reads the demo's webhook secrets, or draws and keeps them.
func demoSecrets(data string, organizers []demoOrganizer) (map[string]string, error) {
	path := filepath.Join(data, demoSecretsFile)
	secrets := map[string]string{}
	text, err := os.ReadFile(path) //nolint:gosec // below the data directory
	if err == nil {
		err = json.Unmarshal(text, &secrets)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	drawn := false
	for _, o := range organizers {
		if secrets[o.Slug] == "" {
			raw := make([]byte, 32)
			_, _ = rand.Read(raw) // never fails: it ends the process instead
			secrets[o.Slug] = "whsec_" + base64.StdEncoding.EncodeToString(raw)
			drawn = true
		}
	}
	if !drawn {
		return secrets, nil
	}
	if text, err = json.Marshal(secrets); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	if err := renameio.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return secrets, nil
}
