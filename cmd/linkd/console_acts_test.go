package main_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsolePlot: a plot of what a tag was, and the same as a file for a spreadsheet.
func TestConsolePlot(t *testing.T) {
	t.Parallel()
	in := serve(t, station, anyPorts...)
	began := time.Now().Add(-time.Minute) // a point is of some seconds
	in.reports(t, in.dial(t, "s1", "c0001\n"), 21.5)
	eventually(t, "the value is kept", func() error {
		var history struct{ Items []any }
		if in.read(t, "/history?tag=ch_station/d1/temperature", &history); len(history.Items) == 0 {
			return errors.New("it is not yet")
		}
		return nil
	})
	b := in.console(t)
	b.open("/#/tags?plot=ch_station%2Fd1%2Ftemperature")
	b.holds("there is a plot", `document.querySelectorAll(".uplot canvas").length === 1`)
	b.shot("plot")
	csv := string(b.saves("CSV", "linkd-tags.csv"))
	head, line, _ := strings.Cut(csv, "\r\n")
	at, value, _ := strings.Cut(line, ",")
	ts, err := time.Parse(time.RFC3339, at)
	if head != "time,ch_station/d1/temperature" || value != "21.5\r\n" || err != nil || ts.Before(began) ||
		ts.After(time.Now()) {
		t.Errorf("the file is %q, %v", csv, err)
	}
	b.click("button", "Remove ch_station/d1/temperature from the plot")
	b.holds("there is no plot", `!document.querySelector(".uplot") && !location.hash.includes("plot")`)
}

// TestConsoleViewer: who may only read is offered nothing else.
func TestConsoleViewer(t *testing.T) {
	t.Parallel()
	in := serve(t, gallery, anyPorts...)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	in.becomes(t, "ch_dev1/d1/temperature", "good", "")
	closed(t, in.dial(t, "s1", "c0099\n"))
	viewer, _ := in.newToken(t, "bob", "viewer")
	b := openTab(t, in.url)
	b.open("/")
	b.enter("Token", viewer)
	b.click("button", "Sign in")
	b.seesIn("header", "bob", "viewer")
	// what is no link: the menus of the tree are looked at below
	const offered = `[...document.querySelectorAll("main button, main .send")].map((e) =>
		e.innerText || e.getAttribute("aria-label") || e.className).filter((words) => !words.startsWith("Actions for"))`
	for _, p := range []struct {
		path, part, shows string // it is read when this part of it shows this
		buttons           []string
	}{
		{"/#/connection/s1/c1", "table", "d1/humidity",
			[]string{"Close", "Pause", "Download .txt", "Download .pcapng"}}, // of frames
		{"/#/strangers", "table", "c0099", nil},
		{"/#/tags?channel=ch_dev1", ".vtable", "temperature", []string{"All tags"}},
		{"/#/project", ".card-head", "Overview", []string{"Changes"}},
		{"/#/project/provider/s1", ".card-head", "s1", []string{"Changes"}},
		{"/#/project/connection/s1/c1", ".card-head", "s1 / c1", []string{"Changes"}},
		{"/#/project/channel/ch_dev1", ".card-head", "ch_dev1", []string{"Changes"}},
		{"/#/project/device/ch_dev1/d1", ".card-head", "ch_dev1 / d1", []string{"Changes"}},
		{"/#/project/model/th_sensor", ".card-head", "th_sensor", []string{"Changes"}},
		{"/#/system", "table", "somaxconn", nil},
		{"/#/system/import", "table", "somaxconn", nil}, // there is no such view
	} {
		b.open(p.path)
		b.seesIn("main "+p.part, p.shows)
		b.settles()
		if got := tells[[]string](b, offered); !slices.Equal(got, p.buttons) {
			t.Errorf("%s offers %q, want %q", p.path, got, p.buttons)
		}
	}
	b.open("/#/project/connection/s1/c2")
	b.rightClick("treeitem", "c2")
	b.seesIn("[role=menu]", "Open")
	if n := tells[int](b, `document.querySelectorAll("[role=menuitem]").length`); n != 1 {
		t.Errorf("the menu of a connection has %d items", n)
	}
	b.shot("viewer")
}

// TestConsoleConnection acts on one connection: its values, its bytes, its link, its configuration.
func TestConsoleConnection(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouseModbus, anyPorts...)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	in.becomes(t, "ch_dev1/d1/setpoint", "good", "")
	b := in.console(t)
	b.open("/#/connection/s1/c1")
	b.click("button", "Write")
	b.enter("Value", "99")
	b.click("button", "Write")
	b.seesIn("dialog", "Rejected", "40")
	b.enter("Value", "28")
	b.click("button", "Write")
	b.closed()
	b.seesIn(".toasts", "ch_dev1/d1/setpoint = 28: confirmed by the device")

	b.enter("Bytes to send", "01 0")
	b.click("button", "Send")
	b.seesIn("main .send ~ .error-box, main .error-box", "two digits")

	before := in.connection(t, "s1/c1").Session
	b.click("button", "Close link")
	b.seesIn("dialog", "The device may dial in again at once")
	b.click("button", "Close link")
	b.closed()
	in.online(t, "s1/c1", before)
	b.seesIn("main .facts", "online")
	b.seesIn("main", "kicked")

	b.click("link", "Configuration")
	b.click("button", "Edit")
	b.holds("what it has is shown", `[...document.querySelectorAll("dialog input")].some((i) => i.value === "c0001")`)
	b.enter("Title", "renamed")
	b.click("button", "Save")
	b.closed()
	b.seesIn("main .facts", "renamed", "c0001")
	var c struct {
		Config struct {
			Title        string
			SocketConnID string `json:"socket_conn_id"`
		}
	}
	if in.read(t, "/connections/s1/c1", &c); c.Config.Title != "renamed" || c.Config.SocketConnID != "c0001" {
		t.Errorf("after a new title it is %+v", c.Config)
	}
}

// TestConsoleDevice adds a device of a model and gives it tags of its own, from the tree by keyboard.
func TestConsoleDevice(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouseModbus, anyPorts...)
	b := in.console(t)
	b.open("/#/project")
	b.have(b.find("treeitem", "Connectors"), `function() { this.focus(); }`)
	for range 20 { // down to the channel, wherever it is
		b.keys(kb.ArrowDown)
		if tells[string](b, `document.activeElement.dataset.id`) == "channel/ch_dev1" {
			break
		}
	}
	b.keys(kb.F10, chromedp.KeyModifiers(chromedp.ModifierShift))
	b.find("menuitem", "Add Device")
	b.keys(kb.ArrowDown + kb.Enter)
	b.enter("Name", "d2")
	b.enter("Unit", "999")
	b.click("button", "Save")
	b.seesIn("dialog .field.wrong", "0 to 255")
	b.enter("Unit", "2")
	b.choose("Model", "th_sensor")
	b.click("button", "Save")
	b.closed()
	b.open("/#/project/device/ch_dev1/d2")
	b.click("button", "Add a tag")
	b.paste("Name 1", "depth\t<b>T</b>\tinput:0\tint16\n1x\t\tinput:1\tuint16\n")
	b.click("button", "Save")
	b.seesIn(`.grid td:has([aria-label="Name 2"])`, "start with a letter")
	b.enter("Name 2", "level")
	b.click("button", "Save")
	b.seesIn(".toasts", "ch_dev1/d2 is saved")
	b.holds("nothing is to be discarded",
		`![...document.querySelectorAll("main button")].some((e) => e.innerText === "Discard")`)
	b.keys(kb.Home)
	b.seesIn(`[data-id="device/ch_dev1/d2"]`, "d2")
	b.shot("tags")
	if tells[bool](b, `!!document.querySelector("main b, [role=tree] b")`) {
		t.Error("a title became HTML")
	}
	var d struct {
		Devices []struct {
			Name string
			Tags []struct{ Name, Title string }
		}
	}
	in.read(t, "/channels/ch_dev1", &d)
	if got := fmt.Sprint(d.Devices); !strings.Contains(got, "{d2 [{depth <b>T</b>} {level }]}") {
		t.Errorf("its devices are %s", got)
	}
}
