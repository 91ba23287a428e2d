package options_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"linkd/project"
	"linkd/project/options"
)

// TestOptions: what is there is read, and every fault is told with its field.
func TestOptions(t *testing.T) {
	o := options.Read(map[string]any{"name": "x", "unit": 7, "end": "hex:0d 0A", "size": 5,
		"inner": map[string]any{"text": "y", "none": nil}, "list": []any{map[string]any{"text": "z"}}})
	in, list := o.Mapping("inner"), o.Mappings("list", 1)
	if o.Text("name", "") != "x" || o.Text("unit", "") != "7" || string(o.Bytes("end", "\n", 4)) != "\r\n" ||
		string(o.Bytes("other", "\n", 4)) != "\n" || o.Count("size", 1, 0, 9) != 5 || o.Count("more", 1, 0, 9) != 1 ||
		in.Text("text", "") != "y" || in.Text("none", "d") != "d" || o.Mapping("absent") != nil || o.Value("size") != 5 ||
		len(list) != 1 || list[0].Text("text", "") != "z" {
		t.Error("options were not read as written")
	}
	o.Done()
	if in.Done(); o.Err() != nil {
		t.Error(o.Err())
	}
	o = options.Read(map[string]any{"name": []any{1}, "end": "hex:0", "long": "abcde", "size": 10, "flat": 1,
		"inner": map[string]any{"txet": "y"}, "list": []any{1, map[string]any{"%d": 1}}, "word": "c", "alien": 1})
	in = o.Mapping("inner")
	o.Text("name", "")
	o.Bytes("end", "", 4)
	o.Bytes("long", "", 4)
	o.Count("size", 1, 0, 9)
	o.Mapping("flat")
	in.Text("text", "")
	in.Done()
	o.Choice("word", "a", "b")
	for _, item := range o.Mappings("list", 2) {
		item.Done()
	}
	o.Done()
	wants := []struct{ field, text string }{
		{"options.name", "name is [1]; write a text"}, {"options.end", `end is "hex:0"; write bytes in hex`},
		{"options.end", "end is 0 bytes long; write 1 to 4"},
		{"options.long", "long is 5 bytes long; write 1 to 4"},
		{"options.size", "size is 10; write a whole number from 0 to 9"},
		{"options.flat", "flat is 1; write its keys"}, {"options.inner.txet", "inner.txet is not known here; there are text"},
		{"options.word", `word is "c"; choose one of: a, b`}, {"options.list.0", "list.0 is 1; write it as a mapping"},
		{"options.list.1.%d", "list.1.%d is not known here; there are "},
		{"options.alien", "alien is not known here; there are end, flat, inner, list, long, name, size, word"},
	}
	faults := project.Unjoined(o.Err())
	if len(faults) != len(wants) {
		t.Fatalf("faults: %v", o.Err())
	}
	for i, err := range faults {
		var f *project.FieldError
		if !errors.As(err, &f) || f.Field != wants[i].field || !strings.Contains(err.Error(), wants[i].text) {
			t.Errorf("%+v: %v, want %s: %s", f, err, wants[i].field, wants[i].text)
		}
	}
}

// TestAsked: what was asked for comes out in its order and once, with the default as a project file has it.
func TestAsked(t *testing.T) {
	o := options.Read(nil)
	o.Text("text", "a")
	o.Choice("choice", "b", "c")
	o.Bytes("bytes", "\r\n", 2)
	o.Bytes("plain", ";", 2)
	o.Count("number", 3, 0, 9)
	o.Flag("flag", true)
	o.Duration("duration", 90*time.Second, 0, time.Hour)
	o.Size("size", 64<<20, 0, 1<<30)
	o.List("list", 1)
	o.Texts("texts", 1)
	o.Named("named")
	o.Mapping("mapping")
	o.Mappings("mappings", 1)
	o.Ask(options.Option{Key: "password", Kind: options.Password})
	o.Count("text", 1, 0, 9)
	want := []options.Option{
		{Key: "text", Kind: options.Text, Default: "a"},
		{Key: "choice", Kind: options.Choice, Default: "b", Choices: []string{"b", "c"}},
		{Key: "bytes", Kind: options.Bytes, Default: "hex:0d 0a"},
		{Key: "plain", Kind: options.Bytes, Default: ";"},
		{Key: "number", Kind: options.Number, Default: "3"},
		{Key: "flag", Kind: options.Flag, Default: "true"},
		{Key: "duration", Kind: options.Duration, Default: "1m30s"},
		{Key: "size", Kind: options.Size, Default: "64MiB"},
		{Key: "list", Kind: options.List}, {Key: "texts", Kind: options.Texts}, {Key: "named", Kind: options.Texts},
		{Key: "mapping", Kind: options.Mapping}, {Key: "mappings", Kind: options.Mappings},
		{Key: "password", Kind: options.Password},
	}
	if got := o.Asked(); !reflect.DeepEqual(got, want) || o.Err() != nil {
		t.Errorf("asked for\n%+v, %v\nwant\n%+v", got, o.Err(), want)
	}
}
