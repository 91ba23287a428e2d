package outputtest

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"linkd/drivers/tags"
	"linkd/internal/payload"
)

// Values are the values of the tag t in a payload: one report or a batch, in a format.
func Values(t *testing.T, format string, b []byte) (got []int) {
	t.Helper()
	if format == "protobuf" {
		return protoValues(t, b)
	}
	pattern := valueText[format]
	if pattern == nil {
		pattern = valueText["json"]
	}
	for _, m := range pattern.FindAllSubmatch(b, -1) {
		got = append(got, atoi(t, string(m[1])))
	}
	return got
}

// protoValues reads an Entry, or a Batch of them: both are a field 1 with a message in it, and in a report the field 1
// is a fixed number.
func protoValues(t *testing.T, b []byte) (got []int) {
	t.Helper()
	for len(b) > 0 {
		_, _, n := protowire.ConsumeField(b)
		inner, m := protowire.ConsumeBytes(b[1:])
		if n < 0 || m < 0 {
			t.Fatalf("no protobuf: % x", b)
		}
		if _, typ, _ := protowire.ConsumeTag(inner); typ == protowire.Fixed64Type { // the time of a report or event
			inner = b[:n]
		}
		var e payload.Entry
		if err := e.Parse(inner); err != nil {
			t.Fatal(err)
		}
		for _, v := range e.Report.Values {
			if v.Tag == "t" && v.Value.Kind == tags.KindInt {
				got = append(got, int(v.Value.Float()))
			}
		}
		b = b[n:]
	}
	return got
}
