package routes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"footfall/internal/ops"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// HTTPFeedConfig says where the reporter's control listener is.
type HTTPFeedConfig struct {
	URL    string `koanf:"url" doc:"Control listener of the reporter, such as https://reporter.example:8643; http only on loopback."`
	Token  string `koanf:"token" secret:"true" doc:"Token that enrolling this collector printed."`
	CAFile string `koanf:"ca_file" doc:"PEM file of the authority that signed the reporter's certificate; empty: the system's."`
}

// Limits of an answer. A reporter gone wrong must not take the collector's
// memory with it.
const (
	maxRoutesBytes  = 1 << 30
	maxSecretsBytes = 8 << 20
	// waitSeconds is how long the reporter holds a question that has no news:
	// shorter than the minute after which proxies cut idle connections.
	waitSeconds = 30
	noNewsPause = 50 * time.Millisecond
	// graceSeconds is what an answer may take beyond that.
	graceSeconds = 30
)

// HTTPFeed is the feed over the reporter's control listener. It is safe for
// concurrent use and never puts its token into an error or a log.
type HTTPFeed struct {
	base   *url.URL
	token  string
	client *http.Client
}

// NewHTTPFeed checks the configuration and connects to nothing. Plain HTTP to
// anything but loopback is ErrInsecureFeed.
func NewHTTPFeed(config HTTPFeedConfig) (*HTTPFeed, error) {
	base, err := url.Parse(config.URL)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, fmt.Errorf("feed.url: want a URL like https://reporter.example:8643, not %q", config.URL)
	}
	switch {
	case base.Scheme == "http" && !ops.IsLoopbackHost(base.Hostname()):
		return nil, fmt.Errorf("feed.url: %w: use https for %s", ErrInsecureFeed, base.Host)
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("feed.url: want https, not %q", base.Scheme)
	case config.Token == "":
		return nil, errors.New("feed.token: want the token that enrolling this collector printed")
	case strings.ContainsAny(config.Token, "\r\n\t "):
		return nil, errors.New("feed.token: white space in it")
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if config.CAFile != "" {
		pem, err := os.ReadFile(config.CAFile)
		if err != nil {
			return nil, fmt.Errorf("feed.ca_file: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("feed.ca_file: no certificate in %s", config.CAFile)
		}
	}
	return &HTTPFeed{base: base, token: config.Token, client: &http.Client{
		// No proxy of the environment and no redirect gets to see the token.
		Transport: &http.Transport{
			TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second,
			IdleConnTimeout: 90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Routes asks until there is something newer than have.
func (f *HTTPFeed) Routes(ctx context.Context, have ids.Revision) (u routes.Update, err error) {
	query := url.Values{"wait": {strconv.Itoa(waitSeconds)}}
	if have != (ids.Revision{}) {
		query.Set("incarnation", have.Incarnation.String())
		query.Set("revision", strconv.FormatUint(have.Number, 10))
	}
	err = f.ask(ctx, "/control/v1/routes", query, maxRoutesBytes, func(body io.Reader) error {
		u, err = routes.Decode(body)
		return err
	})
	return u, err
}

// Secrets asks until the version differs from have.
func (f *HTTPFeed) Secrets(ctx context.Context, have string) (s routes.Secrets, err error) {
	query := url.Values{"wait": {strconv.Itoa(waitSeconds)}, "have": {have}}
	err = f.ask(ctx, "/control/v1/secrets", query, maxSecretsBytes, func(body io.Reader) error {
		// The decoder's own error could quote what it could not read.
		if json.NewDecoder(body).Decode(&s) != nil {
			return fmt.Errorf("%w: secrets that are no JSON", ErrFeed)
		}
		return nil
	})
	return s, err
}

// Covered asks once.
func (f *HTTPFeed) Covered(ctx context.Context) (c routes.Covered, err error) {
	err = f.ask(ctx, "/control/v1/covered", nil, maxSecretsBytes, func(body io.Reader) error {
		if err := json.NewDecoder(body).Decode(&c); err != nil {
			return fmt.Errorf("%w: covered marks: %w", ErrFeed, err)
		}
		return nil
	})
	return c, err
}

// ask repeats a question until it has an answer other than "no news".
func (f *HTTPFeed) ask(ctx context.Context, path string, query url.Values, limit int64, read func(io.Reader) error) error {
	for {
		answered, err := f.askOnce(ctx, path, query, limit, read)
		if answered || err != nil {
			return err
		}
		// A listener that does not hold the question must not be asked in a spin.
		sleep(ctx, noNewsPause)
	}
}

func (f *HTTPFeed) askOnce(ctx context.Context, path string, query url.Values, limit int64, read func(io.Reader) error) (answered bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, (waitSeconds+graceSeconds)*time.Second)
	defer cancel()
	where := f.base.JoinPath(path)
	where.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return false, fmt.Errorf("asking %s: %w", path, err)
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	answer, err := f.client.Do(request)
	if err != nil {
		return false, fmt.Errorf("asking %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	switch answer.StatusCode {
	case http.StatusOK:
		return true, read(io.LimitReader(answer.Body, limit))
	case http.StatusNoContent:
		return false, nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return false, fmt.Errorf("asking %s: %w: enrol it again", path, ErrToken)
	}
	return false, fmt.Errorf("asking %s: %w: status %d", path, ErrFeed, answer.StatusCode)
}
