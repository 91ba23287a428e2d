package doors

import "fmt"

// A Role is what a token gives the right to do. Each role may do all that a lesser one may: compare them with <.
type Role uint8

const (
	None     Role = iota // no right at all
	Viewer               // read: lists, values, streams, taps, metrics
	Operator             // also act on devices: send, write, kick, adopt, tunnel
	Admin                // also configure, and give and take tokens
)

// An Action is what somebody wants to do; it is named by the least role that may.
type Action = Role

// The actions, each named by what it does.
const (
	Read      Action = Viewer
	Act       Action = Operator
	Configure Action = Admin
)

// May says whether the role may do an action. No role may do the action None: what states no role is nobody's.
func (r Role) May(a Action) bool { return a != None && r <= Admin && r >= a }

func (r Role) String() string {
	switch r {
	case None:
		return "none"
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Admin:
		return "admin"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// ParseRole reads a role that a token may have: viewer, operator or admin.
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{Viewer, Operator, Admin} {
		if s == r.String() {
			return r, nil
		}
	}
	return None, fmt.Errorf("doors: the role is %.40q; it must be viewer, operator or admin", s)
}
