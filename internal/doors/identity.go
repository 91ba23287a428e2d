package doors

import "context"

// Identity is whose a token is. The zero Identity is nobody, who may do nothing.
type Identity struct {
	ID   string // of the token
	Name string // of whoever has it
	Role Role
	life context.Context // ends when the token is revoked, or the session; nil: never

	session *session // of a browser; nil: it came with the token itself
}

// Stay says that what somebody asked for goes on until leave: the session of a browser is not idle meanwhile.
func (i Identity) Stay() (leave func()) {
	if i.session == nil {
		return func() {}
	}
	return i.session.stay()
}

// OnRevoked calls f, in a goroutine of its own, once the token is revoked or the browser signed out: at once where that
// has been. A holder of an open connection closes it there. stop ends the interest; it reports whether f will
// never be called.
func (i Identity) OnRevoked(f func()) (stop func() bool) {
	if i.life == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(i.life, f)
}
