package codec

import (
	"regexp"
	"testing"
)

// BenchmarkRegex finds the id in a registration: by the program that codec runs itself, which takes more time,
// allocates nothing and knows whether more bytes could change the match, and by the standard library.
func BenchmarkRegex(b *testing.B) {
	const pattern = `LOGIN:(?P<id>[0-9]+)(;KEY=(?P<secret>\w+))?\r\n`
	said := []byte("LOGIN:86012345678;KEY=s3cret\r\n")
	program, err := compileRegex(pattern)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v, end, _, _ := program.run(said, false); v != Found || end != len(said) {
				b.Fatal(v, end)
			}
		}
	})
	std := regexp.MustCompile(`\A(?:` + pattern + `)`)
	b.Run("regexp", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if m := std.FindSubmatchIndex(said); m == nil || m[1] != len(said) {
				b.Fatal(m)
			}
		}
	})
}
