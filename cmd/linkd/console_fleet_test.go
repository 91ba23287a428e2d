package main_test

import (
	"fmt"
	"net/http"
	"testing"
)

// acts opens the dialog of an act on all that match.
func (b *tab) acts(verb string) {
	b.t.Helper()
	b.click("button", "Act on all that match")
	b.click("menuitem", verb)
	b.settles()
}

// TestConsoleFleet: what the fleet was like is there as lines, and as words; what was disabled by one act is taken back
// by one click; what cannot be done of all is done of none, and what is not any more what was looked at is not done.
func TestConsoleFleet(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, gallery, anyPorts...)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	in.becomes(t, "ch_dev1/d1/temperature", "good", "")
	b := in.console(t)
	b.open("/#/fleet?span=24h&sort=trouble")
	b.seesIn(".chart", "Devices", "Nothing yet. There is a point every 5 min.")
	b.seesIn(".trouble .card", "Silent for longest", "s1/c1", "ch_dev1")
	b.holds("what is well does not come first", `/^offline\s+c2/.test(document.querySelector(".vbody .vrow")?.innerText)`)
	b.look("before", axe)
	b.click("radio", "15 min")
	b.holds("there are lines", `document.querySelectorAll(".chart canvas").length === 4`)
	const says = `[...document.querySelectorAll(".legend li")].some((e) => e.innerText.match(%s))`
	b.holds("one is online", says, `^online\s+1$`)
	b.holds("polls are answered", says, `^answered\s+[1-9]`)
	b.look("lines", axe)
	b.colours("dark")
	b.look("lines-dark", axe)
	b.colours("light")

	b.open("/#/fleet?q=c000")
	b.acts("Disable")
	b.seesIn("dialog", "Connections that match: 2. Acted on: 2", "s1/c2, s1/c1", "~ connection s1/c1")
	b.look("disable", axe)
	b.click("button", "Disable 2")
	b.closed()
	b.sees("Connections disabled: 2")
	b.seesIn(".vtable", "disabled")
	if c := in.connection(t, "s1/c1"); c.State != "disabled" {
		t.Errorf("c1 is %+v", c)
	}
	b.look("disabled", axe)
	b.click("button", "Undo")
	b.sees("Back at revision 1")
	in.online(t, "s1/c1", 0)

	b.open("/#/fleet?q=c000&state=offline") // an address says what is shown
	b.holds("c2 alone is shown", `[...document.querySelectorAll(".vbody .vrow")].length === 1 &&
		document.querySelector(".vbody .vrow").innerText.includes("c2")`)
	b.open("/#/fleet?q=c000")
	b.acts("Close links")
	b.seesIn("dialog", "Acted on: 1", "cannot be undone")
	b.click("button", "Close 1")
	b.closed()
	b.sees("Links closed: 1")

	b.open("/#/fleet?q=f1")
	b.acts("Disable")
	b.seesIn("dialog [role=alert]", "s1/f1 is one of fleet f{n}")
	b.click("button", "Cancel")
	b.movesMeanwhile(t, in)
}

// movesMeanwhile looks at what a move would do, has somebody add a connection, and moves then.
func (b *tab) movesMeanwhile(t *testing.T, in *instance) {
	t.Helper()
	b.open("/#/fleet?q=c000&state=offline")
	b.acts("Move to a channel")
	b.choose("Channel", "ch_dev1 · modbus-rtu · s1/c1")
	b.seesIn("dialog", "Acted on: 1", "+ channel ch_dev1_c2")
	if _, err := in.request(http.MethodPut, "/api/v1/connections/s1/c3", `{"socket_conn_id":"c0003"}`); err != nil {
		t.Fatal(err)
	}
	b.click("button", "Move 1")
	b.seesIn("dialog", "Nothing was done", "Acted on: 2", "+ channel ch_dev1_c3")
	if c := in.connection(t, "s1/c2"); c.Driver != "" {
		t.Errorf("moved all the same: %+v", c)
	}
	b.shot("meanwhile")
	b.click("button", "Move 2")
	b.closed()
	for _, name := range []string{"c2", "c3"} {
		eventually(t, name+" is moved", func() error {
			if c := in.connection(t, "s1/"+name); c.Driver != "modbus-rtu" {
				return fmt.Errorf("%+v", c)
			}
			return nil
		})
	}
}
