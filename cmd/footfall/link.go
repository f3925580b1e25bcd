package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func newLinkCommand(e *env) *cobra.Command {
	var ref admin.CodeRef
	var base, format string
	c := &cobra.Command{
		Use:   "link CODE --event SLUG",
		Short: "Print the link that an affiliate hands out",
		Long: `Print the link of a code to an event. The host is the first of the collector's
configured hosts (collector.edge.hosts), else the address it listens on; --base
says another. A code of one event needs no --event.`,
		Example: `  footfall link SPRING --event gala-26
  footfall link ANN-GALA --base https://go.example.com`,
		Args: takes("code"),
		RunE: func(c *cobra.Command, args []string) error {
			ref.Text = args[0]
			var link admin.Link
			if err := e.call(c.Context(), "GET", codeAddress(ref, "link"), nil, &link); err != nil {
				return err
			}
			host, err := e.linkBase(base)
			if err != nil {
				return err
			}
			for _, w := range link.Warnings {
				if _, err := fmt.Fprintln(e.Err, "Warning:", w); err != nil {
					return fmt.Errorf("writing a warning: %w", err)
				}
			}
			if format == "table" { // one line, to copy or to pipe
				_, err := fmt.Fprintln(e.Out, host+link.Path)
				return err
			}
			return e.render(format, []string{"Link", "Code", "Event"}, [][]string{{host + link.Path, link.Code, link.Event}},
				map[string]string{"link": host + link.Path, "code": link.Code, "event": link.Event})
		},
	}
	addOrganizerFlag(c, &ref.Organizer)
	c.Flags().StringVar(&ref.Event, "event", "", "slug of the event")
	c.Flags().StringVar(&base, "base", "", "where links are answered, like https://go.example.com")
	addFormat(c, &format)
	return c
}

// linkBase is scheme and host of links.
func (e *env) linkBase(base string) (string, error) {
	if base != "" {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return "", usagef("--base %s: want one like https://go.example.com", base)
		}
		return strings.TrimRight(base, "/"), nil
	}
	s, err := e.settings()
	if err != nil {
		return "", err
	}
	if hosts := s.Collector.Edge.Hosts; len(hosts) > 0 {
		return "https://" + hosts[0], nil
	}
	host, port, err := net.SplitHostPort(s.Collector.Edge.Listen)
	if err != nil {
		return "", usagef("collector.edge.listen %q is no address: say --base", s.Collector.Edge.Listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
