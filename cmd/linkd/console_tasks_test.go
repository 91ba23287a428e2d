package main_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// pageTask is what the main thread of a page did without a break: so long nobody was answered.
type pageTask struct {
	CPU   time.Duration // of the thread itself: what else the machine did meanwhile does not count
	Wall  time.Duration
	Asker string // where in Chromium the task comes from
}

func (p pageTask) String() string {
	return fmt.Sprintf("%.0f ms of CPU in %.0f ms, for %s", p.CPU.Seconds()*1e3, p.Wall.Seconds()*1e3, p.Asker)
}

// taskRecorder has the browser write down the tasks of a page. The browser keeps them in memory, half a MB for a
// second, until recorded asks for them.
type taskRecorder struct {
	b    *tab
	over chan bool // whether some were lost

	mu     sync.Mutex
	events []json.RawMessage
}

// taskRecorder of a page; a page has one.
func (b *tab) taskRecorder() *taskRecorder {
	b.t.Helper()
	r := &taskRecorder{b: b, over: make(chan bool, 1)}
	err := chromedp.Listen(b.ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, v := range e.Value {
				r.events = append(r.events, json.RawMessage(v))
			}
		case *tracing.EventTracingComplete:
			r.over <- e.DataLossOccurred
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// record begins.
func (r *taskRecorder) record() {
	r.b.t.Helper()
	tasksAlone := &tracing.TraceConfig{IncludedCategories: []string{"toplevel"}, ExcludedCategories: []string{"*"}}
	if _, err := chromedp.Call(r.b.ctx, tracing.Start, tracing.StartParams{TraceConfig: tasksAlone}); err != nil {
		r.b.t.Fatal(err)
	}
}

// recorded ends what record began, and returns the tasks since then. One that was under way at either end is not among
// them.
func (r *taskRecorder) recorded() []pageTask {
	r.b.t.Helper()
	if _, err := chromedp.Call(r.b.ctx, tracing.End, chromedp.Void{}); err != nil {
		r.b.t.Fatal(err)
	}
	select {
	case lost := <-r.over:
		if lost {
			r.b.t.Fatal("the browser has lost tasks")
		}
	case <-time.After(patience):
		r.b.t.Fatal("the browser does not hand out its tasks")
	}
	r.mu.Lock()
	events := r.events
	r.events = nil
	r.mu.Unlock()
	tasks, err := tasksOf(events)
	if err != nil {
		r.b.t.Fatal(err)
	}
	return tasks
}

// tasksOf is the tasks of pages' main threads among the events of a trace. Times are in µs there.
func tasksOf(events []json.RawMessage) (tasks []pageTask, err error) {
	type thread struct{ Pid, Tid int }
	names := map[thread]string{}
	all := map[thread][]pageTask{}
	var cpu time.Duration
	for _, raw := range events {
		var e struct {
			thread
			Name, Ph  string
			Dur, Tdur int64
			Args      struct {
				Name string
				Src  string `json:"src_file"`
				Func string `json:"src_func"`
			}
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("%w: %s", err, raw)
		}
		switch {
		case e.Name == "thread_name":
			names[e.thread] = e.Args.Name
		case e.Name == "ThreadControllerImpl::RunTask" && e.Ph == "X": // a whole one; others have no times
			asker := e.Args.Src[strings.LastIndex(e.Args.Src, "/")+1:] + " " + e.Args.Func
			all[e.thread] = append(all[e.thread], pageTask{
				CPU: time.Duration(e.Tdur) * time.Microsecond, Wall: time.Duration(e.Dur) * time.Microsecond, Asker: asker})
		}
	}
	for t, name := range names {
		if name == "CrRendererMain" {
			tasks = append(tasks, all[t]...)
		}
	}
	for _, t := range tasks {
		cpu += t.CPU
	}
	if cpu == 0 {
		return nil, fmt.Errorf("%d events, %d tasks of a page in them, and no CPU time", len(events), len(tasks))
	}
	return tasks, nil
}

// longest is the task with the most CPU time.
func longest(tasks []pageTask) (most pageTask) {
	for _, t := range tasks {
		if t.CPU > most.CPU {
			most = t
		}
	}
	return most
}

// TestConsoleLongTask: a page that works for long is found out, one that waits is not, however long: what others do
// with the machine meanwhile is no fault of the page.
func TestConsoleLongTask(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	in.dial(t, "s1", "c0002\n")
	in.online(t, "s1/c2", 0)
	b := in.console(t)
	r := b.taskRecorder()
	r.record()
	tells[bool](b, `new Promise((done) => setTimeout(() => {
		const ask = new XMLHttpRequest();
		ask.open("POST", "/api/v1/connections/s1/c2/send", false); // false: nothing else happens meanwhile
		ask.setRequestHeader("Content-Type", "application/json");
		ask.send(JSON.stringify({hex: "01", wait_ms: 1000}));
		done(ask.status === 200);
	}))`)
	var waited time.Duration
	for _, task := range r.recorded() {
		waited = max(waited, task.Wall)
		if task.CPU > longTask {
			t.Errorf("a page that waits is said to work: %v", task)
		}
	}
	if waited < 900*time.Millisecond {
		t.Errorf("the longest task took %v, want the second in which the page waited", waited)
	}
	for work := 150; ; work *= 2 { // of a busy machine the page does not have it all
		r.record()
		tells[bool](b, `new Promise((done) => setTimeout(() => {
			for (const end = Date.now() + %s; Date.now() < end;);
			done(true);
		}))`, work)
		found := longest(r.recorded())
		t.Logf("of %d ms: %v", work, found)
		if found.CPU > longTask {
			break
		}
		if work > 5000 {
			t.Fatalf("a page that works for %d ms is not found out: %v", work, found)
		}
	}
}
