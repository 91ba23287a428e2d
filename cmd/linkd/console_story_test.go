package main_test

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsoleStory goes through the three chapters of a Tcp Server as a newcomer does, in the browser alone, without a
// file or a command: a provider, three connections, three channels with drivers; then devices dial in, a temperature
// moves, a setpoint is written, and a mistake is taken back.
func TestConsoleStory(t *testing.T) {
	t.Parallel()
	peer(t, "socat")
	in := launch(t, "", append(anyPorts, "--data", t.TempDir())...)
	b := openTab(t, in.url)
	b.open(welcomeLink.FindStringSubmatch(in.log.String())[2])
	b.sees("No connections are configured")
	b.click("link", "Project")
	b.sees("First a provider that devices dial in to")
	b.shot("1-empty")

	b.addsProvider()
	b.addsConnections()
	b.addsChannels()
	b.seesDevices(t, in)
	b.takesBack()
}

// addsProvider is chapter 1: the dialog of Connectors > Tcp Server. What is wrong is said at its field.
func (b *tab) addsProvider() {
	b.t.Helper()
	b.have(b.find("treeitem", "Connectors"), `function() { this.focus(); }`)
	b.keys(kb.F10, chromedp.KeyModifiers(chromedp.ModifierShift)) // the menu, by keyboard
	b.find("menuitem", "Add Tcp Server")
	b.keys(kb.Enter)
	b.enter("Name", "1s")
	b.enter("Title", "S1")
	b.enter("Local IP", "127.0.0.1")
	b.enter("Local Port", "70000")
	b.click("radio", "Common")
	b.click("button", "Save")
	b.seesIn("dialog .field.wrong", "Local Port", "expected number <= 65535")
	b.enter("Local Port", "0")
	b.click("button", "Save")
	b.seesIn("dialog .field.wrong", "Name", "start with a letter")
	b.shot("2-provider")
	b.enter("Name", "s1")
	b.click("button", "Save")
	b.closed()
	b.seesIn("[role=tree]", "s1 S1")
}

// addsConnections is chapter 2.
func (b *tab) addsConnections() {
	b.t.Helper()
	for _, n := range []string{"1", "2", "3"} {
		b.rightClick("treeitem", "s1 S1")
		b.click("menuitem", "Add Connection")
		b.enter("Name", "c"+n)
		b.enter("Title", n+"# dev")
		if n == "3" {
			b.enter("Socket Conn Id", "c0002")
			b.click("button", "Save")
			b.seesIn("dialog .field.wrong", `"c0002" is there already; give each connection its own`)
			b.shot("3-connection")
		}
		b.enter("Socket Conn Id", "c000"+n)
		b.click("button", "Save")
		b.closed()
		b.seesIn(`[data-id="connection/s1/c`+n+`"]`, n+"# dev", "offline")
	}
}

// addsChannels is chapter 3: channels, each with a driver of those that the link allows.
func (b *tab) addsChannels() {
	b.t.Helper()
	for _, n := range []string{"1", "2"} {
		b.rightClick("treeitem", n+"# dev")
		b.click("menuitem", "Add Channel")
		b.enter("Name", "ch_dev"+n)
		b.enter("Poll every", "300ms")
		b.click("radio", "modbus-rtu")
		b.enter("Tag name", "temperature")
		b.enter("Tag address", "input:0")
		if n == "1" {
			b.enter("Poll every", "300x")
			b.click("button", "Save")
			b.seesIn("dialog .field.wrong", "Poll every", "write a duration")
			b.enter("Poll every", "300ms")
		}
		b.seesIn("dialog .driver.grey", "sim", "driver sim runs without a link")
		b.shot("4-channel")
		b.click("button", "Save")
		b.closed()
		b.seesIn("main .facts", "s1/c"+n, "modbus-rtu")
	}
	b.click("treeitem", "ch_dev1")
	b.click("link", "d1")
	b.paste("Name 1", "temperature\t\tinput:0\tint16\t0.1\t°C\n"+
		"humidity\tRelative humidity\tinput:1\tuint16\t0.1\t%\n"+
		"setpoint\t\tholding:O\tint16\t0.1\t°C\ttrue\n")
	b.click("button", "Save")
	b.seesIn(".grid td:has([aria-label=\"Address 3\"])", `address is "holding:O"; write coil:0`)
	b.shot("5-tags")
	b.enter("Address 3", "holding:0")
	b.click("button", "Save")
	b.seesIn(".toasts", "ch_dev1/d1 is saved")

	b.rightClick("treeitem", "3# dev")
	b.click("menuitem", "Add Channel")
	b.enter("Name", "ch_dev3")
	b.click("radio", "raw")
	b.click("button", "Save")
	b.closed()
	b.rightClick("treeitem", "ch_dev3")
	b.click("menuitem", "Select Driver")
	b.click("radio", "text")
	b.seesIn("dialog .driver.grey", "driver sim runs without a link")
	b.shot("6-drivers")
	b.click("button", "Cancel")
	b.closed()
}

// seesDevices has devices dial in: two slaves of libmodbus behind socat, and socat alone.
func (b *tab) seesDevices(t *testing.T, in *instance) {
	t.Helper()
	first := startSlave(t, in, "c0001")
	startSlave(t, in, "c0002")
	third := exec.Command("socat", "-", "TCP:127.0.0.1:"+in.port(t, "s1"))
	third.Stdin = strings.NewReader("c0003")
	start(t, third)
	for _, n := range []string{"1", "2"} {
		b.seesIn(`[data-id="connection/s1/c`+n+`"]`, "online")
	}
	b.shot("7-online")
	b.click("treeitem", "1# dev")
	b.click("link", "Open")
	b.seesIn("main table", "d1/temperature", "21.5 °C", "good", "d1/humidity", "45.6 %")
	first.warmer(t)
	b.seesIn("main table", "22.5 °C")
	b.click("button", "Write")
	b.enter("Value", "23.5")
	b.click("button", "Write")
	b.closed()
	b.seesIn(".toasts", "ch_dev1/d1/setpoint = 23.5: confirmed by the device")
	first.program.shows("holding 0 = 235")
	b.seesIn("main table", "23.5 °C")
	b.shot("8-connection")
	first.program.end(syscall.SIGKILL)
	b.seesIn("main table", "bad timeout")
}

// takesBack deletes a channel by mistake, and undoes it.
func (b *tab) takesBack() {
	b.t.Helper()
	b.click("link", "Project")
	b.rightClick("treeitem", "ch_dev3")
	b.click("menuitem", "Delete")
	b.seesIn("dialog", "Delete channel ch_dev3?")
	b.click("button", "Delete")
	b.closed()
	b.holds("ch_dev3 is gone", `!document.querySelector('[data-id="channel/ch_dev3"]')`)
	b.click("button", "Changes")
	b.seesIn("dialog .revisions", "- channel ch_dev3")
	b.shot("9-changes")
	b.click("button", "Go back to here")
	b.seesIn("dialog:last-of-type", "+ channel ch_dev3")
	b.click("button", "Go back to here")
	b.seesIn(".toasts", "Back at revision")
	b.keys("\x1b")
	b.closed()
	b.seesIn("[role=tree]", "ch_dev3")
}
