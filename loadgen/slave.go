package loadgen

import (
	"fmt"
	"time"
)

// Modes in which the devices answer what the server asks.
const (
	ModbusRTU = "modbus-rtu"
	ModbusTCP = "modbus-tcp"
	DLT645    = "dlt645"
)

// What the registers of devices that answer hold.
const (
	SelfDescribing = "self"       // where they were read, and when: see Verify
	Greenhouse     = "greenhouse" // a climate that moves, and a setpoint that can be written
)

// Slave is how the devices answer, in the modes in which they do, and what goes wrong with it. All shares are 0 to 1.
type Slave struct {
	UnitFrom, UnitTo int    // units behind each link; default 1 to 1
	Registers        string // SelfDescribing (default) or Greenhouse
	Latency          Spread // from request to answer
	Drop             float64
	Dead             float64 // share of the devices that never answer
	Late             float64 // share of the answers that come LateBy after their request, not after Latency
	LateBy           Spread  // default uniform(1s,4s)
	Fragment         bool    // answers come in pieces
	Garbage          float64 // share of the answers with rubbish before and after them
	BeatInside       float64 // share of the answers with a heartbeat in the middle
	Churn            float64 // share of the devices that redial, a second
	// Period is how often the server is expected to ask the same question again; 0: the median of what was seen.
	Period time.Duration
}

const (
	mostUnits       = 32
	mostOutstanding = 8 // answers that a device has not sent yet; what is asked beyond them is not answered
	mostGarbage     = 16
)

// answers reports whether the devices answer what the server asks.
func (c *Config) answers() bool {
	return c.Mode == ModbusRTU || c.Mode == ModbusTCP || c.Mode == DLT645
}

func (s *Slave) setDefaults() {
	s.UnitFrom = or(s.UnitFrom, 1)
	s.UnitTo = or(s.UnitTo, s.UnitFrom)
	s.Registers = or(s.Registers, SelfDescribing)
	if s.LateBy == (Spread{}) {
		s.LateBy = Spread{Kind: "uniform", A: float64(time.Second), B: float64(4 * time.Second)}
	}
}

// validate says what is wrong with c.Slave, as validate of Config does.
func (s *Slave) validate(c *Config, say func(wrong bool, format string, args ...any)) {
	if !c.answers() {
		bare := Slave{}
		bare.setDefaults()
		say(*s != bare, "units, latency and faults with mode %s; they belong to %s, %s and %s", c.Mode, ModbusRTU, ModbusTCP,
			DLT645)
		return
	}
	say(s.UnitFrom < 1 || s.UnitTo > 247 || s.UnitTo < s.UnitFrom || s.UnitTo-s.UnitFrom >= mostUnits,
		"units %d-%d; give one, or a range of at most %d from 1 to 247", s.UnitFrom, s.UnitTo, mostUnits)
	for _, p := range []struct {
		name  string
		share float64
	}{{"drop", s.Drop}, {"dead", s.Dead}, {"late", s.Late}, {"garbage", s.Garbage}, {"beat inside", s.BeatInside},
		{"churn", s.Churn}} {
		say(!isShare(p.share), "%s %v; give 0 to 1", p.name, p.share)
	}
	for _, p := range []struct {
		name   string
		spread Spread
	}{{"latency", s.Latency}, {"late by", s.LateBy}} {
		if err := p.spread.validate(); err != nil {
			say(true, "%s: %v", p.name, err)
		}
	}
	say(s.Registers != SelfDescribing && s.Registers != Greenhouse, "registers %q; give %s or %s", s.Registers,
		SelfDescribing, Greenhouse)
	say(s.Registers == Greenhouse && c.Mode == DLT645, "registers %s with mode %s; a meter has what meters have",
		Greenhouse, DLT645)
	say(s.Registers != SelfDescribing && c.Verify != "", "verify with registers %s; it needs %s", s.Registers,
		SelfDescribing)
	say(c.Duration == 0, "mode %s without a duration; give how long the devices answer", c.Mode)
	say(c.Rate != 0, "rate %v with mode %s; there the server asks", c.Rate, c.Mode)
	say(c.Confirm != ConfirmSent, "confirm %s with mode %s; it belongs to echo", c.Confirm, c.Mode)
	say(c.SilentConnect, "silent connect with mode %s: the server would never know whom to ask", c.Mode)
	say(c.From+c.Devices-1 > mostNumber, "devices up to number %d with mode %s; give at most %d",
		c.From+c.Devices-1, c.Mode, mostNumber)
	say(s.Period < 0, "period %v; give 0 or more", s.Period)
}

// polled counts what the devices were asked and how they answered.
type polled struct {
	Received, Answered              int64
	Exceptions                      int64
	Dropped, Dead, Late             int64
	Fragmented, Garbage, BeatInside int64
	OtherUnit, Flooded, Unsent      int64
	Churned                         int64
	InTraffic                       int64 // received during the traffic
	Skipped                         int64 // bytes that were no request
}

func (p *polled) merge(o *polled) {
	for _, x := range []struct {
		to *int64
		n  int64
	}{{&p.Received, o.Received}, {&p.Answered, o.Answered}, {&p.Exceptions, o.Exceptions}, {&p.Dropped, o.Dropped},
		{&p.Dead, o.Dead}, {&p.Late, o.Late}, {&p.Fragmented, o.Fragmented}, {&p.Garbage, o.Garbage},
		{&p.BeatInside, o.BeatInside}, {&p.OtherUnit, o.OtherUnit}, {&p.Flooded, o.Flooded}, {&p.Unsent, o.Unsent},
		{&p.Churned, o.Churned}, {&p.InTraffic, o.InTraffic}, {&p.Skipped, o.Skipped}} {
		*x.to += x.n
	}
}

// Polls is what devices that answer were asked, and what they did.
type Polls struct {
	Received   int64    `json:"received"`    // requests
	Answered   int64    `json:"answered"`    // answers that went out, late ones and exceptions included
	Exceptions int64    `json:"exceptions"`  // of these, the device refused
	Late       int64    `json:"late"`        // answers made late on purpose
	Dropped    int64    `json:"dropped"`     // requests left without an answer on purpose
	Dead       int64    `json:"dead"`        // requests to devices that never answer
	Fragmented int64    `json:"fragmented"`  // answers sent in pieces
	Garbage    int64    `json:"garbage"`     // answers with rubbish around them
	BeatInside int64    `json:"beat_inside"` // answers with a heartbeat inside
	Churned    int64    `json:"churned"`     // links that devices closed to dial again
	OtherUnit  int64    `json:"other_unit"`  // requests to units that are not there
	Flooded    int64    `json:"flooded"`     // requests that came while eight answers were outstanding
	Unsent     int64    `json:"unsent"`      // answers whose link had gone
	Skipped    int64    `json:"skipped"`     // bytes that were no request
	Interval   Interval `json:"interval"`
}

func (p *Polls) String() string {
	return fmt.Sprintf("%d received, %d answered (%d refused, %d late, %d in pieces, %d with rubbish, "+
		"%d with a heartbeat inside); %d dropped, %d to dead devices, %d to other units, %d unsent",
		p.Received, p.Answered, p.Exceptions, p.Late, p.Fragmented, p.Garbage, p.BeatInside, p.Dropped, p.Dead,
		p.OtherUnit, p.Unsent+p.Flooded)
}
