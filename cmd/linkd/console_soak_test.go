package main_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
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
	longTask = 100       // ms in which a page answers nobody
)

// task is one of those that are long, in ms; it began after the page did.
type task struct{ Duration, StartTime float64 }

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

// TestConsoleSoak: a page that follows 1,000 value changes a second, and plots some, stays small. LINKD_SOAK, such as
// 1h, says for how long; without it, it takes seconds. Long tasks are told, and are no failure: other tests run beside.
func TestConsoleSoak(t *testing.T) {
	t.Parallel()
	lasts, err := time.ParseDuration(cmp.Or(os.Getenv("LINKD_SOAK"), "12s"))
	if err != nil {
		t.Fatal(err)
	}
	in := serve(t, busy(), anyPorts...)
	b := in.console(t)
	tells[bool](b, `(() => {
		window.tasks = [];
		new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.toJSON())))
			.observe({type: "longtask"});
		return true;
	})()`)
	b.open("/#/tags?plot=ch0/d1/t0,ch4/d1/t4,ch9/d1/t9")
	b.seesIn("main .vtable", "t0", "good")
	before, began := in.valuesRead(t), time.Now()
	var most, last float64
	next := began
	for time.Since(began) < lasts {
		next = next.Add(time.Second)
		time.Sleep(time.Until(next)) // between two looks at the heap
		last = b.heap(false)
		most = max(most, last)
		if lasts > time.Minute && next.Sub(began)%time.Minute == 0 {
			t.Logf("after %v: %.1f MB, without garbage %.1f MB", next.Sub(began), last/(1<<20), b.heap(true)/(1<<20))
		}
	}
	rate := float64(in.valuesRead(t)-before) / time.Since(began).Seconds()
	tasks := tells[[]task](b, `tasks`)
	long := slices.DeleteFunc(slices.Clone(tasks), func(t task) bool { return t.Duration <= longTask })
	t.Logf("%v of %.0f values a second: at most %.1f MB, %.1f MB at the end; %d tasks over 50 ms, over %d ms: %.0f",
		lasts, rate, most/(1<<20), last/(1<<20), len(tasks), longTask, long)
	if most > mostHeap {
		t.Errorf("the page takes %.0f MB, over %d", most/(1<<20), mostHeap>>20)
	}
	now := tells[string](b, `document.querySelector(".vtable").innerText`)
	b.holds("values go on changing", `document.querySelector(".vtable").innerText !== %s`, now)
	b.shot("end")
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
