package payload

import (
	"strconv"

	"linkd/server"
)

// AppendEvent appends an event to dst as one JSON object and returns the extended slice.
//
//	{"ts":"2026-01-02T03:04:05.678Z","event":"online","provider":"s1","connection":"c1","id":"c0001","session":3,
//	 "remote_addr":"192.0.2.7:40000","reason":""}
//
// All keys are there always. connection is empty where the event is the provider's.
func AppendEvent(dst []byte, e *server.Event) []byte {
	dst = append(dst, `{"ts":"`...)
	dst = AppendTime(dst, e.Time.UnixNano())
	dst = append(dst, `","event":"`...)
	dst = appendText(dst, e.Kind)
	dst = append(dst, `","provider":"`...)
	dst = appendText(dst, e.Provider)
	dst = append(dst, `","connection":"`...)
	dst = appendText(dst, e.Connection)
	dst = append(dst, `","id":"`...)
	dst = appendText(dst, e.ID)
	dst = append(dst, `","session":`...)
	dst = strconv.AppendUint(dst, e.Session, 10)
	dst = append(dst, `,"remote_addr":"`...)
	dst = appendText(dst, e.RemoteAddr)
	dst = append(dst, `","reason":"`...)
	dst = appendText(dst, e.Reason)
	return append(dst, '"', '}')
}
