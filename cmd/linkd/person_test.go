package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What a person does on a page. Things are found as a screen reader tells of them, by role and name: what has no name
// there cannot be clicked here, and what is behind a dialog neither.

// find waits for the one thing that is meant and can be used: that of exactly this name, else the first that has it in
// its name. Several roles have spaces between them.
func (b *tab) find(role, name string) (id cdp.BackendNodeID) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("there is a %s %q", role, name), func() (err error) {
		id, err = b.lookFor(role, name)
		return err
	})
	return id
}

func (b *tab) lookFor(role, name string) (cdp.BackendNodeID, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	doc, err := chromedp.Call(ctx, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return 0, err
	}
	var nodes []*accessibility.Node
	for one := range strings.FieldsSeq(role) {
		found, err := chromedp.Call(ctx, accessibility.QueryAXTree,
			accessibility.QueryAXTreeParams{BackendNodeID: doc.Root.BackendNodeID, Role: one})
		if err != nil {
			return 0, err
		}
		nodes = append(nodes, found.Nodes...)
	}
	var names []string
	var part cdp.BackendNodeID
	for _, n := range nodes {
		if n.Ignored || n.Name == nil || disabled(n) {
			continue
		}
		var is string
		if err := json.Unmarshal(n.Name.Value, &is); err != nil {
			return 0, err
		}
		if is == name {
			return n.BackendDOMNodeID, nil
		}
		if part == 0 && strings.Contains(is, name) {
			part = n.BackendDOMNodeID
		}
		names = append(names, is)
	}
	if part == 0 {
		return 0, fmt.Errorf("there are %q", names)
	}
	return part, nil
}

func disabled(n *accessibility.Node) bool {
	for _, p := range n.Properties {
		if p.Name == accessibility.PropertyNameDisabled {
			return string(p.Value.Value) == "true"
		}
	}
	return false
}

// click presses the mouse on a thing as soon as it is there.
func (b *tab) click(role, name string) {
	b.t.Helper()
	b.press(role, name)
}

// rightClick opens the menu of a thing.
func (b *tab) rightClick(role, name string) {
	b.t.Helper()
	b.press(role, name, chromedp.ButtonRight)
}

// middle is where a thing can be clicked, once it stays where it is and nothing covers it.
const middle = `async function() {
	const frame = () => new Promise(requestAnimationFrame);
	const at = () => { const r = this.getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2}; };
	this.scrollIntoView({block: "nearest", inline: "nearest"});
	let now = at();
	for (let before = null, n = 0; n < 100 && (!before || before.x !== now.x || before.y !== now.y); n++) {
		before = now;
		await frame();
		await frame();
		now = at();
	}
	const hit = document.elementFromPoint(now.x, now.y);
	const own = [this, ...(this.labels ?? [])];
	if (!own.some((e) => e.contains(hit))) throw new Error("it is covered by " + hit?.outerHTML.slice(0, 200));
	return now;
}`

// press finds a thing and presses the mouse in its middle. A page that was drawn anew in between is looked at again.
func (b *tab) press(role, name string, options ...chromedp.MouseOption) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("%s %q is clicked", role, name), func() error {
		id, err := b.lookFor(role, name)
		if err != nil {
			return err
		}
		found, err := b.on(id, middle)
		if err != nil {
			return err
		}
		var at struct{ X, Y float64 }
		if err := json.Unmarshal(found, &at); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		return chromedp.Do(ctx, chromedp.MouseClickXY(at.X, at.Y, options...))
	})
}

// enter types a text into a field, in place of what it has.
func (b *tab) enter(field, text string) {
	b.t.Helper()
	b.have(b.find("textbox searchbox combobox spinbutton", field), `function() { this.focus(); this.select(); }`)
	if text == "" {
		b.keys(kb.Delete)
		return
	}
	if _, err := chromedp.Call(b.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		b.t.Fatalf("type into %s: %v", field, err)
	}
}

// choose picks an option of a list by what it says, as soon as it is there.
func (b *tab) choose(field, option string) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("%s is %q", field, option), func() error {
		id, err := b.lookFor("combobox", field)
		if err == nil {
			_, err = b.on(id, fmt.Sprintf(`function() {
				const option = [...this.options].find((o) => o.text === %q);
				if (!option) throw new Error("there are " + [...this.options].map((o) => o.text));
				this.focus();
				this.value = option.value;
				this.dispatchEvent(new Event("input", {bubbles: true}));
				this.dispatchEvent(new Event("change", {bubbles: true}));
			}`, option))
		}
		return err
	})
}

// paste gives a field what the clipboard has.
func (b *tab) paste(field, text string) {
	b.t.Helper()
	b.have(b.find("textbox", field), fmt.Sprintf(`function() {
		const clip = new DataTransfer();
		clip.setData("text/plain", %q);
		this.dispatchEvent(new ClipboardEvent("paste", {clipboardData: clip, bubbles: true, cancelable: true}));
	}`, text))
}

// upload opens a file in the page's one field for files.
func (b *tab) upload(content string) {
	b.t.Helper()
	b.holds("there is a field for files", `!!document.querySelector("input[type=file]")`)
	file := filepath.Join(b.t.TempDir(), "list.csv")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	input, err := chromedp.Call(ctx, runtime.Evaluate,
		runtime.EvaluateParams{Expression: `document.querySelector("input[type=file]")`})
	if err == nil {
		_, err = chromedp.Call(ctx, dom.SetFileInputFiles,
			dom.SetFileInputFilesParams{ObjectID: input.Result.ObjectID, Files: []string{file}})
	}
	if err != nil {
		b.t.Fatalf("open a file: %v", err)
	}
}

// saves clicks on a button that makes a file, and returns what is in it.
func (b *tab) saves(button, name string) (content []byte) {
	b.t.Helper()
	to := b.t.TempDir()
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior:     browser.SetDownloadBehaviorBehaviorAllow, //nolint:misspell // it is the library's word
		DownloadPath: to}); err != nil {
		b.t.Fatal(err)
	}
	b.click("button", button)
	eventually(b.t, name+" is saved", func() (err error) {
		content, err = os.ReadFile(filepath.Join(to, name))
		return err
	})
	return content
}

// keys presses keys, those of package kb among them.
func (b *tab) keys(keys string, options ...chromedp.KeyOption) {
	b.t.Helper()
	b.do("press keys", chromedp.KeyEvent(keys, options...))
}

// on calls a function of the page with a node as this, and waits for what it promises.
func (b *tab) on(id cdp.BackendNodeID, function string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	node, err := chromedp.Call(ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: id})
	if err != nil {
		return nil, err
	}
	yes := true
	res, err := chromedp.Call(ctx, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		ObjectID: node.Object.ObjectID, FunctionDeclaration: function, AwaitPromise: &yes, ReturnByValue: &yes})
	if err != nil {
		return nil, err
	}
	if e := res.ExceptionDetails; e != nil {
		return nil, fmt.Errorf("%s: %s", e.Text, e.Exception.Description)
	}
	return res.Result.Value, nil
}

// have is on of what cannot fail.
func (b *tab) have(id cdp.BackendNodeID, function string) {
	b.t.Helper()
	if _, err := b.on(id, function); err != nil {
		b.t.Fatal(err)
	}
}

// closed waits until no dialog is open.
func (b *tab) closed() {
	b.t.Helper()
	b.holds("the dialog closes", `!document.querySelector("dialog")`)
}
