package loadgen

import (
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkSocket sends eight bytes into a pair of sockets and reads them: by the raw system calls of workers, and by
// those that the Go scheduler is told of.
func BenchmarkSocket(b *testing.B) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = unix.Close(pair[0]), unix.Close(pair[1]) })
	var room [64]byte
	frame := []byte{1, 4, 0, 0, 0, 10, 0x70, 0x0d}
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n, errno := send(int32(pair[0]), frame); n != len(frame) {
				b.Fatal(n, errno)
			}
			if n, errno := read(int32(pair[1]), room[:]); n != len(frame) {
				b.Fatal(n, errno)
			}
		}
	})
	b.Run("told", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n, err := unix.Write(pair[0], frame); n != len(frame) {
				b.Fatal(n, err)
			}
			if n, err := unix.Read(pair[1], room[:]); n != len(frame) {
				b.Fatal(n, err)
			}
		}
	})
}
