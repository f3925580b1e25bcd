package edge

import (
	"bytes"
	"net"
	"net/netip"
	"unsafe"
)

// clientAddress is the address that the visitor key is made of: the
// connection's own, or with trusted hops the entry that many from the end of
// X-Forwarded-For, the one that the outermost trusted proxy saw. Fewer entries
// or one that is no address: the request did not come through the proxies, and
// the connection's own is taken.
func clientAddress(peer netip.Addr, h *head, hops int) netip.Addr {
	if hops > 0 {
		if a, ok := forwardedFor(h, hops); ok {
			return a
		}
	}
	return peer
}

// peerAddress is the address that a connection comes from.
func peerAddress(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	address, _ := netip.AddrFromSlice(tcp.IP)
	return address.Unmap()
}

func forwardedFor(h *head, hops int) (netip.Addr, bool) {
	for line := h.nForward - 1; line >= 0; line-- {
		rest := h.forwarded[line]
		for more := true; more; {
			entry := rest
			if n := bytes.LastIndexByte(rest, ','); n >= 0 {
				entry, rest = rest[n+1:], rest[:n]
			} else {
				more = false
			}
			if hops--; hops == 0 {
				return parseAddress(trim(entry))
			}
		}
	}
	return netip.Addr{}, false
}

// parseAddress reads an address as proxies write them: bare, in brackets, or
// with a port. A zone is refused.
func parseAddress(b []byte) (netip.Addr, bool) {
	const longest = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535")
	if len(b) == 0 || len(b) > longest || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false
	}
	if b[0] == '[' {
		n := bytes.IndexByte(b, ']')
		if n < 0 {
			return netip.Addr{}, false
		}
		b = b[1:n]
	} else if n := bytes.IndexByte(b, ':'); n >= 0 && bytes.IndexByte(b[n+1:], ':') < 0 {
		b = b[:n]
	}
	if len(b) == 0 {
		return netip.Addr{}, false
	}
	// The parser keeps nothing of the text of an address without a zone; what it
	// puts into an error is dropped here.
	a, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	return a.Unmap(), err == nil
}
