package natsdial

import (
	"bytes"
	"testing"
)

// FuzzGuarded: whatever comes in whatever pieces, it is judged the same, and no message is over the bound.
func FuzzGuarded(f *testing.F) {
	for _, s := range []string{
		"INFO {\"max_payload\":1048576}\r\n", "PONG\r\nMSG a.b 1 5\r\nhello\r\nPING\r\n",
		"HMSG a 1 r 12 16\r\nNATS/1.0\r\n\r\nbody\r\n", "-ERR 'Permissions Violation for x'\r\nPING\r\n",
		"MSG a 1 1001\r\n", "MSG a 1 2\r\nabc\r\n", "-ERR 'x'\r\n+OK\r\n", "MSG a 1 \t5\r\n", "PING\n"} {
		f.Add([]byte(s), uint8(0))
	}
	const most = 1000
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		whole, pieces := &guarded{most: most}, &guarded{most: most}
		errWhole := whole.follow(b)
		var errPieces error
		for rest := b; len(rest) > 0 && errPieces == nil; {
			n := min(len(rest), int(cut)+1)
			errPieces = pieces.follow(rest[:n])
			rest = rest[n:]
		}
		if (errWhole == nil) != (errPieces == nil) || errWhole == nil && (whole.rest != pieces.rest ||
			!bytes.Equal(whole.line, pieces.line)) || whole.rest > most+2 || len(pieces.line) > maxLine+256 {
			t.Fatalf("%v and %v, %d and %d", errWhole, errPieces, whole.rest, pieces.rest)
		}
	})
}
