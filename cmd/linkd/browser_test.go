package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// shots is where pictures of the pages are kept, by test and name.
const shots = "../../bin/shots"

// tab is a page of a browser of its own. It keeps what must not happen: requests to other hosts, errors that no code of
// the page caught, what the browser's console calls an error, violations of the page's policy, alerts. The test fails
// for each.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string // URL of linkd
	// verdict fails the test for what must not have happened, once: when the test is over, or before linkd is ended.
	verdict func()

	mu       sync.Mutex
	wrong    []string
	requests []string // URLs
	looked   int      // how many of these asked has returned
	outage   bool     // linkd is away for a while: requests that fail are right
}

// openTab starts a browser that shows nothing yet; it ends with the test.
func openTab(t *testing.T, base string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(peer(t, "chromium")),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("lang", "en"),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("force-prefers-reduced-motion", true), chromedp.DisableGPU,
		chromedp.NoSandbox) // it shows linkd's pages alone, and needs rights for one that CI may not have
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits, so that the profile can be removed
			t.Logf("end the browser: %v", err)
		}
		cancel()
	})
	b := &tab{t: t, ctx: ctx, base: base}
	b.verdict = sync.OnceFunc(b.judge)
	if err := chromedp.Listen(ctx, b.heard); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	kept := int64(1 << 20) // bytes of answers, for those who ask for them again: nobody does
	_, err := chromedp.Call(ctx, network.Enable,
		network.EnableParams{MaxTotalBufferSize: &kept, MaxResourceBufferSize: &kept})
	if err == nil {
		_, err = chromedp.Call(ctx, log.Enable, chromedp.Void{})
	}
	if err != nil {
		t.Fatalf("watch the browser: %v", err)
	}
	t.Cleanup(b.verdict)
	b.size(1280, 900)
	return b
}

// console opens the web console, signed in as admin by a link with a code.
func (in *instance) console(t *testing.T) *tab {
	t.Helper()
	out, status := in.cli("console")
	if status != 0 {
		t.Fatalf("linkd console: status %d: %s", status, out)
	}
	b := openTab(t, in.url)
	b.open(strings.TrimPrefix(strings.TrimSpace(out), in.url))
	b.sees("live")
	return b
}

// expected is what comes of answers that the page shows at their place; the browser tells of each.
var expected = regexp.MustCompile(`the server responded with a status of (401|403|404|409|412|422)`)

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
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			what, _ := json.Marshal(e.Args)
			b.fault("the page complains: " + string(what))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !expected.MatchString(e.Entry.Text) {
			b.failed(e.Entry)
		}
	case *page.EventJavascriptDialogOpening:
		b.fault("an alert: " + e.Message)
		go func() { // the fault tells
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
}

// failed keeps what the browser itself complains of: a violated policy, a request that came to nothing.
func (b *tab) failed(e *log.Entry) {
	b.mu.Lock()
	outage := b.outage
	b.mu.Unlock()
	if !outage || e.Source != log.EntrySourceNetwork {
		b.fault(fmt.Sprintf("the browser complains (%s): %s %s", e.Source, e.Text, e.URL))
	}
}

func (b *tab) request(to string) {
	b.mu.Lock()
	b.requests = append(b.requests, to)
	b.mu.Unlock()
	if u, err := url.Parse(to); err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Scheme+"://"+u.Host != b.base {
		b.fault("a request to " + to)
	}
}

// asked returns the URLs that were asked for since the last call.
func (b *tab) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	since := b.requests[b.looked:]
	b.looked = len(b.requests)
	return slices.Clone(since)
}

func (b *tab) fault(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, what)
}

// expectOutage says whether linkd is away, so that requests may fail.
func (b *tab) expectOutage(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outage = away
}

// judge is verdict; a failed test has a picture of its page.
func (b *tab) judge() {
	b.mu.Lock()
	wrong, requests := b.wrong, b.requests
	b.mu.Unlock()
	for _, what := range wrong {
		b.t.Error(what)
	}
	if len(requests) == 0 {
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
	file := filepath.Join(shots, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png")
	if err := errors.Join(os.MkdirAll(shots, 0o755), os.WriteFile(file, png, 0o644)); err != nil {
		b.t.Error(err)
	}
}

// size makes the window as large as that of a phone, say.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do("size", chromedp.EmulateViewport(width, height))
}

// script evaluates an expression in the page; %s stands for the arguments as JSON. What it promises is waited for.
func script[T any](b *tab, expression string, args ...any) (v T, err error) {
	for i, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			return v, err
		}
		args[i] = string(text)
	}
	if len(args) > 0 {
		expression = fmt.Sprintf(expression, args...)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// tells is script of what cannot fail.
func tells[T any](b *tab, expression string, args ...any) T {
	b.t.Helper()
	v, err := script[T](b, expression, args...)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
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
	b.seesIn("body", texts...)
}

// seesIn is sees within the first thing of a CSS selector that has them all.
func (b *tab) seesIn(selector string, texts ...string) {
	b.t.Helper()
	const shown = `[...document.querySelectorAll(%s)].some((e) => %s.every((text) => e.innerText.includes(text)))`
	b.holds(fmt.Sprintf("%s shows %q", selector, texts), shown, selector, texts)
}

// holds waits until a condition of the page does.
func (b *tab) holds(what, condition string, args ...any) {
	b.t.Helper()
	eventually(b.t, what, func() error { return b.is(condition, args...) })
}

// is returns nil when a condition of the page holds now.
func (b *tab) is(condition string, args ...any) error {
	is, err := script[bool](b, condition, slices.Clone(args)...)
	if err == nil && !is {
		err = errors.New("not so")
	}
	return err
}
