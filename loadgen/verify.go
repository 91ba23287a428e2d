package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The verdict. The server's values come as server-sent events named value, one tag each; the names tell which device a
// value claims to be of: connection NAME<number>, device NAME<unit>, address holding:A or input:A, or a meter's
// identifier, type uint64. The worker that owns the device compares the value with what the device sent: see
// selfDescribing.check.

// ErrVerify is wrapped by errors of the stream of values. Without it there is no verdict.
var ErrVerify = errors.New("loadgen: the values could not be followed")

const (
	mostLine     = 64 << 10 // bytes of one event
	mostMetrics  = 4 << 20
	verifyAnswer = 10 * time.Second // until the server answers
	lostMetric   = "linkd_events_lost_total"
)

// shown is a good value that the server shows.
type shown struct {
	dev   int // in the fleet
	unit  int
	input bool
	addr  int
	value uint64
	at    int64    // when the server read it
	line  lineName // with a ledger: this and dev alone
}

// Verdict is what came of following the server's values.
type Verdict struct {
	Verified int64  `json:"verified"` // good values that are right
	Wrong    int64  `json:"wrong"`    // of another question, or never sent by the device
	Old      int64  `json:"old"`      // right, and older than max_age
	Lost     int64  `json:"lost"`     // events that the server did not hand to its readers in time; no more were missed
	Skipped  int64  `json:"skipped"`  // values that are not good, or not of this fleet
	Example  string `json:"example"`  // the first that was not right

	ended error // the stream ended before the run
}

func (v *Verdict) merge(o *Verdict) {
	v.Verified += o.Verified
	v.Wrong += o.Wrong
	v.Old += o.Old
	v.Lost += o.Lost
	v.Skipped += o.Skipped
	v.Example = or(v.Example, o.Example)
}

func (v *Verdict) String() string {
	return fmt.Sprintf("%d verified, %d wrong, %d old; %d lost, %d of no concern", v.Verified, v.Wrong, v.Old, v.Lost,
		v.Skipped)
}

// complaint is empty when there is nothing to complain of.
func (v *Verdict) complaint() string {
	switch {
	case v.Wrong+v.Old > 0:
		return fmt.Sprintf("%d of %d values are wrong and %d too old, the first: %s", v.Wrong, v.Verified+v.Wrong+v.Old,
			v.Old, v.Example)
	case v.Verified == 0:
		return "no value was verified"
	}
	return ""
}

// follows is the URL of the server whose values are followed; empty when none are.
func (c *Config) follows() string { return or(c.Verify, c.Ledger) }

// follower reads the server's values while the fleet runs.
type follower struct {
	cfg    *Config
	client *http.Client
	cancel context.CancelFunc
	body   io.ReadCloser
	read   func(body []byte) (v shown, concerns bool)
	lost   int64 // the server's count before
	out    Verdict
	done   chan struct{}
}

// follow subscribes. When it returns without an error, no value that is read from now on is missed.
func follow(ctx context.Context, cfg *Config) (*follower, error) {
	ctx, cancel := context.WithCancel(ctx)
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	f := &follower{cfg: cfg, client: client, cancel: cancel, done: make(chan struct{})}
	f.read = f.readValue
	if cfg.Ledger != "" {
		f.read = f.readLine
	}
	err := f.open(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", ErrVerify, err)
	}
	return f, nil
}

func (f *follower) open(ctx context.Context) (err error) {
	if f.lost, err = f.losses(ctx); err != nil {
		return err
	}
	late := time.AfterFunc(verifyAnswer, f.cancel)
	defer late.Stop()
	f.body, err = f.get(ctx, "/api/v1/events?values=true")
	return err
}

func (f *follower) get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(f.cfg.follows(), "/")+path, nil)
	if err != nil {
		return nil, err
	}
	if f.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+f.cfg.Token)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		res.Body.Close()
		return nil, fmt.Errorf("GET %s: %s: %s", path, res.Status, bytes.TrimSpace(said))
	}
	return res.Body, nil
}

// losses is how many events and values the server could not hand to its readers so far; 0 where it does not say.
func (f *follower) losses(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyAnswer)
	defer cancel()
	body, err := f.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	lines := bufio.NewScanner(io.LimitReader(body, mostMetrics))
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), lostMetric+" "); ok {
			v, _ := strconv.ParseFloat(n, 64)
			return int64(v), nil
		}
	}
	return 0, lines.Err()
}

// run hands each value of the fleet to check until the stream ends. check reports false when the run is over.
func (f *follower) run(check func(shown) bool) {
	defer close(f.done)
	defer f.body.Close()
	lines := bufio.NewScanner(f.body)
	lines.Buffer(nil, mostLine)
	event := ""
	for lines.Scan() {
		line := lines.Bytes()
		if name, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			event = string(name)
			continue
		}
		body, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok || event != "value" {
			continue
		}
		v, concerns := f.read(body)
		if !concerns {
			f.out.Skipped++
		} else if !check(v) {
			return
		}
	}
	f.out.ended = lines.Err()
	if f.out.ended == nil {
		f.out.ended = io.ErrUnexpectedEOF
	}
}

// readValue reads a value; false when it is not one of the fleet's, or not good.
func (f *follower) readValue(body []byte) (shown, bool) {
	var item struct {
		Connection, Device, Address, Type, Quality string

		Value json.RawMessage
		TS    time.Time
	}
	if json.Unmarshal(body, &item) != nil || item.Quality != "good" || item.Type != "uint64" {
		return shown{}, false
	}
	number, ok1 := tailNumber(item.Connection)
	unit, ok2 := tailNumber(item.Device)
	addr, input, ok3 := f.cfg.readAddress(item.Address)
	value, err := strconv.ParseUint(string(item.Value), 10, 64)
	v := shown{dev: number - f.cfg.From, unit: unit, input: input, addr: addr, value: value, at: item.TS.UnixNano()}
	ours := ok1 && ok2 && ok3 && err == nil &&
		v.dev >= 0 && v.dev < f.cfg.Devices && unit >= f.cfg.Slave.UnitFrom && unit <= f.cfg.Slave.UnitTo
	return v, ours
}

// readAddress reads the address of a tag that describes itself; false when it is none.
func (c *Config) readAddress(text string) (addr int, input, ok bool) {
	if c.Mode == DLT645 {
		n, err := strconv.ParseUint(text, 16, 32)
		block := n - selfIdentifier
		return int(block&blockMask) * 4, true, err == nil && block <= blockMask
	}
	table, digits, _ := strings.Cut(text, ":")
	addr, err := strconv.Atoi(digits)
	return addr, table == "input", err == nil && addr%4 == 0 && (table == "input" || table == "holding")
}

// tailNumber reads the digits at the end of a name.
func tailNumber(name string) (int, bool) {
	head := strings.TrimRight(name, "0123456789")
	n, err := strconv.Atoi(name[len(head):])
	return n, err == nil
}

// finish ends the following, and returns what came of it besides the workers' checks.
func (f *follower) finish(ctx context.Context) Verdict {
	early := false
	select {
	case <-f.done:
		early = f.out.ended != nil
	default:
	}
	if lost, err := f.losses(context.WithoutCancel(ctx)); err == nil {
		f.out.Lost = max(0, lost-f.lost)
	}
	f.cancel()
	<-f.done
	if !early {
		f.out.ended = nil
	}
	return f.out
}
