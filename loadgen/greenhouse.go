package loadgen

import (
	"encoding/binary"
	"math"
	"time"
)

// Registers of a greenhouse, tenths all of them:
//
//	input 0    temperature, °C
//	input 1    humidity, %
//	input 2    heating, % of its power
//	holding 0  setpoint, °C, 5.0 to 40.0; can be written
const (
	greenhouseInputs   = 3
	greenhouseHoldings = 1
	lowestSetpoint     = 50
	highestSetpoint    = 400
)

// How a greenhouse behaves. It settles within a minute or two, so that whoever watches sees it move.
const (
	outsideMean  = 10.0 // °C
	outsideSwing = 4.0
	outsideCycle = float64(10 * time.Minute)
	heatLoss     = 1.0 / 90 // of the difference to the outside, a second
	heatPower    = 0.4      // °C a second at full power
	heatBand     = 2.0      // °C below the setpoint where the heating is at full power
	stepSeconds  = 1.0
	mostSteps    = 600 // a greenhouse that was not asked for longer has settled
)

// greenhouse is the climate behind one unit.
type greenhouse struct {
	temperature, heating float64 // °C; 0 to 1
	setpoint             int16   // tenths
	at                   int64   // of the climate; 0: not yet
}

// greenhouses are registers of a plausible climate.
type greenhouses struct {
	first  int // number of device 0
	lowest int // unit
	units  int
	state  []greenhouse // by device and unit
}

func newGreenhouses(cfg *Config, first, count int) *greenhouses {
	g := &greenhouses{first: cfg.From + first, lowest: cfg.Slave.UnitFrom,
		units: cfg.Slave.UnitTo - cfg.Slave.UnitFrom + 1}
	g.state = make([]greenhouse, count*g.units)
	for i := range g.state {
		n := g.first*g.units + i
		g.state[i].setpoint = int16(180 + 5*(n%9))
		g.state[i].temperature = float64(g.state[i].setpoint)/10 - 1 - float64(n%4)
	}
	return g
}

func (g *greenhouses) of(at place) (*greenhouse, int) {
	i := at.dev*g.units + int(at.unit) - g.lowest
	return &g.state[i], g.first*g.units + i
}

func (g *greenhouses) read(dst []byte, at place, count int, now int64) ([]byte, byte) {
	size := greenhouseHoldings
	if at.input {
		size = greenhouseInputs
	}
	if at.addr+count > size {
		return dst, illegalAddress
	}
	h, n := g.of(at)
	h.advance(now, n)
	values := [greenhouseInputs]int16{h.setpoint}
	if at.input {
		values = [greenhouseInputs]int16{tenths(h.temperature), tenths(h.humidity(now, n)), tenths(100 * h.heating)}
	}
	for _, v := range values[at.addr : at.addr+count] {
		dst = binary.BigEndian.AppendUint16(dst, uint16(v))
	}
	return dst, 0
}

func (g *greenhouses) write(at place, values []byte, now int64) byte {
	if at.addr != 0 || len(values) != 2*greenhouseHoldings {
		return illegalAddress
	}
	v := int16(binary.BigEndian.Uint16(values))
	if v < lowestSetpoint || v > highestSetpoint {
		return illegalValue
	}
	h, n := g.of(at)
	h.advance(now, n)
	h.setpoint = v
	return 0
}

// advance lets the time up to now pass. n gives each greenhouse a weather of its own.
func (h *greenhouse) advance(now int64, n int) {
	left := min(float64(now-h.at)/1e9, mostSteps*stepSeconds)
	if h.at == 0 {
		left = 0
	}
	h.at = now
	outside := outsideMean + outsideSwing*wave(now, n, outsideCycle)
	for left > 0 {
		dt := min(left, stepSeconds)
		left -= dt
		h.heating = max(0, min(1, (float64(h.setpoint)/10-h.temperature)/heatBand+0.3))
		h.temperature += dt * ((outside-h.temperature)*heatLoss + h.heating*heatPower)
	}
}

// humidity falls as the air warms, and is never quite still.
func (h *greenhouse) humidity(now int64, n int) float64 {
	return max(20, min(95, 70-1.6*(h.temperature-18)+2*wave(now, n, outsideCycle/8)))
}

// wave swings between -1 and 1 once a cycle.
func wave(now int64, n int, cycle float64) float64 {
	return math.Sin(2*math.Pi*(math.Mod(float64(now), cycle)/cycle) + float64(n))
}

func tenths(v float64) int16 { return int16(math.Round(10 * v)) }
