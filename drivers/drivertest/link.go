package drivertest

import (
	"fmt"
	"strings"

	"linkd/drivers"
	"linkd/drivers/tags"
)

var _ drivers.Link = (*link)(nil)

// Number implements drivers.Link.
func (l *link) Number() uint64 { return 1 }

// Scratch implements drivers.Link.
func (l *link) Scratch() []byte { return nil }

// Unread implements drivers.Link: what comes is read at once.
func (l *link) Unread() bool { return false }

// Value implements drivers.Link.
func (l *link) Value(tag int, raw tags.Value) {
	v, why := l.set.Tags[tag].Convert(raw)
	if why != tags.Fine {
		l.Bad(tag, why)
		return
	}
	l.log = append(l.log, "value "+l.tagName(tag)+" "+v.String())
}

// Bad implements drivers.Link.
func (l *link) Bad(tag int, r tags.Reason) {
	l.log = append(l.log, "bad "+l.tagName(tag)+" "+r.String())
}

// Polled implements drivers.Link.
func (l *link) Polled(device int, r drivers.PollResult, _, _ int64) {
	l.log = append(l.log, "poll "+l.set.Devices[device].Name+" "+r.String())
}

func (l *link) tagName(tag int) string {
	t := &l.set.Tags[tag]
	return l.set.Devices[t.Device].Name + "/" + t.Name
}

// write gives the machine a command to write DEVICE/TAG.
func (r *rig) write(path, value string) {
	for i := range r.set.Tags {
		if r.tagName(i) != path {
			continue
		}
		t := &r.set.Tags[i]
		v, err := t.Parse(value)
		if err == nil {
			v, err = t.Invert(v)
		}
		if err != nil {
			r.t.Fatalf("write %s %s: %v", path, value, err)
		}
		names := [drivers.ResultCount]string{"confirmed", "rejected", "timeout", "lost", "unsent"}
		r.m.(drivers.Commander).Command(r.now, &drivers.Command{Device: t.Device,
			Writes: []drivers.Write{{Tag: i, Value: v}}, Readback: t.Readback,
			Answer: func(res drivers.Result, why tags.Reason, detail string) {
				line := fmt.Sprintf("write %s %s %s", names[res], why, detail)
				r.log = append(r.log, strings.TrimSpace(line))
			}}, r.link)
		return
	}
	r.t.Fatalf("there is no tag %s to write", path)
}
