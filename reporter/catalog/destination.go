package catalog

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"footfall/schemas/admin"
)

// hostGrammar is a name of ASCII labels; addresses are checked apart.
const hostGrammar = `^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?$`

// cleanDestination checks the URL that an event's link leads to and gives it
// percent-encoded: what is saved is what is sent as Location, byte for byte.
func cleanDestination(text string, ownHosts []string) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", admin.Refuse(admin.Invalid, "/destination", "the destination "+format, args...)
	}
	if strings.ContainsFunc(text, isControl) {
		return refuse("has a line break or a control character in it")
	}
	text = strings.TrimSpace(text)
	if n := len([]rune(text)); n > maxDestinationChars {
		return refuse("has %d characters: the most is %d", n, maxDestinationChars)
	}
	u, err := url.Parse(text)
	if err != nil {
		return refuse("%q can't be read as a URL: want one like https://tickets.example.com/spring", text)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.Host == "" {
		return refuse("%q is not an absolute https URL: want one like https://tickets.example.com/spring", text)
	}
	if u.User != nil {
		return refuse("must not hold a user name or password before the host")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if err := checkHost(host); err != "" {
		return refuse("%q: %s", text, err)
	}
	if u.Scheme == "http" && !isLoopback(host) {
		return refuse("%q is not https: http is for loopback only, as the click id would cross the network in the clear", text)
	}
	if n, err := strconv.Atoi(port); strings.HasSuffix(u.Host, ":") || port != "" && (err != nil || n < 1 || n > 65535) {
		return refuse("%q: the port is not one of 1 to 65535", text)
	}
	if own := ownHost(host, effectivePort(u), ownHosts); own != "" {
		return refuse("%q leads back to Footfall's own host %s: want the page that sells the tickets", text, own)
	}
	clean := u.Scheme + "://" + joinHost(host, port) + or(u.EscapedPath(), "/")
	if u.RawQuery != "" {
		clean += "?" + percentEncode(u.RawQuery)
	}
	if u.Fragment != "" {
		clean += "#" + percentEncode(u.EscapedFragment())
	}
	return clean, nil
}

// checkHost says what is wrong with a host in lower case, or nothing.
func checkHost(host string) string {
	for i := range len(host) {
		if host[i] >= 0x80 {
			return "the host has letters beyond ASCII: write it as browsers send it (xn--…)"
		}
	}
	if net.ParseIP(host) != nil {
		return ""
	}
	if ok, err := regexp.MatchString(hostGrammar, host); err != nil || !ok || len(host) > 253 {
		return "the host is not a host name"
	}
	return ""
}

// ownHost finds the entry that the host is: one without a port is every port.
func ownHost(host, port string, ownHosts []string) string {
	for _, own := range ownHosts {
		ownName, ownPort, err := net.SplitHostPort(own)
		if err != nil {
			ownName, ownPort = strings.Trim(own, "[]"), ""
		}
		same := strings.EqualFold(strings.TrimSuffix(ownName, "."), strings.TrimSuffix(host, "."))
		if same && (ownPort == "" || ownPort == port) {
			return own
		}
	}
	return ""
}

func effectivePort(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

func joinHost(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" {
		return host
	}
	return host + ":" + port
}

// percentEncode escapes what may not stand in a query (RFC 3986) and leaves
// escapes as they are, so that encoding twice changes nothing.
func percentEncode(query string) string {
	var b strings.Builder
	for i := range len(query) {
		ch := query[i]
		escaped := ch == '%' && i+2 < len(query) && isHex(query[i+1]) && isHex(query[i+2])
		if escaped || ch < 0x80 && ch > 0x20 && !strings.ContainsRune("\"<>\\^`{|}%#\x7f", rune(ch)) {
			b.WriteByte(ch)
			continue
		}
		const digits = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(digits[ch>>4])
		b.WriteByte(digits[ch&15])
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
