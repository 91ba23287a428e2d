package dlt645

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// TestRefusedConfig: what is wrong with a channel is told with what would be right.
func TestRefusedConfig(t *testing.T) {
	const meter = `devices: [{name: m1, address: "123456789012", tags: [`
	const energy = `{name: t, address: "00010000"}]}]`
	tests := []struct{ channel, want string }{
		{`poll: 1m`, `a dlt645 channel has devices; write devices: [{name: m1, address: "123456789012", model: …}]`},
		{meter + energy, "write poll: 10s"},
		{`poll: 1m, devices: [{name: m1, address: "12345", tags: [` + energy,
			`address of device m1 is "12345"; write the meter's own 12 digits in quotes, leading zeros too`},
		{`poll: 1m, devices: [{name: m1, address: "AAAAAAAAAAAA", tags: [` + energy,
			`address of device m1 is "AAAAAAAAAAAA"; write the meter's own 12 digits`},
		{`poll: 1m, devices: [{name: m1, address: "999999999999", tags: [` + energy,
			`address of device m1 is "999999999999"; write the meter's own 12 digits`},
		{`poll: 1m, devices: [{name: m1, tags: [` + energy, `address of device m1 is ""`},
		{`poll: 1m, ` + meter + `{name: t, address: "00010000"}]}, {name: m2, address: ` +
			`"123456789012", tags: [{name: t, address: "00010000"}]}]`,
			"devices m1 and m2 both have id 123456789012, and what they say is told apart by it; write another address"},
		{`poll: 1m, ` + meter + `{name: t, address: "9010"}]}]`,
			`address is "9010"; write the data identifier of DL/T 645-2007 as 8 hex digits in quotes, such as "02010100"`},
		{`poll: 1m, options: {version: 1997}, ` + meter + `{name: t, address: "02010100"}]}]`,
			`address is "02010100"; write the data identifier of DL/T 645-1997 as 4 hex digits in quotes, such as "9010"`},
		{`poll: 1m, ` + meter + `{name: t, address: "0201010x"}]}]`, `address is "0201010x"; write the data identifier`},
		{`poll: 1m, ` + meter + `{name: t, address: "00900200"}]}]`,
			`address is "00900200", of which linkd does not know the format; write its type, as in type: bcd, length: 4`},
		{`poll: 1m, ` + meter + `{name: t, address: "02020100", length: 4}]}]`,
			"length is 4, but 02020100 current has 3 bytes; leave length out, or write its type too"},
		{`poll: 1m, ` + meter + `{name: t, address: "0201FF00"}]}]`,
			`address is "0201FF00", a block of several values; write a tag for each of its identifiers`},
		{`poll: 1m, options: {version: 1997}, ` + meter + `{name: t, address: "901F"}]}]`, `address is "901F", a block`},
		{`poll: 1m, ` + meter + `{name: t, address: "04000101", writable: true}]}]`,
			`writable needs the meter's password; write options: {password: "000000", level: 2}, or leave writable out`},
		{`poll: 1m, options: {password: "000000"}, ` + meter + `{name: t, address: "02020100", writable: true}]}]`,
			"current is measured by the meter; leave writable out"},
		{`poll: 1m, options: {password: "000000"}, ` + meter + `{name: t, address: "04990001", type: bytes, length: 39, ` +
			`writable: true}]}]`, "length is 39; a write holds at most 38 bytes"},
		{`poll: 1m, ` + meter + `{name: t, address: "04990001", type: bytes, length: 197}]}]`,
			"length is 197; an answer holds at most 196 bytes"},
		{`poll: 1m, options: {version: 2010}, ` + meter + energy, `version is "2010"; write 2007 or 1997`},
		{`poll: 1m, options: {wake_up: 17}, ` + meter + energy, "wake_up is 17; write a whole number from 0 to 16"},
		{`poll: 1m, options: {level: 100}, ` + meter + energy, "level is 100; write a whole number from 0 to 99"},
		{`poll: 1m, options: {password: "12a456"}, ` + meter + energy, "password is not 6 digits; write them in quotes"},
		{`poll: 1m, options: {operator: "1"}, ` + meter + energy, `operator is "1"; write 8 digits in quotes`},
		{`poll: 1m, options: {version: 1997, operator: "00000001"}, ` + meter + energy,
			"operator is for version 2007; leave it out"},
		{`poll: 1m, options: {broadcast_time: daily}, ` + meter + energy,
			`broadcast_time is "daily"; write a duration such as 24h, from 1m0s to 168h0m0s`},
		{`poll: 1m, options: {broadcast_time: 1s}, ` + meter + energy, `broadcast_time is "1s"; write a duration`},
		{`poll: 1m, options: {time_zone: "+08:00"}, ` + meter + energy, "time_zone is for broadcast_time; leave it out"},
		{`poll: 1m, options: {broadcast_time: 24h, time_zone: Asia/Shanghai}, ` + meter + energy,
			`time_zone is "Asia/Shanghai"; write how far the meters' clocks are ahead of UTC in quotes, as in "+08:00"`},
		{`poll: 1m, options: {max_block: 3}, ` + meter + energy, "max_block is no option of this driver"},
	}
	for _, tt := range tests {
		_, err := parse(tt.channel)
		if err == nil || !strings.Contains(err.Error(), "f:5:") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.channel, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "12a456") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// TestFormats: what a tag without a type gets from the table, and what it says itself; the project stays as it is.
func TestFormats(t *testing.T) {
	tests := []struct {
		options, tag, want string // type, length, unit; then raw 12345 as people read it
	}{
		{"", `address: "00010000"`, "bcd 4 kWh 123.45"},
		{"", `address: "00013f0c"`, "bcd 4 kWh 123.45"},
		{"", `address: "02010300"`, "bcd 2 V 1234.5"},
		{"", `address: "02020100"`, "bcd 3 A 12.345"},
		{"", `address: "02020100", scale: 40, unit: kA`, "bcd 3 kA 493.8"},
		{"", `address: "02030000"`, "bcd 3 kW 1.2345"},
		{"", `address: "02800002"`, "bcd 2 Hz 123.45"},
		{"", `address: "01010000"`, "bcd 3 kW 1.2345"},
		{"", `address: "04000501"`, "uint16 2  12345"},
		{"", `address: "02010100", type: uint16`, "uint16 2  12345"},
		{"options: {version: 1997}, ", `address: "9010"`, "bcd 4 kWh 123.45"},
		{"options: {version: 1997}, ", `address: "9823"`, "bcd 4 kWh 123.45"},
		{"options: {version: 1997}, ", `address: "9110"`, "bcd 4 kvarh 123.45"},
		{"options: {version: 1997}, ", `address: "B611"`, "bcd 2 V 12345"},
		{"options: {version: 1997}, ", `address: "b650"`, "bcd 2  12.345"},
	}
	for _, tt := range tests {
		text := "poll: 1m, " + tt.options + `devices: [{name: m1, address: "123456789012", tags: [{name: t, ` + tt.tag +
			"}]}]"
		p, err := parse(text)
		if err != nil {
			t.Errorf("%s: %v", tt.tag, err)
			continue
		}
		before := *p.Channels[0].Devices[0].Tags[0]
		tag := &newChannel(t, text).(drivers.Tagged).Tags().Tags[0]
		if _, err := compile(p.Channels[0], p.Models); err != nil || *p.Channels[0].Devices[0].Tags[0] != before {
			t.Errorf("%s: compiled, the project has %+v", tt.tag, *p.Channels[0].Devices[0].Tags[0])
		}
		v, _ := tag.Convert(tags.Uint(12345))
		got := strings.Join([]string{tag.Type.String(), string(rune('0' + tag.Size)), tag.Unit, v.String()}, " ")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.tag, got, tt.want)
		}
	}
}

// TestExplain: frames in words.
func TestExplain(t *testing.T) {
	meter := energyOf().meter
	c := &channel{version: v2007(), meters: [][6]byte{meter}}
	tests := []struct {
		version *version
		frame   []byte
		want    string
	}{
		{v2007(), unhex("fe fe fe fe " + asked), "meter 000000000161 read 00010000 forward active energy"},
		{v2007(), unhex(answered), "meter 000000000161 read 00010000 forward active energy = 0.26 kWh"},
		{v2007(), unhex(energy + energy),
			"meter 123456789012 read 00010000 forward active energy = 1234.56 kWh, and 20 bytes more"},
		{v2007(), unhex(refusal), "meter 123456789012 read: refused, no such data, wrong password, or not authorised"},
		{v1997(), unhex(voltage97), "meter 000000000003 read B611 voltage = 100 V"},
		{v2007(), c.ask(0, 0x91, 0x02020100, []byte{0x34, 0x12, 0x80}).asks,
			"meter 123456789012 read 02020100 current = -1.234 A"},
		{v2007(), c.ask(0, 0x91, 0x02010100, []byte{0xff, 0xff}).asks,
			"meter 123456789012 read 02010100 voltage = no value, 0xffff"},
		{v2007(), c.ask(0, 0xB1, 0x0201FF00, []byte{1, 2}).asks, "meter 123456789012 read 0201FF00 = 0x0201, more follows"},
		{v2007(), c.ask(0, 0x14, 0x04000101, []byte{2, 0, 0, 0, 0, 0, 0, 0}, []byte{1}).asks,
			"meter 123456789012 write 04000101 date"},
		{v2007(), appendFrame(nil, 0, meter, 0x94), "meter 123456789012 write: done"},
		{v2007(), appendFrame(nil, 0, meter, 0xD4), "meter 123456789012 write: refused"},
		{v2007(), appendFrame(nil, 0, meter, 0x1F, []byte{1}), "meter 123456789012 function 1F"},
		{v2007(), unhex("fe fe"), "no whole frame: wake-up bytes alone"},
		{v2007(), unhex("01 03"), "no whole frame: it has no 68, 6 bytes of address and 68"},
		{v2007(), unhex(energy)[:9], "no whole frame: 9 bytes, the shortest has 12"},
		{v2007(), unhex(energy)[:19], "no whole frame: 19 bytes of 20"},
		{v2007(), unhex("68 12 90 78 56 34 12 68 91 ff 33"), "no whole frame: its length is 255, the longest is 200"},
		{v2007(), unhex(refusal[:len(refusal)-2] + "17"), "no whole frame: it ends with 17, not with 16"},
		{v2007(), unhex(strings.Replace(refusal, "91 16", "92 16", 1)),
			"no whole frame: its checksum is 92, of these bytes it would be 91"},
	}
	for _, tt := range tests {
		if got := tt.version.explain(true, tt.frame); got != tt.want {
			t.Errorf("% x: %q, want %q", tt.frame, got, tt.want)
		}
	}
}

// TestTime: the broadcast of 2017-06-05 10:22:51, as a public firmware's comment has it.
func TestTime(t *testing.T) {
	want := unhex("68 99 99 99 99 99 99 68 08 06 84 55 43 38 39 4a 4b 16")
	got := appendTime(nil, 0, time.Date(2017, 6, 5, 10, 22, 51, 0, time.FixedZone("", 8*3600)))
	if !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if text := v2007().explain(false, got); text != "all meters: broadcast time 17-06-05 10:22:51" {
		t.Errorf("explained as %q", text)
	}
}
