package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// gallery has something to see in every view.
var gallery = strings.NewReplacer(
	"connections:\n", "connections:\n      - {name: c2, title: \"2# dev\", socket_conn_id: c0002}\n",
	"models:\n", "    fleets: [{name: \"f{n}\", socket_conn_id: \"f{n:04}\", from: 1, to: 40}]\nmodels:\n",
).Replace(greenhouseModbus)

// picture is a view of the console, with a dialog open where there is one.
type picture struct {
	name, path string
	open       func(*tab)
}

func pressed(button string) func(*tab) { return func(b *tab) { b.click("button", button) } }

// chosen opens the menu of a node of the tree and chooses there.
func chosen(node, item string) func(*tab) {
	return func(b *tab) {
		b.rightClick("treeitem", node)
		b.click("menuitem", item)
	}
}

var views = []picture{
	{"fleet", "/#/fleet", nil},
	{"connection", "/#/connection/s1/c1", nil},
	{"frames", "/#/connection/s1/c1?", pressed("Pause")},
	{"project", "/#/project", nil},
	{"provider", "/#/project/provider/s1", nil},
	{"configuration", "/#/project/connection/s1/c1", nil},
	{"pattern", "/#/project/fleet/s1/f%7Bn%7D", nil},
	{"channel", "/#/project/channel/ch_dev1", nil},
	{"device", "/#/project/device/ch_dev1/d1", nil},
	{"model", "/#/project/model/th_sensor", nil},
	{"strangers", "/#/strangers", nil},
	{"tags", "/#/tags?channel=ch_dev1&plot=ch_dev1%2Fd1%2Ftemperature", nil},
	{"system", "/#/system", nil},
	{"import", "/#/system/import", nil},
	{"nowhere", "/#/nowhere", nil},
}

// asked are views with a dialog in front.
var asked = []picture{
	{"dialog-provider", "/#/project/provider/s1", pressed("Edit")},
	{"dialog-connection", "/#/project/connection/s1/c1", pressed("Edit")},
	{"dialog-pattern", "/#/project/fleet/s1/f%7Bn%7D", pressed("Edit")},
	{"dialog-channel", "/#/project/connection/s1/c2", pressed("Add Channel")},
	{"dialog-drivers", "/#/project/channel/ch_dev1", pressed("Select Driver")},
	{"dialog-device", "/#/project/device/ch_dev1/d1", pressed("Edit")},
	{"dialog-model", "/#/project/model/th_sensor", pressed("Edit")},
	{"dialog-delete", "/#/project/model/th_sensor", pressed("Delete")},
	{"dialog-changes", "/#/project", pressed("Changes")},
	{"dialog-client", "/#/project", chosen("Connectors", "Add Tcp Client")},
	{"dialog-write", "/#/connection/s1/c1", pressed("Write")},
	{"dialog-close", "/#/connection/s1/c1", pressed("Close link")},
	{"dialog-adopt", "/#/strangers", pressed("Adopt")},
	{"dialog-token", "/#/system", pressed("Make a token")},
}

// TestConsoleLooks goes through every view and dialog, wide and light, narrow and dark, and in Chinese: axe-core finds
// nothing serious, no page scrolls sideways, nor do tables whose rows become cards, and a picture of each is kept.
func TestConsoleLooks(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, gallery, anyPorts...)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	in.becomes(t, "ch_dev1/d1/temperature", "good", "")
	closed(t, in.dial(t, "s1", strings.Repeat("long", 25)+"\n"))
	closed(t, in.dial(t, "s1", "c0099\n"))
	b := openTab(t, in.url)
	b.open("/")
	b.sees("Token")
	b.look("sign-in", axe)
	token, err := in.token()
	if err != nil {
		t.Fatal(err)
	}
	b.enter("Token", token)
	b.click("button", "Sign in")
	b.seesIn(".live", "live")

	for _, p := range views {
		b.goes(p)
		b.look(p.name+"-wide", axe)
	}
	b.open("/#/system")
	b.find("link", "grafana/linkd.json")
	b.find("link", "prometheus/rules.yml")
	b.size(390, 844)
	b.colours("dark")
	for _, p := range append(views, asked...) {
		b.goes(p)
		b.look(p.name+"-narrow", axe)
	}
	b.closes()
	b.click("button", "中文")
	b.seesIn("nav", "项目", "设备群", "陌生设备", "标签", "系统")
	for _, p := range views {
		if p.open == nil {
			b.goes(p)
			b.look(p.name+"-zh", "")
		}
	}
	b.size(1280, 900)
	b.goes(views[1])
	b.seesIn("main", "数据帧", "在线")
	b.look("connection-zh-wide", axe)
	if lang := tells[string](b, `document.documentElement.lang`); lang != "zh-Hans" {
		t.Errorf("the page's language is %s", lang)
	}
}

var installing sync.Mutex

// axeCore is the source of axe-core, which npm installs with what the console is built of.
func axeCore(t *testing.T) string {
	t.Helper()
	installing.Lock() // one test at a time: the first installs it
	defer installing.Unlock()
	const web = "../../internal/console/web"
	file := filepath.Join(web, "node_modules/axe-core/axe.min.js")
	if _, err := os.Stat(file); err != nil {
		install := exec.Command(peer(t, "npm"), "ci", "--no-audit", "--no-fund")
		install.Dir = web
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// goes shows a picture's view, as it is when nothing is being read any more.
func (b *tab) goes(p picture) {
	b.t.Helper()
	b.closes()
	b.open(p.path)
	b.settles()
	if p.open != nil {
		p.open(b)
		b.settles()
	}
}

// closes a dialog where one is open.
func (b *tab) closes() {
	b.t.Helper()
	b.keys("\x1b")
	b.closed()
}

// settles waits until the page waits for nothing.
func (b *tab) settles() {
	b.t.Helper()
	b.holds("all is read", `!!document.querySelector("h1, dialog") && !document.querySelector(".spinner")`)
}

// look keeps a picture of what is open, and fails the test for what keeps people from using it.
func (b *tab) look(name, axe string) {
	b.t.Helper()
	b.shot(name)
	if wide := tells[[2]float64](b, `[document.documentElement.scrollWidth, innerWidth]`); wide[0] > wide[1] {
		b.t.Errorf("%s: the page is %v px wide in a window of %v", name, wide[0], wide[1])
	}
	const squeezed = `[...document.querySelectorAll(".scroll:has(> .cards)")].some((e) => e.scrollWidth > e.clientWidth)`
	if tells[bool](b, squeezed) {
		b.t.Errorf("%s: a table does not fit in", name)
	}
	if axe == "" {
		return
	}
	if !tells[bool](b, `!!window.axe`) {
		b.do("load axe-core", chromedp.Evaluate[chromedp.Void](axe))
	}
	for _, finding := range tells[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
		violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) =>
			v.id + ": " + v.help + ": " + v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary).join("; ")))`) {
		b.t.Errorf("%s: %s", name, finding)
	}
}

// colours has the system prefer light or dark.
func (b *tab) colours(scheme string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}}}); err != nil {
		b.t.Fatal(fmt.Errorf("colours: %w", err))
	}
}
