package drivers_test

import (
	"errors"
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/project"
)

// TestOptions: what is there is read, and every fault is told with its field.
func TestOptions(t *testing.T) {
	o := drivers.ReadOptions(map[string]any{"name": "x", "unit": 7, "end": "hex:0d 0A", "size": 5,
		"inner": map[string]any{"text": "y", "none": nil}})
	in := o.Mapping("inner")
	if o.Text("name") != "x" || o.Text("unit") != "7" || string(o.Bytes("end", "\n", 4)) != "\r\n" ||
		string(o.Bytes("other", "\n", 4)) != "\n" || o.Count("size", 1, 0, 9) != 5 || o.Count("more", 1, 0, 9) != 1 ||
		in.Text("text") != "y" || in.Text("none") != "" || o.Mapping("absent") != nil || o.Value("size") != 5 {
		t.Error("options were not read as written")
	}
	if in.Done(); o.Err() != nil {
		t.Error(o.Err())
	}
	o = drivers.ReadOptions(map[string]any{"name": []any{1}, "end": "hex:0", "long": "abcde", "size": 10, "flat": 1,
		"inner": map[string]any{"txet": "y"}})
	in = o.Mapping("inner")
	o.Text("name")
	o.Bytes("end", "", 4)
	o.Bytes("long", "", 4)
	o.Count("size", 1, 0, 9)
	o.Mapping("flat")
	in.Text("text")
	in.Done()
	wants := []struct{ field, text string }{
		{"options.name", "name is [1]; write a text"}, {"options.end", `end is "hex:0"; write bytes in hex`},
		{"options.end", "end is 0 bytes long; write 1 to 4"},
		{"options.long", "long is 5 bytes long; write 1 to 4"},
		{"options.size", "size is 10; write a whole number from 0 to 9"},
		{"options.flat", "flat is 1; write its keys"}, {"options.inner.txet", "inner.txet is not known here; there are text"},
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(o.Err(), &joined) || len(joined.Unwrap()) != len(wants) {
		t.Fatalf("faults: %v", o.Err())
	}
	for i, err := range joined.Unwrap() {
		var f *project.FieldError
		if !errors.As(err, &f) || f.Field != wants[i].field || !strings.Contains(err.Error(), wants[i].text) {
			t.Errorf("%+v: %v, want %s: %s", f, err, wants[i].field, wants[i].text)
		}
	}
}
