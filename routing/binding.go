package routing

import "sync/atomic"

// Binding is the owner of one connection point: the handle of a session, 0 when the connection point is offline. The
// zero Binding is free. It is one word; every method is one atomic step.
//
// The caller never gives two sessions the same handle; then a Binding that has changed hands never looks as before,
// and whatever an older session does to clean up cannot harm a newer one.
type Binding struct{ owner atomic.Uint64 }

// Bind makes session the owner of a free connection point; false when it has an owner, or session is 0.
func (b *Binding) Bind(session uint64) bool { return b.Takeover(0, session) }

// Takeover makes session the owner in place of exactly old (0: of nobody); false when old is not the owner any more,
// or session is 0. The caller that succeeds closes old.
func (b *Binding) Takeover(old, session uint64) bool {
	return session != 0 && b.owner.CompareAndSwap(old, session)
}

// Release frees the connection point if session owns it. It is false, and does nothing, when another session does.
func (b *Binding) Release(session uint64) bool {
	return session != 0 && b.owner.CompareAndSwap(session, 0)
}

// Owner is the session that owns the connection point now, 0 when it is offline.
func (b *Binding) Owner() uint64 { return b.owner.Load() }
