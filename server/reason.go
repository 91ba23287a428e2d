package server

// Reason says why a link was closed. The list is fixed: it is the label of linkd_closes_total.
type Reason uint8

const (
	notClosed        Reason = iota
	ReasonPeer              // the device closed, or half-closed
	ReasonReset             // the device reset the link
	ReasonKeepalive         // the kernel's probes or TCP_USER_TIMEOUT found the device gone
	ReasonTimeout           // no identity in time
	ReasonRubbish           // what was sent can never become an identity
	ReasonUnknown           // an id that is not configured
	ReasonSecret            // the wrong secret
	ReasonDisabled          // the connection point is disabled
	ReasonAddress           // Fix IP: a source that is not configured
	ReasonDuplicate         // on_duplicate oldest: another session has the connection point
	ReasonTakeover          // on_duplicate newest: a newer session has it
	ReasonIdle              // nothing came for the idle limit
	ReasonSlow              // the device does not take what is sent to it
	ReasonOverflow          // more bytes without a frame than the driver allows
	ReasonFraming           // the preset's framing is broken, or the device said goodbye
	ReasonDriver            // the driver gave the link up
	ReasonPanic             // a driver or codec call panicked
	ReasonKicked            // asked for by a person
	ReasonRemoved           // the connection point or its provider was removed
	ReasonChanged           // its configuration changed in a way that needs a new session
	ReasonDrain             // linkd is stopping
	ReasonCapacity          // no room: provider or process
	ReasonPressure          // no room: unidentified, and made way for another
	ReasonLimited           // too many failures from this address
	ReasonAcceptRate        // faster than the provider's accept_rate
	ReasonBlocked           // a stranger, or an address, that people have blocked
	ReasonEngine            // the provider's event loops stopped
	reasonCount
)

var reasonNames = [reasonCount]string{
	"", "peer", "reset", "keepalive", "identity_timeout", "rubbish", "unknown_id", "bad_secret", "disabled",
	"address", "duplicate", "takeover", "idle", "slow", "overflow", "framing", "driver", "panic", "kicked",
	"removed", "changed", "drain", "capacity", "pressure", "address_limit", "accept_rate", "blocked",
	"engine",
}

// String returns the reason as metrics, events and HTTP show it.
func (r Reason) String() string {
	if r >= reasonCount {
		return "invalid"
	}
	return reasonNames[r]
}

// stranger reports whether a link closed for r is listed among the strangers.
func (r Reason) stranger() bool {
	switch r {
	case ReasonTimeout, ReasonRubbish, ReasonUnknown, ReasonSecret, ReasonDisabled, ReasonAddress:
		return true
	}
	return false
}

// refused reports whether r means that linkd had no room for the link or did not want it, whoever it was.
func (r Reason) refused() bool {
	switch r {
	case ReasonCapacity, ReasonPressure, ReasonLimited, ReasonAcceptRate, ReasonBlocked, ReasonDuplicate:
		return true
	}
	return false
}
