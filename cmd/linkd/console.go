package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
	"linkd/internal/doors"
)

// consoleCommand is `linkd console`: it prints a link, as the first start did.
func consoleCommand() *cli.Command {
	return &cli.Command{
		Name:  "console",
		Usage: "print a link that opens the web console, signed in: for 15 minutes, once",
		Flags: clientFlags(),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("argument %q; this command takes flags only", c.Args().First())
			}
			cl, err := newClient(c)
			if err != nil {
				return err
			}
			var made api.Code
			if err := cl.call(c.Context, http.MethodPost, "/api/v1/session/code", nil, &made); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.App.Writer, consoleLink(cl.base, oneLine(made.Code)))
			return err
		},
	}
}

// consoleLink opens the console of the linkd at a base URL. The code is behind the #, which a browser sends nowhere.
func consoleLink(base, code string) string { return base + "/#/code/" + code }

// welcome prints a link for who has just started a linkd that nobody has signed in to. It goes to stderr once, not
// into the log, and is worth nothing soon.
func welcome(stderr io.Writer, keeper *doors.Keeper, first doors.Identity, at net.Addr) {
	fmt.Fprintf(stderr, "console: %s\n", consoleLink("http://"+reachable(at), keeper.Code(first)))
}

// reachable is where a browser on this machine finds what listens at an address.
func reachable(at net.Addr) string {
	listens, err := netip.ParseAddrPort(at.String())
	switch {
	case err != nil || !listens.Addr().IsUnspecified():
		return at.String()
	case listens.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), listens.Port()).String()
	}
	// What listens on all IPv6 addresses has the IPv4 ones too, unless the system is set up otherwise.
	return fmt.Sprintf("localhost:%d", listens.Port())
}
