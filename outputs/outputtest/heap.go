package outputtest

import "runtime"

// Heap is the live heap of the whole process, in bytes, after a collection.
func Heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
