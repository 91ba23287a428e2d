package dlt645

import (
	"time"

	"linkd/drivers/poll"
	"linkd/project/options"
)

// broadcastTime is the control code, and allMeters the address, of a time that all meters set their clocks by
// (DL/T 645-2007, section 7.5; 1997 is the same).
const broadcastTime = 0x08

func allMeters() [6]byte { return [6]byte{0x99, 0x99, 0x99, 0x99, 0x99, 0x99} }

// Limits of the interval: a meter takes the time once a day.
const (
	shortestBroadcast = time.Minute
	longestBroadcast  = 7 * 24 * time.Hour
)

// clock reads the options broadcast_time and time_zone: what is said to all meters, nil for nothing.
func (c *channel) clock(o *options.Options) []poll.Announcement {
	interval := o.Ask(options.Option{Key: "broadcast_time", Kind: options.Duration})
	zone := o.Text("time_zone", "+00:00")
	if interval == "" {
		if o.Value("time_zone") != nil && zone != "" {
			o.Fault("time_zone", "is for broadcast_time; leave it out, or write broadcast_time: 24h")
		}
		return nil
	}
	every, err := time.ParseDuration(interval)
	if err != nil || every < shortestBroadcast || every > longestBroadcast {
		o.Fault("broadcast_time", "is %q; write a duration such as 24h, from %s to %s", interval, shortestBroadcast,
			longestBroadcast)
	}
	there := time.UTC
	if zone != "" {
		at, err := time.Parse("-07:00", zone)
		if err != nil {
			o.Fault("time_zone", "is %q; write how far the meters' clocks are ahead of UTC in quotes, as in \"+08:00\"", zone)
		}
		_, ahead := at.Zone()
		there = time.FixedZone("", ahead)
	}
	wake := c.wakeUp
	return []poll.Announcement{{Every: every, Append: func(dst []byte, now int64) []byte {
		return appendTime(dst, wake, time.Unix(0, now).In(there))
	}}}
}

// appendTime appends the broadcast of a time: second, minute, hour, day, month, year of the century.
func appendTime(dst []byte, wake int, t time.Time) []byte {
	data := []byte{bcd(t.Second()), bcd(t.Minute()), bcd(t.Hour()), bcd(t.Day()), bcd(int(t.Month())), bcd(t.Year() % 100)}
	return appendFrame(dst, wake, allMeters(), broadcastTime, data)
}

// bcd is n from 0 to 99 in two digits.
func bcd(n int) byte { return byte(n/10<<4 | n%10) }
