package edge

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

const host = "Host: go.example\r\n"

// Requests that another HTTP reader could understand in another way, or that
// the server's own parser is lenient with: faults.md, part 2, rows 8 to 14, and
// part 3, rows 3 and 4. Each is sent together with a second request that would
// be a visit if the first one's end were taken wrongly.
func TestAmbiguousRequestIsRefusedAndEndsTheConnection(t *testing.T) {
	const smuggled = "GET /e/fair/?affiliate=smuggled HTTP/1.1\r\nHost: go.example\r\n\r\n"
	fair := "GET /e/fair/ HTTP/1.1\r\n" + host
	b := newBench(t, nil)
	b.serve(t)
	for name, c := range map[string]struct {
		request, want string
	}{
		"content length and transfer encoding": {fair + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"transfer encoding, then length":       {fair + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400"},
		"chunked":                              {fair + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"chunked with content":                 {fair + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "400"},
		"chunked in upper case":                {fair + "TRANSFER-ENCODING: Chunked\r\n\r\n0\r\n\r\n", "400"},
		"transfer encoding identity":           {fair + "Transfer-Encoding: identity\r\n\r\n", "400"},
		"transfer encoding xchunked":           {fair + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400"},
		"transfer encoding with a tab":         {fair + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", "400"},
		"transfer encoding twice":              {fair + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "400"},
		"transfer encoding of 1.0":             {"GET /e/fair/ HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"space before the colon":               {fair + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"},
		"body":                                 {fair + "Content-Length: 5\r\n\r\nhello", "400"},
		"body of one byte":                     {fair + "Content-Length: 1\r\n\r\nh", "400"},
		"length twice":                         {fair + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "400"},
		"lengths that differ":                  {fair + "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", "400"},
		"length below zero":                    {fair + "Content-Length: -1\r\n\r\n", "400"},
		"length with a plus":                   {fair + "Content-Length: +5\r\n\r\nhello", "400"},
		"length in hexadecimal":                {fair + "Content-Length: 0x5\r\n\r\nhello", "400"},
		"length beyond 64 bits":                {fair + "Content-Length: 99999999999999999999999\r\n\r\n", "400"},
		"length with a comma":                  {fair + "Content-Length: 0, 5\r\n\r\nhello", "400"},
		"expectation":                          {fair + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "417"},
		"folded line":                          {fair + "X-A: b\r\n c\r\n\r\n", "400"},
		"folded line with a tab":               {fair + "X-A: b\r\n\tc\r\n\r\n", "400"},
		"folded first line":                    {"GET /e/fair/ HTTP/1.1\r\n " + host + "\r\n", "400"},
		"folded encoding":                      {fair + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400"},
		"no host":                              {"GET /e/fair/ HTTP/1.1\r\n\r\n", "400"},
		"no host of 1.0":                       {"GET /e/fair/ HTTP/1.0\r\n\r\n", "400"},
		"two hosts":                            {fair + host + "\r\n", "400"},
		"two hosts that differ":                {fair + "Host: evil.example\r\n\r\n", "400"},
		"empty host":                           {"GET /e/fair/ HTTP/1.1\r\nHost:\r\n\r\n", "400"},
		"HTTP/3.9":                             {"GET /e/fair/ HTTP/3.9\r\n" + host + "\r\n", "400"},
		"HTTP/0.9":                             {"GET /e/fair/\r\n\r\n", "400"},
		"HTTP/1.2":                             {"GET /e/fair/ HTTP/1.2\r\n" + host + "\r\n", "400"},
		"HTTP/2.0":                             {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "405"},
		"http/1.1 in lower case":               {"GET /e/fair/ http/1.1\r\n" + host + "\r\n", "400"},
		"two spaces":                           {"GET  /e/fair/ HTTP/1.1\r\n" + host + "\r\n", "400"},
		"no method":                            {" /e/fair/ HTTP/1.1\r\n" + host + "\r\n", "400"},
		"bare line feeds":                      {"GET /e/fair/ HTTP/1.1\nHost: go.example\n\n", "400"},
		"bare line feed after the first line":  {"GET /e/fair/ HTTP/1.1\nHost: go.example\r\n\r\n", "400"},
		"bare line feed in a header":           {fair + "X-A: b\nX-C: d\r\n\r\n", "400"},
		"bare carriage return":                 {fair + "X-A: b\rX-C: d\r\n\r\n", "400"},
		"zero byte in a header":                {fair + "X-A: b\x00c\r\n\r\n", "400"},
		"zero byte in the target":              {"GET /e/fair/?a=\x00 HTTP/1.1\r\n" + host + "\r\n", "400"},
		"header without a name":                {fair + ": b\r\n\r\n", "400"},
		"header without a colon":               {fair + "nothing\r\n\r\n", "400"},
		"OPTIONS":                              {"OPTIONS /e/fair/ HTTP/1.1\r\n" + host + "\r\n", "405"},
		"TRACE":                                {"TRACE /e/fair/ HTTP/1.1\r\n" + host + "\r\n", "405"},
		"FOO":                                  {"FOO /e/fair/ HTTP/1.1\r\n" + host + "\r\n", "405"},
		"CONNECT":                              {"CONNECT go.example:443 HTTP/1.1\r\n" + host + "\r\n", "405"},
		"POST":                                 {"POST /e/fair/ HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "405"},
		"get in lower case":                    {"get /e/fair/ HTTP/1.1\r\n" + host + "\r\n", "405"},
		"head of 17 KiB":                       {fair + "X-A: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", "431"},
		"target of 17 KiB":                     {"GET /e/fair/?a=" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\n" + host + "\r\n", "431"},
		"a megabyte of header":                 {fair + strings.Repeat("X-A: aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 32<<10) + "\r\n", "431"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := b.send(t, c.request+smuggled)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+c.want+" ") {
				t.Errorf("answered %.80q, want %s", answer, c.want)
			}
			if n := strings.Count(answer, "HTTP/1.1 "); n != 1 {
				t.Errorf("%d answers: %q", n, answer)
			}
			if n := len(b.journal.visits(t)); n != 0 {
				t.Errorf("%d visits recorded", n)
			}
		})
	}
}

// send writes from another goroutine while it reads: what is refused early is
// not taken whole. A write that fails is the refusal's.
func (b *bench) send(t *testing.T, request string) string {
	t.Helper()
	c := b.dial(t)
	go io.WriteString(c, request) //nolint:errcheck // see above
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("answer cut off: %v after %.80q", err, answer)
	}
	return string(answer)
}

func TestGoodRequestsAreNotRefused(t *testing.T) {
	fair := "GET /e/fair/ HTTP/1.1\r\n" + host
	closing := "Connection: close\r\n\r\n"
	b := newBench(t, nil)
	b.serve(t)
	answered := 0
	for name, request := range map[string]string{
		"plain":                  fair + closing,
		"HTTP/1.0":               "GET /e/fair/ HTTP/1.0\r\n" + host + "\r\n",
		"empty line before":      "\r\n" + fair + closing,
		"length of nothing":      fair + "Content-Length: 0\r\n" + closing,
		"head of 15 KiB":         fair + "X-A: " + strings.Repeat("a", 15<<10) + "\r\n" + closing,
		"bytes beyond ASCII":     "GET /e/fair/?a=\xe9 HTTP/1.1\r\n" + host + "User-Agent: \xe9\r\n" + closing,
		"a thousand arguments":   "GET /e/fair/?" + strings.Repeat("affiliate=x&", 1000) + " HTTP/1.1\r\n" + host + closing,
		"many unknown arguments": "GET /e/fair/?" + strings.Repeat("%61=%zz&", 1500) + " HTTP/1.1\r\n" + host + closing,
		"names in any case":      "GET /e/fair/ HTTP/1.1\r\nhOST: go.example\r\nuser-AGENT: x\r\n" + closing,
	} {
		answered++
		if answer := b.send(t, request); !strings.HasPrefix(answer, "HTTP/1.1 302 ") {
			t.Errorf("%s: %.80q", name, answer)
		}
		if n := len(b.journal.visits(t)); n != answered {
			t.Errorf("%s: %d visits after %d requests", name, n, answered)
		}
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	b := newBench(t, nil)
	b.serve(t)
	var request strings.Builder
	for n := range 20 {
		fmt.Fprintf(&request, "GET /e/fair/?n=%d HTTP/1.1\r\n%s\r\n", n, host)
	}
	answer := b.raw(t, request.String())
	for n := range 20 {
		_, rest, ok := strings.Cut(answer, fmt.Sprintf("?n=%d&click_id=", n))
		if !ok {
			t.Fatalf("answer %d is missing or out of order", n)
		}
		answer = rest
	}
	if n := len(b.journal.visits(t)); n != 20 {
		t.Errorf("%d visits", n)
	}
}

func TestTLSIsClosedUnansweredAndSaidOnce(t *testing.T) {
	b := newBench(t, nil)
	b.serve(t)
	for range 3 {
		c := b.dial(t)
		if _, err := io.WriteString(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"); err != nil {
			t.Fatal(err)
		}
		if answer, _ := io.ReadAll(c); len(answer) != 0 {
			t.Errorf("answered %q", answer)
		}
	}
	if n := b.counter(t, "footfall_edge_connections_refused_total", "tls"); n != 3 {
		t.Errorf("%v counted", n)
	}
	if n := strings.Count(b.log.String(), "client speaks TLS"); n != 1 {
		t.Errorf("said %d times:\n%s", n, b.log.String())
	}
}

// Each refusal has its counter.
func TestRefusalsAreCountedByReason(t *testing.T) {
	b := newBench(t, func(c *Config, _ *Deps) { c.Hosts = []string{"go.example"} })
	b.serve(t)
	fair := "GET /e/fair/ HTTP/1.1\r\n" + host
	for reason, request := range map[string]string{
		"http_version":     "GET /e/fair/ HTTP/1.2\r\n" + host + "\r\n",
		"method":           "POST /e/fair/ HTTP/1.1\r\n" + host + "\r\n",
		"body":             fair + "Content-Length: 9\r\n\r\nhello you",
		"folded_header":    fair + "A: b\r\n c\r\n\r\n",
		"host_count":       "GET /e/fair/ HTTP/1.0\r\n\r\n",
		"host_not_allowed": "GET /e/fair/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"head_too_large":   fair + "A: " + strings.Repeat("a", 17<<10) + "\r\n\r\n",
		"syntax":           "GET\r\n\r\n",
		"bare_lf":          "GET /e/fair/ HTTP/1.1\n\n",
		"expectation":      fair + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		"no_link":          "GET / HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n",
	} {
		b.send(t, request)
		if n := b.counter(t, "footfall_edge_requests_refused_total", reason); n != 1 {
			t.Errorf("%s: counted %v times", reason, n)
		}
	}
	c := b.dial(t)
	io.WriteString(c, "GET /e/fair/ HT") //nolint:errcheck // the close is the point
	c.(*net.TCPConn).CloseWrite()        //nolint:errcheck // likewise
	io.ReadAll(c)                        //nolint:errcheck // likewise
	if n := b.counter(t, "footfall_edge_requests_refused_total", "client_gone"); n != 1 {
		t.Errorf("client_gone: counted %v times", n)
	}
}

// Nothing that an outsider sends makes a series, a log line with its content,
// or keeps its address.
func TestOutsidersGrowNeitherMetricsNorLog(t *testing.T) {
	b := newBench(t, func(c *Config, _ *Deps) { c.TrustedHops = 1 })
	b.serve(t)
	series := func() int {
		families, err := b.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range families {
			n += len(f.GetMetric())
		}
		return n
	}
	before := series()
	var request strings.Builder
	for n := range 200 {
		fmt.Fprintf(&request, "GET /e/fair/?affiliate=random%d HTTP/1.1\r\n%sX-Forwarded-For: 203.0.113.77\r\nUser-Agent: secretive%d\r\n\r\n", n, host, n)
		fmt.Fprintf(&request, "GET /e/unknown%d/?affiliate=secretive HTTP/1.1\r\n%s\r\n", n, host)
	}
	b.raw(t, request.String())
	b.send(t, "GET /e/secretive\x00 HTTP/1.1\r\n"+host+"X: secretive\r\n\r\n")
	b.send(t, "\x16\x03\x01secretive")
	if after := series(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	for _, trace := range []string{"secretive", "203.0.113", "127.0.0.1", "random1"} {
		if strings.Contains(b.log.String(), trace) {
			t.Errorf("%q is in the log:\n%s", trace, b.log.String())
		}
	}
	for _, body := range b.journal.bodies {
		for _, trace := range []string{"203.0.113", "127.0.0.1", string(net.IPv4(203, 0, 113, 77).To4()), string(net.IPv4(127, 0, 0, 1).To4())} {
			if strings.Contains(string(body), trace) {
				t.Errorf("address in the visit %q", body)
			}
		}
	}
	if n := len(b.journal.visits(t)); n != 200 {
		t.Errorf("%d visits", n)
	}
}
