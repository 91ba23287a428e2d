package server

import "linkd/drivers/tags"

// Report is what one poll of a device has brought, or what the device said unasked, or what has become of its tags when
// its link ended. A Report and all that it refers to are valid only during the call that got it.
type Report struct {
	Time       int64 // nanoseconds since the Unix epoch
	Provider   string
	Connection []byte // name; empty: the channel has no connection
	ID         []byte // the Socket Conn Id; empty where the connection has none
	Channel    []byte // its name for this connection
	Device     string
	Session    uint64 // number of the session
	Values     []ReportValue
}

// ReportValue is one tag of a Report. A tag with on_change is there when it has changed, any other each time.
type ReportValue struct {
	Tag *tags.Tag
	tags.Sample
}
