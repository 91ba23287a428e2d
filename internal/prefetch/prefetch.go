// Package prefetch fetches memory before it is needed.
//
// A link of a large fleet is polled so seldom that what is kept of it has left the processor's caches until its turn
// comes, and a poll would wait for twenty lines of it, one after the other: a third of linkd's own part of a poll. Go
// has no way of its own to say what is needed next.
package prefetch

import "unsafe"

const (
	lineSize = 64 // bytes
	most     = 8  // lines at once: about what a processor has under way
)

// Of has the processor fetch v, without waiting for it. On processors without an instruction for it nothing happens.
func Of[T any](v *T) { fetch(unsafe.Pointer(v), int(unsafe.Sizeof(*v))) }

// Slice fetches the first elements of v.
func Slice[T any](v []T) {
	if len(v) > 0 {
		fetch(unsafe.Pointer(unsafe.SliceData(v)), len(v)*int(unsafe.Sizeof(v[0])))
	}
}

// Head fetches the first bytes of what an interface, of any type but the empty one, refers to.
func Head[I any](v *I, bytes int) {
	fetch((*[2]unsafe.Pointer)(unsafe.Pointer(v))[1], bytes)
}

func fetch(p unsafe.Pointer, bytes int) { lines(p, min((bytes+lineSize-1)/lineSize, most)) }
