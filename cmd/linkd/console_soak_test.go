package main_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	mostHeap = 150 << 20 // bytes of a page, garbage included
	longTask = 100 * time.Millisecond
	window   = 20 * time.Second // of tasks that are looked at together
)

// busy has 100 tags whose values change ten times a second, each time.
func busy() string {
	var project strings.Builder
	project.WriteString("project: busy\nchannels:\n")
	for ch := range 10 {
		fmt.Fprintf(&project, "  - name: ch%d\n    driver: sim\n    poll: 100ms\n    devices:\n", ch)
		project.WriteString("      - name: d1\n        tags:\n")
		for tag := range 10 {
			fmt.Fprintf(&project, "          - {name: t%d, address: \"n + %d\"}\n", tag, 100*ch+tag)
		}
	}
	return project.String()
}

// TestConsoleSoak: a page that follows 1,000 value changes a second, and plots some, stays small, and no task of it
// takes over 100 ms of CPU. LINKD_SOAK, such as 1h, says for how long; without it, it takes seconds. Tasks that took
// long by the clock are told, and are no failure: other tests run beside.
func TestConsoleSoak(t *testing.T) {
	t.Parallel()
	lasts, err := time.ParseDuration(cmp.Or(os.Getenv("LINKD_SOAK"), "12s"))
	if err != nil {
		t.Fatal(err)
	}
	in := serve(t, busy(), anyPorts...)
	b := in.console(t)
	tells[bool](b, `(() => {
		window.slow = [];
		new PerformanceObserver((list) => slow.push(...list.getEntries().map((e) => e.duration)))
			.observe({type: "longtask"});
		return true;
	})()`)
	r := b.taskRecorder()
	r.record()
	b.open("/#/tags?plot=ch0/d1/t0,ch4/d1/t4,ch9/d1/t9")
	b.seesIn("main .vtable", "t0", "good")
	before, began := in.valuesRead(t), time.Now()
	var worst pageTask
	var most float64
	var tasks int
	for left := lasts; left > 0; left -= window {
		most = max(most, b.watchHeap(min(left, window)))
		done := r.recorded()
		tasks += len(done)
		if now := longest(done); now.CPU > worst.CPU {
			worst = now
		}
		for _, task := range done {
			if task.CPU > longTask {
				t.Errorf("after %.0f s a task took %v", time.Since(began).Seconds(), task)
			}
		}
		if lasts > time.Minute && (lasts-left)%time.Minute == 0 {
			// no tasks are recorded now: the page did not ask to have its garbage removed
			t.Logf("after %v: at most %.1f MB, without garbage %.1f MB; the longest task took %v",
				time.Since(began).Round(time.Second), most/(1<<20), b.heap(true)/(1<<20), worst)
		}
		if left > window {
			r.record()
		}
	}
	rate := float64(in.valuesRead(t)-before) / time.Since(began).Seconds()
	slow := tells[[]float64](b, `slow`)
	t.Logf("%v of %.0f values a second: at most %.1f MB; %d tasks, the longest took %v", lasts, rate, most/(1<<20),
		tasks, worst)
	t.Logf("by the clock %d took over 50 ms: %.0f", len(slow), slow)
	if most > mostHeap {
		t.Errorf("the page takes %.0f MB, over %d", most/(1<<20), mostHeap>>20)
	}
	now := tells[string](b, `document.querySelector(".vtable").innerText`)
	b.holds("values go on changing", `document.querySelector(".vtable").innerText !== %s`, now)
	b.shot("end")
}

// watchHeap looks at the heap every second, and returns the most of it, in bytes.
func (b *tab) watchHeap(during time.Duration) (most float64) {
	b.t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); {
		time.Sleep(time.Second) // between two looks
		most = max(most, b.heap(false))
	}
	return most
}

// heap is what the page takes, in bytes.
func (b *tab) heap(withoutGarbage bool) float64 {
	b.t.Helper()
	if withoutGarbage {
		if _, err := chromedp.Call(b.ctx, heapprofiler.CollectGarbage, chromedp.Void{}); err != nil {
			b.t.Fatal(err)
		}
	}
	heap, err := chromedp.Call(b.ctx, runtime.GetHeapUsage, chromedp.Void{})
	if err != nil {
		b.t.Fatal(err)
	}
	return heap.UsedSize + heap.EmbedderHeapUsedSize + heap.BackingStorageSize
}

var valuesTotal = regexp.MustCompile(`(?m)^linkd_tag_values_total\{.*quality="good".*\} (\S+)$`)

// valuesRead is how many good values there were.
func (in *instance) valuesRead(t *testing.T) (sum int) {
	t.Helper()
	metrics, err := in.request(http.MethodGet, "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range valuesTotal.FindAllSubmatch(metrics, -1) {
		n, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += int(n)
	}
	return sum
}
