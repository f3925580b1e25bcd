// Command barefasthttp is the peer that the redirect is measured against: a
// fasthttp server that answers everything with one 302 and records nothing. It
// has what makes it fast and nothing else: no timeouts, no limits, no lookups.
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
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string) error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Println("listening", l.Addr())
	header, location := []byte("Location"), []byte("https://tickets.example/fair?affiliate=Partner&click_id=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	server := &fasthttp.Server{
		NoDefaultServerHeader: true, NoDefaultContentType: true, DisableHeaderNamesNormalizing: true,
		ReadBufferSize: 16 << 10,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Response.Header.SetStatusCode(fasthttp.StatusFound)
			ctx.Response.Header.SetCanonical(header, location)
		},
	}
	return server.Serve(l)
}
