// Package path is one that the tests of guard count, and the same a little dearer and cheaper.
package path

import (
	"fmt"
	"os"
	"testing"
)

var kept uint64

func work(n int) {
	for range n {
		kept = kept*6364136223846793005 + 1
	}
}

func BenchmarkPath(b *testing.B) {
	for b.Loop() {
		work(200)
	}
}

func BenchmarkDearer(b *testing.B) {
	for b.Loop() {
		work(230)
	}
}

func BenchmarkCheaper(b *testing.B) {
	for b.Loop() {
		work(170)
	}
}

func BenchmarkBroken(b *testing.B) {
	for b.Loop() {
		fmt.Println("cannot work")
		os.Exit(3)
	}
}
