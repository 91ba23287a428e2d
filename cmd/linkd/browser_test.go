package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshots is where pictures of the pages are kept, by test and name.
const screenshots = "../../bin/screenshots"

// tab is a page of a browser of its own. It keeps what must not happen: requests to other hosts, errors that no code of
// the page caught, violations of its policy, dialogs. The test fails for each.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string // URL of linkd

	mu       sync.Mutex
	wrong    []string
	requests int
}

// openTab starts a browser that shows nothing yet; it ends with the test.
func openTab(t *testing.T, base string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(peer(t, "chromium")),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900), chromedp.Flag("lang", "en"),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-pings", true), chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root with one
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, base: base}
	if err := chromedp.Listen(ctx, b.heard); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(ctx, log.Enable, chromedp.Void{})
	}
	if err != nil {
		t.Fatalf("watch the browser: %v", err)
	}
	t.Cleanup(b.verdict)
	return b
}

// heard looks at what the browser tells.
func (b *tab) heard(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.request(e.Request.URL)
	case *network.EventWebSocketCreated:
		b.request(e.URL)
	case *runtime.EventExceptionThrown:
		what := e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			what += " " + thrown.Description
		}
		b.fault("an error that nothing caught: " + what)
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity || e.Entry.Source == log.EntrySourceViolation ||
			strings.Contains(e.Entry.Text, "Content Security Policy") {
			b.fault("the policy was violated: " + e.Entry.Text)
		}
	case *page.EventJavascriptDialogOpening:
		b.fault("a dialog: " + e.Message)
		go func() { // the fault tells
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
}

func (b *tab) request(to string) {
	b.mu.Lock()
	b.requests++
	b.mu.Unlock()
	if u, err := url.Parse(to); err != nil || u.Scheme != "data" && u.Scheme+"://"+u.Host != b.base {
		b.fault("a request to " + to)
	}
}

func (b *tab) fault(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, what)
}

// verdict fails the test for what must not have happened; a failed test has a picture of its page.
func (b *tab) verdict() {
	b.mu.Lock()
	wrong, requests := b.wrong, b.requests
	b.mu.Unlock()
	for _, what := range wrong {
		b.t.Error(what)
	}
	if requests == 0 {
		b.t.Error("the browser was heard to ask for nothing: its requests are not watched")
	}
	if b.t.Failed() {
		b.shot("failed")
		b.t.Logf("the page says:\n%s", b.text())
	}
}

// do has the browser do something within patience.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// open goes to a path of the console, such as /#/fleet.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.base+path))
}

// shot keeps a picture of what is seen.
func (b *tab) shot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Errorf("picture %s: %v", name, err)
		return
	}
	file := filepath.Join(screenshots, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png")
	if err := errors.Join(os.MkdirAll(screenshots, 0o755), os.WriteFile(file, png, 0o644)); err != nil {
		b.t.Error(err)
	}
}

// size makes the window as large as that of a phone, say.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do("size", chromedp.EmulateViewport(width, height))
}

// script evaluates an expression in the page; %s stands for the arguments as JSON.
func script[T any](b *tab, expression string, args ...any) (v T, err error) {
	for i, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			return v, err
		}
		args[i] = string(text)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(expression, args...)))
}

// text is what a person reads on the page.
func (b *tab) text() string {
	s, err := script[string](b, `document.body ? document.body.innerText : ""`)
	if err != nil {
		return err.Error()
	}
	return s
}

// sees waits until the page shows each of the texts.
func (b *tab) sees(texts ...string) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("the page shows %q", texts), func() error {
		now := b.text()
		for _, want := range texts {
			if !strings.Contains(now, want) {
				return fmt.Errorf("no %q", want)
			}
		}
		return nil
	})
}

// find is a script that names the middle of the one thing that is meant, when it is there, seen and not disabled: what
// kind of thing it is, and its whole text or name for those who cannot see; a part of them does where nothing has it
// whole.
const find = `(() => {
	const [kind, name] = [%s, %s];
	const label = (e) => e.getAttribute("aria-label") || e.title || "";
	const labels = (e) => [...(e.labels || [])].map((l) => l.innerText.trim());
	const names = (e) => [e.innerText?.trim(), label(e), e.placeholder, ...labels(e)].filter(Boolean);
	const seen = [...document.querySelectorAll(kind)].filter((e) => e.checkVisibility() && !e.disabled);
	const e = seen.find((e) => names(e).includes(name)) ?? seen.find((e) => names(e).some((n) => n.includes(name)));
	if (!e) return null;
	e.scrollIntoView({block: "center"});
	const r = e.getBoundingClientRect();
	return {x: r.x + r.width / 2, y: r.y + r.height / 2};
})()`

const (
	buttons = "button, [role=button], [role=tab], [role=menuitem], summary"
	links   = "a[href]"
	entries = "input, textarea"
)

// click presses the mouse on what is meant, as soon as it is there.
func (b *tab) click(kind, name string) {
	b.t.Helper()
	var at *struct{ X, Y float64 }
	eventually(b.t, fmt.Sprintf("there is %q to click", name), func() (err error) {
		if at, err = script[*struct{ X, Y float64 }](b, find, kind, name); err == nil && at == nil {
			err = errors.New("there is none")
		}
		return err
	})
	b.do("click "+name, chromedp.MouseClickXY(at.X, at.Y))
}

// enter types a text into a field, in place of what it has.
func (b *tab) enter(field, text string) {
	b.t.Helper()
	b.click(entries, field)
	_, err := script[bool](b, `(document.activeElement.select?.(), true)`)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		b.t.Fatalf("type: %v", err)
	}
}

// choose picks an option of a select.
func (b *tab) choose(field, value string) {
	b.t.Helper()
	b.click("select", field)
	b.do("choose "+value, chromedp.SetValue(chromedp.JSPath("document.activeElement"), value))
}
