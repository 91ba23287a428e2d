package server

import (
	"fmt"

	"linkd/codec"
	"linkd/project"
	"linkd/routing"
)

// MaxTried is the most bytes that TryIdentity takes: those that are kept before an identity, and as many behind it.
const MaxTried = 2 * preIdentityBytes

// Trial is bytes to be tried as if a device had sent them, all at once and then nothing.
type Trial struct {
	Identity project.Identity // validated
	Provider string           // its configured ids are known
	IDs      []string         // without a Provider: these are known
	Data     []byte
}

// Tried is what linkd would do with them.
type Tried struct {
	codec.Trial
	Known      bool   // the id is configured
	Connection string // that it is the id of; empty where there is no provider
	State      State  // of that connection
	HasSecret  bool   // that connection has one. It is not compared: nobody shall guess here.
	Reason     Reason // why the link would be closed; notClosed when it would be bound
	Answer     []byte // what it would be sent
}

// TryIdentity says what a link would come to. Nothing is bound, counted, listed or sent. Errors: ErrInvalid, and
// ErrNotFound for a provider that is not there.
func (s *Server) TryIdentity(q Trial) (Tried, error) {
	if len(q.Data) > MaxTried {
		return Tried{}, fmt.Errorf("%w: %d bytes; at most %d are tried", ErrInvalid, len(q.Data), MaxTried)
	}
	f, err := codec.New(q.Identity)
	if err != nil {
		return Tried{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	var p *provider
	var table *routing.Table
	if q.Provider != "" {
		if p, err = s.providerNamed(q.Provider); err != nil {
			return Tried{}, err
		}
		table = p.table
	} else {
		table = routing.NewTable(len(q.IDs))
		for i, id := range q.IDs {
			table.Insert([]byte(id), uint32(i+1))
		}
	}
	r := Tried{Trial: f.Try(q.Data, func(quiet bool) codec.Identified {
		got := f.Identify(nil, q.Data, quiet, table)
		got.Verdict = bounded(got.Verdict, len(q.Data))
		return got
	})}
	switch r.Verdict {
	case codec.Found:
		n, known := table.Lookup(r.ID)
		if r.Known = known; !known {
			r.Reason = ReasonUnknown
		} else if p != nil {
			p.tried(n, &r)
		}
		if r.Reason == notClosed {
			r.Answer = append(f.Accept(nil, r.ID), r.Reply...)
		} else {
			r.Payload, r.Held, r.Answer, r.End = nil, nil, f.Refuse(nil, r.ID), ""
		}
	case codec.Rubbish:
		r.Reason = ReasonRubbish
	default:
		r.Reason = ReasonTimeout
	}
	if r.Reason == notClosed && r.End != "" {
		r.Reason = ReasonFraming
	}
	return r, nil
}

// tried says what connection point n would do with the link.
func (p *provider) tried(n uint32, r *Tried) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	c := p.pts.conn(pt.origin)
	r.HasSecret = c != nil && c.Secret != ""
	r.Reason = pt.refuses(!r.HasSecret || len(r.Secret) > 0, p.live.Load().oldest)
	if r.Known = r.Reason != ReasonUnknown; r.Known {
		r.Connection, r.State = string(p.pts.appendName(nil, pt.origin, n)), pt.state()
	}
}
