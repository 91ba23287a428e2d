package tags_test

import (
	"strconv"
	"testing"
	"time"

	"linkd/drivers/tags"
	"linkd/project"
)

// BenchmarkDecode turns ten registers, as they come, into ten values of int16 with a scale, which differ from those
// before, and keeps them.
func BenchmarkDecode(b *testing.B) {
	var list []*project.Tag
	for i := range 10 {
		list = append(list, &project.Tag{Name: "t" + strconv.Itoa(i), Type: "int16", Scale: 0.1})
	}
	set, err := tags.Compile(&project.Channel{Poll: time.Second,
		Devices: []*project.Device{{Name: "d1", Tags: list}}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	block, wire, now := tags.NewBlock(set), make([]byte, 20), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		now += int64(time.Second)
		for i := range set.Tags {
			wire[2*i+1] ^= 1 // another value
			v, ok := set.Tags[i].Decode(wire[2*i:])
			v, why := set.Tags[i].Convert(v)
			if changed := block.Put(i, v, now); !ok || why != tags.Fine || !changed {
				b.Fatalf("tag %d: decoded %v, %v, changed %v", i, ok, why, changed)
			}
		}
	}
}
