package server

import (
	"slices"

	"linkd/drivers"
	"linkd/drivers/tags"
	"linkd/project"
)

// Providers returns every provider at this moment, in the order of the project.
func (s *Server) Providers() []ProviderView {
	s.mu.RLock()
	providers := slices.Clone(s.providers)
	s.mu.RUnlock()
	views := make([]ProviderView, 0, len(providers))
	for _, p := range providers {
		views = append(views, p.providerView())
	}
	return views
}

func (p *provider) providerView() ProviderView {
	p.mu.RLock()
	defer p.mu.RUnlock()
	v := ProviderView{
		Name: p.name, Title: p.conf.Title, Type: string(p.conf.Type), LocalAddr: p.addr,
		State: p.state, Error: p.fault, Connections: p.conf.Len(),
		Online: int(p.online.Load()), Identifying: int(p.identifying.Load()), Accepted: p.accepts.Load(),
		Refused: p.refused.Load(), Disabled: p.disabled(),
	}
	if p.conf.Type == project.TCPServer {
		v.ConnIdentity = string(p.conf.ConnIdentity)
		if p.conf.ConnIdentity != project.FixIP {
			v.Preset = p.conf.Identity.Preset
		}
	}
	return v
}

// disabled counts the connections that are. The caller holds p.mu.
func (p *provider) disabled() (count int) {
	for _, c := range p.conf.Connections {
		if c.Disabled {
			count++
		}
	}
	return count
}

// Stats returns the counters since start.
func (s *Server) Stats() Stats {
	s.mu.RLock()
	providers, local := slices.Clone(s.providers), s.local
	s.mu.RUnlock()
	st := Stats{
		LoopLag: make([]uint64, len(LagBounds)+1), Flaps: s.flaps.Load(), Panics: s.panics.Load(),
		Restarts: s.restarts.Load(), EventsLost: s.events.lost.Load(),
		Capacity: s.capacity, Sessions: int(s.sessions.Load()),
	}
	for _, d := range s.cfg.Drivers {
		st.Drivers = append(st.Drivers, DriverStats{Driver: d.Name, Polls: map[string]uint64{},
			TagValues: map[string]uint64{}, Writes: s.writes.of(d.Name), Poll: make([]uint64, len(PollBounds)+1),
			PollLag: make([]uint64, len(LagBounds)+1)})
	}
	for _, p := range providers {
		st.Providers = append(st.Providers, p.stats(&st))
	}
	if local != nil {
		local.stats(&st) // its polls and lag count; it is no provider to people
	}
	return st
}

// stats sums the counters of the provider's loops, and adds their lag to st.
func (p *provider) stats(st *Stats) ProviderStats {
	p.mu.RLock()
	defer p.mu.RUnlock()
	v := ProviderStats{
		Provider: p.name, Online: int(p.online.Load()), Identifying: int(p.identifying.Load()),
		Sessions: map[string]uint64{}, Closes: map[string]uint64{}, Strangers: map[string]uint64{},
		Identify: make([]uint64, len(IdentifyBounds)+1),
	}
	v.Disabled = p.disabled()
	v.Offline = p.conf.Len() - v.Online - v.Disabled
	// A provider without a link yet shows every series, at 0.
	none := &counters{drivers: make([]driverCounters, len(st.Drivers))}
	for _, c := range append([]*counters{none}, p.counters...) {
		v.BytesIn += c.bytesIn.Load()
		v.BytesOut += c.bytesOut.Load()
		for r := range resultCount {
			v.Sessions[r.String()] += c.sessions[r].Load()
		}
		for r := notClosed + 1; r < reasonCount; r++ {
			v.Closes[r.String()] += c.closes[r].Load()
			if r.stranger() {
				v.Strangers[r.String()] += c.strangers[r].Load()
			}
		}
		v.IdentifySum += c.identify.addTo(v.Identify)
		st.LoopLagSum += c.lateness.addTo(st.LoopLag)
		for i := range c.drivers {
			c.drivers[i].addTo(&st.Drivers[i])
		}
	}
	return v
}

func (c *driverCounters) addTo(d *DriverStats) {
	for r := range drivers.PollResultCount {
		d.Polls[r.String()] += c.polls[r].Load()
	}
	d.TagValues[tags.Good.String()] += c.good.Load()
	d.TagValues[tags.Bad.String()] += c.bad.Load()
	d.PollSum += c.took.addTo(d.Poll)
	d.PollLagSum += c.late.addTo(d.PollLag)
}
