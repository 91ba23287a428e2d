package server

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"linkd/drivers"
	"linkd/project"
)

// compileChannels compiles the channels of a project, those that the running project has too excepted: these stay as
// they are, so that their links keep their state.
func (s *Server) compileChannels(next *project.Project) (map[*project.Channel]*served, error) {
	had := map[string]*served{}
	for _, p := range s.all() {
		for _, c := range *p.served.Load() {
			if c != nil {
				had[c.channel.Name] = c
			}
		}
	}
	s.mu.RLock()
	models := []*project.Model(nil)
	if s.project != nil {
		models = s.project.Models
	}
	s.mu.RUnlock()
	sameModels := reflect.DeepEqual(models, next.Models)
	out := make(map[*project.Channel]*served, len(next.Channels))
	var errs []error
	for _, ch := range next.Channels {
		if h := had[ch.Name]; h != nil && sameModels && reflect.DeepEqual(h.channel, ch) {
			out[ch] = h
			continue
		}
		c, err := s.cfg.Drivers.Compile(ch, next.Models)
		if err != nil {
			errs = append(errs, fmt.Errorf("channel %s: %w", ch.Name, err))
			continue
		}
		out[ch] = newServed(ch, s.cfg.Drivers, c)
	}
	return out, errors.Join(errs...)
}

// newServed is a compiled channel with what its sessions ask of it.
func newServed(ch *project.Channel, table drivers.Table, c drivers.Channel) *served {
	d := table.Find(ch.Driver)
	sv := &served{channel: ch, driver: d, compile: c, number: slices.Index(table, d)}
	for _, d := range table.Of(ch) {
		sv.polls = sv.polls || d.Polls
		sv.maxFrame = max(sv.maxFrame, d.MaxFrame)
	}
	sv.idle = idleLimit(sv.polls, ch.Poll, c)
	sv.explain, _ = c.(drivers.Explainer)
	if t, ok := c.(drivers.Tagged); ok {
		sv.set = t.Tags()
	}
	return sv
}

// unanswered is how many polls a device leaves unanswered before it is gone.
const unanswered = 3

// idleLimit is the idle limit, in milliseconds, of a link whose driver polls: a device that has been silent for the
// time of three polls, and at least 90 s, and left as many unanswered, is gone. A channel that only listens sets none.
func idleLimit(polls bool, poll time.Duration, c drivers.Channel) uint32 {
	if a, ok := c.(drivers.Asker); ok {
		poll = a.Asks()
	}
	if !polls || poll == 0 {
		return 0
	}
	return milliseconds(max(unanswered*poll, 90*time.Second))
}

// reconcileChannels gives every connection point its channel. The list of served channels is only added to while
// points refer to it: an index means one channel until no point has it.
func (p *provider) reconcileChannels(next *project.Project, chans map[*project.Channel]*served) {
	list := slices.Clone(*p.served.Load())
	index := map[*served]uint32{}
	for _, ch := range next.Channels {
		c := chans[ch]
		if name, _, _ := ch.Target(); name != p.name {
			continue
		}
		i := slices.Index(list, c)
		if i < 0 {
			if i = slices.Index(list[1:], nil) + 1; i == 0 {
				i = len(list)
				list = append(list, nil)
			}
			list[i] = c
		}
		index[c] = uint32(i)
	}
	p.served.Store(&list)
	p.eachPoint(1, func(n uint32, pt *point, name []byte) bool {
		want := uint32(0)
		if ch := next.ChannelFor(p.name, string(name)); ch != nil {
			want = index[chans[ch]]
		}
		if pt.channel != want {
			pt.channel = want
			if owner := pt.binding.Owner(); owner != 0 {
				_ = p.srv.post(owner, func(now int64, s *session) { s.serve(now, list[want]) })
			}
		}
		return true
	})
	pruned := slices.Clone(list)
	for i, c := range pruned {
		if _, used := index[c]; !used {
			pruned[i] = nil
		}
	}
	p.served.Store(&pruned)
}

// serve gives an online session another channel, or none. s is nil when the session has gone.
func (s *session) serve(now int64, ch *served) {
	if s == nil || s.phase != phaseOnline || s.reason != notClosed || s.served == ch {
		return
	}
	if m := s.machine; m != nil {
		s.machine = nil
		s.guardClose(now, m)
	}
	s.Wake(0)
	release(&s.frame)
	s.loop.ungather(s)
	s.served, s.values = ch, nil
	if ch != nil {
		if ch.set != nil {
			s.values = newValues(ch)
		}
		s.machine = ch.compile.Machine()
		s.start(now)
	}
	s.schedule(now)
}
