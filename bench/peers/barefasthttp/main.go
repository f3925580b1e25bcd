// Command barefasthttp is the peer that the redirect is measured against: a
// fasthttp server that answers everything with one 302 and records nothing. It
// has what makes it fast and nothing else: no timeouts, no limits, no lookups.
// With -headers it sends the headers of a redirect of ours too, which tells what
// those cost.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/valyala/fasthttp"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; the one taken is printed")
	headers := flag.Bool("headers", false, "send Cache-Control, Referrer-Policy and X-Robots-Tag too")
	flag.Parse()
	if err := serve(*listen, *headers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string, headers bool) error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Println("listening", l.Addr())
	header, location := []byte("Location"), []byte("https://tickets.example/fair?affiliate=Partner&click_id=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	answer := func(ctx *fasthttp.RequestCtx) {
		ctx.Response.Header.SetStatusCode(fasthttp.StatusFound)
		ctx.Response.Header.SetCanonical(header, location)
	}
	if headers {
		answer = withHeaders(answer)
	}
	server := &fasthttp.Server{
		NoDefaultServerHeader: true, NoDefaultContentType: true, DisableHeaderNamesNormalizing: true,
		ReadBufferSize: 16 << 10,
		Handler:        answer,
	}
	return server.Serve(l)
}

// withHeaders adds what a redirect of the edge says besides its location.
func withHeaders(answer fasthttp.RequestHandler) fasthttp.RequestHandler {
	names := [...][]byte{[]byte("Cache-Control"), []byte("Referrer-Policy"), []byte("X-Robots-Tag")}
	values := [...][]byte{[]byte("no-store"), []byte("no-referrer-when-downgrade"), []byte("noindex")}
	return func(ctx *fasthttp.RequestCtx) {
		answer(ctx)
		for i, name := range names {
			ctx.Response.Header.SetCanonical(name, values[i])
		}
	}
}
