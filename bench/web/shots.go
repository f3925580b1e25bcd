package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// shot is one picture of the documentation.
type shot struct {
	name, path    string
	width, height int64
	dark          bool
}

func shots() []shot {
	const o = "/o/" + organizer
	return []shot{
		{"performance", o + "/performance?range=28d", 1440, 900, false},
		{"performance-dark", o + "/performance?range=28d", 1440, 900, true},
		{"performance-phone", o + "/performance?range=28d", 390, 844, false},
		{"code", o + "/codes/" + code, 1440, 900, false},
	}
}

// mostBytes of a picture: a clone stays quick.
const mostBytes = 150 << 10

// errHeavy is returned for a picture that is too large to be kept.
var errHeavy = errors.New("the picture is too large")

// screenshots takes every picture into a folder.
func screenshots(ctx context.Context, p *product, dir string, out io.Writer) (err error) {
	profile, err := os.MkdirTemp("", "footfall-profile-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(profile)) }()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	allocated, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))...)
	defer stop()
	tab, closeTab := chromedp.NewContext(allocated)
	defer closeTab()
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		return fmt.Errorf("starting Chromium: %w", err)
	}
	at := &url.URL{Scheme: "http", Host: p.web, Path: "/"}
	for _, c := range p.client.Jar.Cookies(at) {
		if _, err := chromedp.Call(tab, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: at.String()}); err != nil {
			return fmt.Errorf("signing the browser in: %w", err)
		}
	}
	for _, s := range shots() {
		picture, err := s.take(tab, p)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, s.name+".png")
		if len(picture) > mostBytes {
			return fmt.Errorf("%w: %s of %d bytes, at most %d", errHeavy, path, len(picture), mostBytes)
		}
		if err := os.WriteFile(path, picture, 0o644); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("keeping a picture: %w", err)
		}
		if _, err := fmt.Fprintf(out, "%s, %d bytes\n", path, len(picture)); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return nil
}

// take opens a page at a size, and takes its picture once its font is there.
func (s shot) take(tab context.Context, p *product) ([]byte, error) {
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	if err := call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.width < 500}); err != nil {
		return nil, err
	}
	if err := call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		return nil, err
	}
	if err := chromedp.Do(tab, chromedp.Navigate("http://"+p.web+s.path), chromedp.WaitReady(chromedp.CSS("main h1"))); err != nil {
		return nil, fmt.Errorf("opening %s: %w", s.path, err)
	}
	if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.fonts.ready.then(() => true)`, chromedp.EvalAwaitPromise)); err != nil {
		return nil, fmt.Errorf("waiting for the font of %s: %w", s.path, err)
	}
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return nil, fmt.Errorf("taking the picture of %s: %w", s.path, err)
	}
	return picture, nil
}

// call sends a command that has no action.
func call[P, R any](tab context.Context, command cdp.Command[P, R], params P) error {
	if _, err := chromedp.Call(tab, command, params); err != nil {
		return fmt.Errorf("telling Chromium: %w", err)
	}
	return nil
}
