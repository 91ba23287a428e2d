package codec

import (
	"regexp"
	"slices"
	"testing"

	"linkd/project"
)

// TestRegexIsRegexp compares with the standard library, which is the authority for what a pattern matches.
func TestRegexIsRegexp(t *testing.T) {
	patterns := []string{
		`(?P<id>a+)`, `(?P<id>a+?)b`, `(?P<id>a|ab)(?P<secret>c|bcd)?`, `(?P<id>(a|b)*)(?P<secret>c*)$`, `(?P<id>\w+)\b.`,
		`(?P<id>[^\n]+)(?m:$)`, `(?s:(?P<id>.{2,4}))`, `(?i)(?P<id>A+)(;(?P<secret>B{1,2}))?`, `\Aa?(?P<id>\x{e9}|b)`,
		`(?P<id>(?P<secret>a)|b)+`, `^(?P<id>b)\B`, `(?P<id>a)|(?P<secret>b)`,
	}
	for _, p := range patterns {
		f := framer(t, project.Identity{Preset: "regex", Pattern: p})
		std := regexp.MustCompile(`\A(?:` + p + `)`)
		id, secret := 2*std.SubexpIndex("id"), 2*std.SubexpIndex("secret")
		words("abc;\n\xC3\xA9", 5, func(b []byte) {
			want := looked{}
			if m := std.FindSubmatchIndex(b); m != nil {
				want = looked{verdict: Rubbish}
				if m[id] >= 0 && m[id] < m[id+1] {
					want = looked{Found, string(b[m[id]:m[id+1]]), "", m[1]}
					if secret > 0 && m[secret] >= 0 {
						want.secret = string(b[m[secret]:m[secret+1]])
					}
				}
			}
			got := look(f, b, true, ids())
			if want.verdict == Wait && got.verdict == Rubbish {
				got = looked{} // the library cannot tell the two apart
			}
			if got != want && !slices.Contains(b[max(0, len(b)-1):], 0xC3) {
				t.Fatalf("%s on %q: %+v, want %+v", p, b, got, want)
			}
		})
	}
}
