package main_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// station has a device that says its temperature when it likes: what is missed is not said again.
const station = `
project: station
providers:
  - {name: s1, type: tcp-server, local_ip: 127.0.0.1, local_port: 0, connections: [{name: c1, socket_conn_id: c0001}]}
channels:
  - name: ch_station
    connection: s1/c1
    driver: text
    options: {patterns: {weather: '^T=(?P<temperature>[-0-9.]+)$'}}
    devices: [{name: d1, tags: [{name: temperature, address: temperature, unit: "°C"}]}]
`

// reports has the device of the station say its temperature.
func (in *instance) reports(t *testing.T, device net.Conn, temperature float64) {
	t.Helper()
	if _, err := fmt.Fprintf(device, "T=%g\n", temperature); err != nil {
		t.Fatal(err)
	}
	eventually(t, fmt.Sprintf("the temperature is %g", temperature), func() error {
		if r := in.tag(t, "ch_station/d1/temperature"); r.Value != temperature || r.Quality != "good" {
			return fmt.Errorf("it is %+v", r)
		}
		return nil
	})
}

// TestConsoleRestart: while linkd is away the page says since when it is stale. It comes back by itself, without a new
// sign-in, without being loaded anew and without a request for what is not seen, and shows what happened meanwhile.
func TestConsoleRestart(t *testing.T) {
	t.Parallel()
	in := serve(t, station, anyPorts...)
	in.reports(t, in.dial(t, "s1", "c0001\n"), 21.5)
	b := in.console(t)
	b.click("link", "c1")
	b.seesIn("main table", "21.5 °C", "good")
	b.asked()
	b.open("/?again#/connection/s1/c1")
	b.seesIn("main table", "21.5 °C", "good")
	b.seesIn(".live", "live")
	shown := b.asked()
	tells[bool](b, `window.same = true`)

	b.expectOutage(true)
	if code := in.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("linkd ended with status %d", code)
	}
	b.holds("the page says since when it is stale",
		`/stale since \d\d:\d\d:\d\d/.test(document.querySelector(".live").innerText)`)
	b.seesIn("main table", "21.5 °C") // what was there stays
	b.shot("stale")
	b.asked()
	in.at(t, strings.TrimPrefix(in.url, "http://"))
	in.reports(t, in.dial(t, "s1", "c0001\n"), 22.5)
	b.seesIn(".live", "live")
	b.expectOutage(false)
	b.seesIn("main table", "22.5 °C", "good")
	b.seesIn("main .facts", "online")
	for _, url := range b.asked() {
		path := strings.TrimPrefix(url, in.url)
		part := slices.Contains(shown, url) || strings.HasPrefix(path, "/api/v1/connections/s1/c1/tap?after=") // goes on
		if !part || !strings.HasPrefix(path, "/api/") {
			t.Errorf("the page asks for %s, which is not a part of what it shows", path)
		}
	}
	if !tells[bool](b, `window.same === true`) {
		t.Error("the page was loaded anew")
	}
	b.holds("nothing is red any more", `!document.querySelector(".error-box")`)
	b.verdict() // the linkd that was started last is ended first
}

// TestConsoleBetweenStreams: what happens after a view was read and before its stream of events has begun is shown too.
func TestConsoleBetweenStreams(t *testing.T) {
	t.Parallel()
	in := serve(t, station, anyPorts...)
	device := in.dial(t, "s1", "c0001\n")
	in.reports(t, device, 21.5)
	b := in.console(t)
	release := b.hold("*/api/v1/events*")
	b.open("/#/tags?channel=ch_station")
	b.seesIn("main .vtable", "21.5 °C")
	in.reports(t, device, 22.5)
	release()
	b.seesIn("main .vtable", "22.5 °C")

	release = b.hold("*/api/v1/events*")
	b.click("link", "Fleet") // it follows no values: that is another stream
	b.seesIn("main .vtable", "online", "c1")
	before := in.connection(t, "s1/c1").Session
	in.dial(t, "s1", "c0001\n") // the newest link stays
	in.online(t, "s1/c1", before)
	b.seesIn(".live", "connecting")
	release()
	b.seesIn(".live", "live")
	b.seesIn("main .vtable", "takeover")
}

// hold keeps requests from linkd until they are released.
func (b *tab) hold(pattern string) (release func()) {
	b.t.Helper()
	all := fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: pattern}}}
	if _, err := chromedp.Call(b.ctx, fetch.Enable, all); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		b.t.Helper()
		if _, err := chromedp.Call(b.ctx, fetch.Disable, chromedp.Void{}); err != nil {
			b.t.Fatal(err)
		}
	}
}
