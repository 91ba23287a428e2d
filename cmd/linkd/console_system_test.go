package main_test

import (
	"errors"
	"strings"
	"testing"
)

// TestConsoleDecides: a stranger is ignored in one click and blocked in two, by its id unless its address is chosen,
// and both are taken back.
func TestConsoleDecides(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, greenhouse, anyPorts...)
	in.dial(t, "s1", "c0001")
	in.online(t, "s1/c1", 0)
	b := in.console(t)
	b.click("link", "Strangers")
	closed(t, in.dial(t, "s1", "c0099\n"))
	b.seesIn("main table", "c0099")
	b.click("button", "Ignore")
	b.seesIn("main .card", "Ignored and blocked", "ignored", "c0099", "Take back")
	b.sees("No strangers have called")

	closed(t, in.dial(t, "s1", "c0098\n"))
	b.seesIn("main table", "c0098")
	b.click("button", "Block")
	b.seesIn("dialog", "Block c0098", "When the id is configured one day, it comes in")
	b.click("radio", "Its address")
	b.seesIn("dialog", "Carriers put thousands of devices behind one address")
	b.click("button", "Block")
	b.seesIn("dialog", "known devices come from 127.0.0.1 too (connections: 1)")
	b.look("asked", axe)
	b.click("radio", "This id")
	b.click("button", "Block")
	b.closed()
	b.seesIn("main .card", "blocked", "c0098", "ignored", "c0099")
	b.look("decided", axe)
	b.size(390, 844)
	b.look("decided-narrow", axe)
	b.size(1280, 900)
	if c := in.connection(t, "s1/c1"); c.State != "online" {
		t.Errorf("a known device from the same address is %+v", c)
	}
	b.click("button", "Take back")
	b.sees("c0098 is a stranger like others again")
	b.click("button", "Take back")
	b.holds("nothing is decided any more", `!document.body.innerText.includes("Ignored and blocked")`)
	closed(t, in.dial(t, "s1", "c0099\n"))
	b.seesIn("main table", "c0099")
}

// TestConsoleTries: what a device sends first is tried while it is typed, for a provider that is there and for one that
// is not yet.
func TestConsoleTries(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, greenhouse, anyPorts...)
	b := in.console(t)
	b.open("/#/project/provider/s1")
	b.click("button", "Edit")
	b.click("DisclosureTriangle", "More: how a device says who it is")
	b.enter("First bytes", `c0001\r\nhello`)
	b.seesIn("dialog .try", "It is connection c1", "68 65 6c 6c 6f")
	b.enter("First bytes", "c0099")
	b.seesIn("dialog .try", "A stranger: no connection has this id", "Silence decides")
	b.choose("Preset", "imei")
	b.seesIn("dialog .try", "these bytes can never become an id")
	b.choose("Preset", "fixed")
	b.seesIn("dialog .try", "preset fixed has no length; write the bytes of an id")
	b.look("tried", axe)
	b.keys("\x1b")
	b.closed()

	b.open("/#/project")
	b.rightClick("treeitem", "Connectors")
	b.click("menuitem", "Add Tcp Server")
	b.click("DisclosureTriangle", "More: how a device says who it is")
	b.enter("Ids that are configured", "a1, a2")
	b.enter("First bytes", "a2data")
	b.seesIn("dialog .try", "Its id is one of those", "64 61 74 61")
}

// TestConsoleSystem: what the machine lets linkd have, for the fleet that is there and for a larger one; the log, as it
// is written; a support bundle.
func TestConsoleSystem(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, greenhouse, anyPorts...)
	b := in.console(t)
	b.click("link", "System")
	b.seesIn("main .card", "Running for", "Links", "Open files")
	b.seesIn("main .card", "Bus", "built in", "Live reports as", "json", "tag values", "comings and goings",
		"what devices send")
	b.seesIn("main .card", "Limits of this machine", "for 2 connections", "net.core.somaxconn")
	b.enter("For so many connections", "10000000")
	b.seesIn("main .card", "Not enough for 10,000,000 connections", "sysctl -w net.core.somaxconn=65536",
		"/etc/sysctl.d/linkd.conf")
	b.look("limits", axe)
	b.click("button", "中文")
	b.seesIn("main .limits", "等待接受的链路数", "容量", "--capacity，然后重新启动 linkd", "sysctl -w net.core.somaxconn=65536")
	b.look("limits-zh", axe)
	b.click("button", "English")
	b.seesIn(".log", "http listening", "did=\"sign in\"")
	b.click("radio", "error")
	b.seesIn(".log", "Nothing was logged at this level")
	b.click("radio", "info")
	b.click("button", "Support bundle")
	b.seesIn(".log", `did=download what="a support bundle" result=done`)
	eventually(t, "the log says so too", func() error {
		if !strings.Contains(in.log.String(), `what="a support bundle" result=done`) {
			return errors.New("it does not")
		}
		return nil
	})
	b.look("system", axe)
}

// TestConsoleOutputs: an output is added with its options, faults at their fields, and is changed and removed.
func TestConsoleOutputs(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, greenhouse, anyPorts...)
	b := in.console(t)
	b.click("link", "System")
	b.click("button", "Add Output")
	b.enter("Name", "hook")
	b.choose("Type", "webhook · HTTP POST of batches")
	b.click("DisclosureTriangle", "More")
	b.enter("batch", "2.5")
	b.enter("headers", "X-Key: abc")
	b.click("button", "Save")
	b.seesIn("dialog .field", `url is ""; write http://HOST/PATH`)
	b.seesIn("dialog .field", "batch is 2.5; write a whole number from 1 to 100000")
	b.look("faults", axe)
	b.enter("url", "http://127.0.0.1:9/in")
	b.enter("batch", "25")
	b.click("button", "Save")
	b.closed()
	b.seesIn("main table", "hook", "webhook")
	var o struct{ Options map[string]any }
	in.read(t, "/outputs/hook", &o)
	if o.Options["url"] != "http://127.0.0.1:9/in" || o.Options["batch"] != 25.0 || len(o.Options) != 3 {
		t.Errorf("the options are %v", o.Options)
	}
	b.click("button", "Edit")
	b.holds("its batch is shown", `[...document.querySelectorAll("dialog input")].some((i) => i.value === "25")`)
	b.enter("batch", "")
	b.click("button", "Save")
	b.closed()
	eventually(t, "the option has its default", func() error {
		o.Options = nil
		if in.read(t, "/outputs/hook", &o); o.Options["batch"] != nil {
			return errors.New("it has not")
		}
		return nil
	})
	b.click("button", "Delete")
	b.seesIn("dialog", "Delete output hook?")
	b.click("button", "Delete")
	b.closed()
	b.sees("No outputs are configured")
}
