package edge

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/schemas/visit"
)

// metrics are counters whose labels come from the lists here alone: nothing of
// a request ever becomes one.
type metrics struct {
	visits    [visit.CodePaused + 1]prometheus.Counter
	ended     prometheus.Counter
	test      prometheus.Counter
	head      prometheus.Counter
	prefetch  prometheus.Counter
	repeated  prometheus.Counter
	gpc       prometheus.Counter
	refusedBy prometheus.Counter // consent=0

	lost        prometheus.Counter
	idsMissing  prometheus.Counter
	noDayKey    prometheus.Counter
	noCookieKey prometheus.Counter
	cookiesSet  prometheus.Counter
	unknown     map[string]prometheus.Counter // by answer
	redirects   prometheus.Counter
	responses   map[int]prometheus.Counter
	refused     map[string]prometheus.Counter

	panics       prometheus.Counter
	serverErrors prometheus.Counter
	acceptErrors prometheus.Counter
	connRefused  map[string]prometheus.Counter
	timeouts     map[string]prometheus.Counter
	connections  prometheus.Gauge
}

// Reasons of refusals, as they stand in the metrics.
const (
	refusedVersion = "http_version"
	refusedMethod  = "method"
	refusedBody    = "body"
	refusedFolded  = "folded_header"
	refusedHosts   = "host_count"
	refusedHost    = "host_not_allowed"
	refusedSize    = "head_too_large"
	refusedTimeout = "head_timeout"
	refusedSyntax  = "syntax"
	refusedBareLF  = "bare_lf"
	refusedExpect  = "expectation"
	refusedPath    = "no_link"
	refusedGone    = "client_gone"

	connTLS        = "tls"
	connPerAddress = "per_address"
	connLimit      = "limit"

	answerFallback = "fallback"
	answerPage     = "page"

	timeoutIdle  = "idle"
	timeoutHead  = "head"
	timeoutWrite = "write"
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	var registered []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		registered = append(registered, c)
		return c
	}
	vec := func(name, help, label string, values ...string) map[string]prometheus.Counter {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		registered = append(registered, v)
		out := make(map[string]prometheus.Counter, len(values))
		for _, value := range values {
			out[value] = v.WithLabelValues(value)
		}
		return out
	}
	m := &metrics{
		lost:       counter("footfall_edge_visits_lost_total", "Redirects whose visit the journal did not take: they carry no click id."),
		idsMissing: counter("footfall_edge_click_ids_missing_total", "Visits recorded without a click id: there was no key to mint with."),
		cookiesSet: counter("footfall_edge_cookies_set_total", "Visitor cookies given out."),
		redirects:  counter("footfall_edge_redirects_total", "Links answered with a redirect to their event."),
		unknown:    vec("footfall_edge_unknown_events_total", "Links of events that the catalog does not know.", "answer", answerFallback, answerPage),
		panics:     counter("footfall_edge_panics_total", "Requests whose handling panicked."),
		acceptErrors: counter("footfall_edge_accept_errors_total",
			"Connections that could not be accepted for want of descriptors or memory; tried again."),
		serverErrors: counter("footfall_edge_server_errors_total", "Messages of the HTTP server that a log line stands for at most once a minute."),
		refused: vec("footfall_edge_requests_refused_total", "Requests that are no link of ours, or not to be trusted.", "reason",
			refusedVersion, refusedMethod, refusedBody, refusedFolded, refusedHosts, refusedHost, refusedSize, refusedTimeout,
			refusedSyntax, refusedBareLF, refusedExpect, refusedPath, refusedGone),
		connRefused: vec("footfall_edge_connections_refused_total", "Connections closed unanswered.", "reason",
			connTLS, connPerAddress, connLimit),
		timeouts: vec("footfall_edge_timeouts_total", "Connections closed because the client was too slow.", "phase",
			timeoutIdle, timeoutHead, timeoutWrite),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "footfall_edge_open_connections", Help: "Open connections."}),
	}
	states := vec("footfall_edge_visits_total", "Visits recorded, by what their code resolved to.", "code_state", "none", "resolved", "unknown", "paused")
	for state := range m.visits {
		m.visits[state] = states[visit.CodeState(state).String()]
	}
	facts := vec("footfall_edge_visit_facts_total", "Facts on recorded visits.", "fact",
		"ended", "test", "head", "prefetch", "repeated_affiliate", "gpc", "consent_refused")
	m.ended, m.test, m.head, m.prefetch = facts["ended"], facts["test"], facts["head"], facts["prefetch"]
	m.repeated, m.gpc, m.refusedBy = facts["repeated_affiliate"], facts["gpc"], facts["consent_refused"]
	keys := vec("footfall_edge_visitor_keys_missing_total", "Visits without a visitor key, by the key that was not there.", "key", "day", "organizer")
	m.noDayKey, m.noCookieKey = keys["day"], keys["organizer"]
	statuses := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "footfall_edge_other_responses_total", Help: "Answers that are not a redirect to an event.",
	}, []string{"status"})
	m.responses = map[int]prometheus.Counter{}
	for _, status := range []int{302, 400, 404, 405, 408, 417, 421, 431, 500} {
		m.responses[status] = statuses.WithLabelValues(fmt.Sprint(status))
	}
	for _, c := range append(registered, statuses, m.connections) {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics of the edge: %w", err)
		}
	}
	return m, nil
}

// recorded counts a visit and its facts.
func (m *metrics) recorded(v *visit.Visit) {
	m.visits[v.CodeState].Inc()
	for _, fact := range [...]struct {
		holds   bool
		counter prometheus.Counter
	}{
		{v.Ended, m.ended},
		{v.Test, m.test},
		{v.Head, m.head},
		{v.Prefetch, m.prefetch},
		{v.RepeatedAffiliate, m.repeated},
		{v.GPC, m.gpc},
		{v.Consent == visit.ConsentRefused, m.refusedBy},
	} {
		if fact.holds {
			fact.counter.Inc()
		}
	}
}
