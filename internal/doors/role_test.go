package doors

import (
	"strings"
	"testing"
)

func TestRolesAreOrdered(t *testing.T) {
	may := map[Role]string{None: "...", Viewer: "v..", Operator: "vo.", Admin: "voa", Admin + 1: "..."}
	for role, want := range may {
		got := ""
		for _, a := range []struct {
			action Action
			letter string
		}{{Read, "v"}, {Act, "o"}, {Configure, "a"}} {
			if role.May(a.action) {
				got += a.letter
			} else {
				got += "."
			}
		}
		if got != want {
			t.Errorf("%v may do %s, want %s", role, got, want)
		}
		if role.May(None) {
			t.Errorf("%v may do what nobody may", role)
		}
	}
}

func TestParseRole(t *testing.T) {
	for _, r := range []Role{Viewer, Operator, Admin} {
		if got, err := ParseRole(r.String()); err != nil || got != r {
			t.Errorf("ParseRole(%v) = %v, %v", r, got, err)
		}
	}
	for _, s := range []string{"", "none", "Admin", "root", "admin ", strings.Repeat("x", 1000)} {
		r, err := ParseRole(s)
		if err == nil || r != None {
			t.Errorf("ParseRole(%.10q) = %v, %v; want a refusal", s, r, err)
			continue
		}
		if !strings.Contains(err.Error(), "viewer, operator or admin") || len(err.Error()) > 200 {
			t.Errorf("ParseRole(%.10q): %v", s, err)
		}
	}
}
