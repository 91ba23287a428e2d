package main_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var welcomeLink = regexp.MustCompile(`(?m)^console: (http://\S+)(/#/code/[a-z2-7]+)$`)

// TestConsoleLink: the first start prints a link, the second none; linkd console prints another. Each is good once, and
// in a tab that shows the console already, too.
func TestConsoleLink(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	var found []string
	eventually(t, "the link is printed", func() error {
		if found = welcomeLink.FindStringSubmatch(in.log.String()); found == nil || found[1] != in.url {
			return fmt.Errorf("no link to %s in\n%s", in.url, in.log)
		}
		return nil
	})
	b := openTab(t, in.url)
	b.open(found[2])
	b.sees("admin", "live")
	if at := tells[string](b, `location.href`); strings.Contains(at, "code") {
		t.Errorf("the address still has the code: %s", at)
	}
	b.shot("signed-in")
	b.click("button", "Sign out")
	b.sees("Token")
	b.open("/")
	b.sees("Token")
	b.open(found[2]) // only what is behind the # is another: the page stays
	b.sees("the link was used already")

	out, status := in.cli("console")
	if status != 0 || !strings.HasPrefix(out, in.url+"/#/code/") {
		t.Fatalf("status %d: %s", status, out)
	}
	b.open(strings.TrimPrefix(strings.TrimSpace(out), in.url))
	b.sees("admin", "live")

	b.verdict()
	in.again(t)
	if welcomeLink.MatchString(in.log.String()) {
		t.Error("the second start prints a link too")
	}
}

// again ends linkd and starts it with what it had, at the same address.
func (in *instance) again(t *testing.T) {
	t.Helper()
	if code := in.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("linkd ended with status %d", code)
	}
	in.at(t, strings.TrimPrefix(in.url, "http://"))
}

// openHouse has a channel for whoever comes.
const openHouse = `
project: greenhouse
providers:
  - {name: s1, type: tcp-server, local_ip: 127.0.0.1, local_port: 0, connections: [{name: c1, socket_conn_id: c0001}]}
channels: [{name: "ch_{connection}", connection: "s1/*", driver: raw}]
`

// TestConsoleStranger: what a stranger sends is text on every page, whatever it is; an honest one is adopted in two
// clicks, has a channel, and comes in when it dials again.
func TestConsoleStranger(t *testing.T) {
	t.Parallel()
	const evil = "<script>alert(1)</script><img src=/x onerror=alert(2)>"
	in := serve(t, openHouse, anyPorts...)
	b := in.console(t)
	b.click("link", "Strangers")
	b.sees("No strangers have called")
	closed(t, in.dial(t, "s1", evil+"\n"))
	b.seesIn("main table", evil, "3c 73 63 72 69 70 74 3e")
	closed(t, in.dial(t, "s1", "c0099\n"))
	b.seesIn("main table", "c0099", "63 30 30 39 39")
	b.shot("listed")

	b.click("button", "Adopt") // the newest is the first
	b.seesIn("dialog", "Adopt c0099", "It becomes a connection of s1")
	b.click("button", "Adopt")
	b.closed()
	b.seesIn("main .facts", "offline", "c0099", "ch_")
	in.dial(t, "s1", "c0099\n")
	b.seesIn("main .facts", "online")

	b.click("link", "Strangers")
	b.click("button", "Adopt")
	b.seesIn("dialog", "Adopt "+evil)
	b.enter("Name", "evil")
	b.enter("Title", evil)
	b.click("button", "Adopt")
	b.closed()
	device := in.dial(t, "s1", evil+"\n")
	b.seesIn("main .facts", "online", evil)
	eventually(t, "what it goes on sending is a frame", func() error {
		_, err := device.Write([]byte(evil))
		const shown = `[...document.querySelectorAll(".frame")].some((f) => f.innerText.includes(%s))`
		if err == nil && !tells[bool](b, shown, evil) {
			err = errors.New("there is none yet")
		}
		return err
	})
	b.shot("evil")
	b.click("link", "Fleet")
	b.seesIn("main .vtable", evil)
	b.open("/#/project/connection/s1/evil")
	b.seesIn("main .facts", evil)
	if tells[bool](b, `!!document.querySelector("#app script, #app img")`) {
		t.Error("what a device sent became HTML")
	}
}

// TestConsoleFrames: what passed before the page was opened is there, how the device said who it is first, and what
// passes is shown as it passes: when, which way, in hex, as text, and what the driver reads in it.
func TestConsoleFrames(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouseModbus, anyPorts...)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	in.becomes(t, "ch_dev1/d1/temperature", "good", "")
	b := in.console(t)
	b.open("/#/connection/s1/c1")
	b.seesIn(".frame.identity", "in", "63 30 30 30 31", "c0001", "identity")
	b.seesIn(".frame", "out", "01 04 00 00 00 02", "read input registers")
	b.seesIn(".frame", "in", "01 04 04")
	b.holds("each frame has its time, to the millisecond",
		`[...document.querySelectorAll(".frame")].every((f) => /^\d\d:\d\d:\d\d\.\d{3}/.test(f.innerText))`)
	before := tells[int](b, `document.querySelectorAll(".frame").length`)
	b.holds("more frames come", `document.querySelectorAll(".frame").length > %s`, before)
	b.shot("frames")
	b.click("button", "Pause")
	held := tells[string](b, `document.querySelector(".frames").innerText`)
	b.seesIn("main .facts", "online")
	in.says(t, 0, "confirmed", "write", "ch_dev1/d1/setpoint", "22.5")
	if now := tells[string](b, `document.querySelector(".frames").innerText`); now != held {
		t.Errorf("paused, and the frames are others:\n%s\nbefore:\n%s", now, held)
	}
	b.click("button", "Go on")
	b.seesIn(".frame", "01 06 00 00 00 e1", "write")
	b.enter("Filter by hex, text or meaning", "01 06")
	b.holds("only frames that match are shown",
		`[...document.querySelectorAll(".frame")].every((f) => f.innerText.includes("01 06"))`)
}

// TestConsoleSend: bytes are sent by hand, and their answer is compared with the one that is expected.
func TestConsoleSend(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	device := in.dial(t, "s1", "c0002\n")
	go func() {
		for b := make([]byte, 64); ; {
			if _, err := device.Read(b); err != nil {
				return // the test is over
			}
			_, _ = device.Write([]byte("pong")) // the page says what is missing
		}
	}()
	b := in.console(t)
	b.open("/#/connection/s1/c2")
	b.seesIn("main .facts", "online")
	b.enter("Bytes to send", "70 69 6e 67")
	for _, tt := range [][2]string{
		{"70 6f", "The reply begins as expected; more bytes follow: 2."},
		{"70 6f 6e 67", "The reply is as expected."},
		{"70:6F:6E:67:21", "The reply is too short: 4 of 5 bytes, which are as expected."},
		{"70 6f 2a", "The reply differs at byte 3: 6e instead of 2a."},
	} {
		b.enter("Expected reply", tt[0])
		b.click("button", "Send")
		b.seesIn("main", tt[1])
	}
	b.seesIn(".frame", "out", "70 69 6e 67", "ping")
	b.enter("Expected reply", "7")
	b.seesIn(".send .fault", "two digits")
	b.shot("send")
}

// TestConsoleImport: 50,000 connections from a file, all or none; a wrong line is named. Then the fleet is there at
// once.
func TestConsoleImport(t *testing.T) {
	t.Parallel()
	const many = 50_000
	in := serve(t, openHouse, anyPorts...)
	b := in.console(t)
	b.open("/#/system/import?provider=s1")
	b.enter("The first line names the columns", "name,socket_conn_id\n1a,i1\n") // typed, as it is short
	b.click("button", "Import")
	b.seesIn("[role=alert] li", `name "1a" is not a name`, "Line 2:")
	var list strings.Builder
	list.WriteString("name,title,socket_conn_id\n")
	for n := range many {
		fmt.Fprintf(&list, "d%05d,Device %d,id%05d\n", n, n, n)
	}
	good := list.String()
	b.upload(good + "d1,one,two,three,four\n")
	b.sees("50,001", "These are its first 10 lines", "d00009,Device 9,id00009")
	b.click("button", "Import")
	b.seesIn("[role=alert]", "50002:", "d1,one,two,three,four")
	b.upload(strings.Replace(good, "d00002,", "2d,", 1) + "d00007,again,id00007\n")
	b.click("button", "Import")
	b.seesIn("[role=alert] li", `name "2d" is not a name`, "Line 4:", "2d,Device 2,id00002")
	b.seesIn("[role=alert] li", "d00007 already", "Line 50002:", "d00007,again,id00007")
	b.shot("faults")
	if n := in.connections(t, "s1"); n != 1 {
		t.Errorf("a list with faults has left %d connections, want the one before", n)
	}
	b.upload(good)
	b.click("button", "Import")
	b.seesIn("[role=status]", "Imported")
	b.shot("imported")
	if n := in.connections(t, "s1"); n != many+1 {
		t.Errorf("there are %d connections, want %d", n, many+1)
	}

	b.open("/?again#/fleet")
	took := tells[float64](b, `new Promise((seen) => {
		const look = () => document.querySelector(".vbody a") ? seen(performance.now()) : requestAnimationFrame(look);
		look();
	})`)
	t.Logf("the first view of %d connections took %.0f ms", many+1, took)
	if took > 10_000 {
		t.Error("that is no view at all")
	}
	b.enter("Search name, title or id", "id49999")
	b.seesIn("main .vtable", "d49999", "Device 49999")
	b.shot("fleet")
}

// connections is how many a provider has.
func (in *instance) connections(t *testing.T, provider string) int {
	t.Helper()
	var p struct{ Connections int }
	in.read(t, "/providers/"+provider, &p)
	return p.Connections
}
