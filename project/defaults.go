package project

import "time"

// Defaults of a provider, for fields that are zero.
const (
	DefaultPreset          = "auto"
	DefaultIdentityTimeout = 10 * time.Second
	DefaultQuiet           = 200 * time.Millisecond
	DefaultMaxBytes        = 128
	DefaultKeepalive       = 60 * time.Second
	DefaultUserTimeout     = 90 * time.Second
	DefaultIdleTimeout     = time.Hour
	DefaultConnectTimeout  = 10 * time.Second
	DefaultRedialMin       = time.Second
	DefaultRedialMax       = 60 * time.Second
)

// Defaults fills p's zero fields. What belongs to another type of provider stays zero.
func (p *Provider) Defaults() {
	fill(&p.Keepalive, DefaultKeepalive)
	fill(&p.UserTimeout, DefaultUserTimeout)
	fill(&p.IdleTimeout, DefaultIdleTimeout)
	if p.Type == TCPClient {
		fill(&p.ConnectTimeout, DefaultConnectTimeout)
		fill(&p.RedialMin, DefaultRedialMin)
		fill(&p.RedialMax, max(DefaultRedialMax, p.RedialMin))
		return
	}
	fill(&p.ConnIdentity, Common)
	fill(&p.OnDuplicate, Newest)
	p.Identity.Defaults()
}

// Defaults fills id's zero fields.
func (id *Identity) Defaults() {
	fill(&id.Preset, DefaultPreset)
	fill(&id.Timeout, DefaultIdentityTimeout)
	fill(&id.Quiet, DefaultQuiet)
	fill(&id.MaxBytes, DefaultMaxBytes)
	if id.Preset == "length-prefixed" {
		fill(&id.Endian, "big")
	}
	if id.Preset == "usr" {
		fill(&id.Mode, "connect")
	}
}

// fill sets *field to value when it is zero.
func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
