package json

import (
	stdjson "encoding/json"

	"linkd/drivers"
)

// machine is one link: what it gives to the polling machine are whole objects, one at a time.
type machine struct {
	drivers.Machine
	most  int
	split splitter
}

var (
	_ drivers.Channel    = (*channel)(nil)
	_ drivers.Tagged     = (*channel)(nil)
	_ drivers.Asker      = (*channel)(nil)
	_ drivers.Explainer  = (*channel)(nil)
	_ drivers.Commander  = (*machine)(nil)
	_ drivers.Questioner = (*machine)(nil)
)

// Machine implements drivers.Channel.
func (c *channel) Machine() drivers.Machine {
	return &machine{Machine: c.Channel.Machine(), most: c.mostBytes}
}

// Receive implements drivers.Machine.
func (m *machine) Receive(now int64, b []byte, l drivers.Link) int {
	n, whole := m.split.next(b, m.most)
	if whole && stdjson.Valid(b[:n]) {
		m.Machine.Receive(now, b[:n], l) // it is done with the object, whether it was of use or not
	}
	return n
}

// Command implements drivers.Commander.
func (m *machine) Command(now int64, c *drivers.Command, l drivers.Link) {
	m.Machine.(drivers.Commander).Command(now, c, l)
}

// Unheard implements drivers.Questioner.
func (m *machine) Unheard() uint8 { return m.Machine.(drivers.Questioner).Unheard() }
