package doors

import "context"

// Identity is whose a token is. The zero Identity is nobody, who may do nothing.
type Identity struct {
	ID   string // of the token
	Name string // of whoever has it
	Role Role
	life context.Context // ends when the token is revoked; nil: never
}

// OnRevoked calls f, in a goroutine of its own, once the token is revoked: at once where it has been. A holder of an
// open connection closes it there. stop ends the interest; it reports whether f will never be called.
func (i Identity) OnRevoked(f func()) (stop func() bool) {
	if i.life == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(i.life, f)
}
