package loadgen

import (
	"errors"
	"fmt"
	"syscall"
)

// cause says why a device did not come up, or why an up one lost its link.
type cause uint8

const (
	refused      cause = iota // connection refused
	reset                     // connection reset by the server
	closedBefore              // closed by the server before the identity was sent
	closedAfter               // closed by the server after it
	timedOut                  // no connection, or no echo to confirm it, in time
	ackWrong                  // the answer to the identity was not the preset's
	ackMissing                // no answer to the identity in time
	noPort                    // no ephemeral port left for this source address
	noDescriptor              // no file descriptor left in this process
	unreachable               // no route, or the source address is not ours
	notTried                  // the run ended first
	workerDied                // the process that held the device died
	otherCause                // see errors
	causes                    // how many there are
)

const noPortAdvice = "every ephemeral port of this source address is in use; spread the devices with --sources " +
	"(127.0.1.0/24 on loopback), or widen net.ipv4.ip_local_port_range"

func (c cause) String() string {
	return [...]string{"refused", "reset", "closed_before_identity", "closed_after_identity", "timeout", "ack_wrong",
		"ack_missing", "no_port", "no_descriptor", "unreachable", "not_tried", "worker_died", "other"}[c]
}

// causeOf sorts an error of a socket.
func causeOf(err error) cause {
	for _, row := range []struct {
		errno syscall.Errno
		cause cause
	}{
		{syscall.ECONNREFUSED, refused}, {syscall.ECONNRESET, reset}, {syscall.EPIPE, reset},
		{syscall.ETIMEDOUT, timedOut}, {syscall.EADDRNOTAVAIL, noPort}, {syscall.EADDRINUSE, noPort},
		{syscall.EMFILE, noDescriptor}, {syscall.ENFILE, noDescriptor}, {syscall.EHOSTUNREACH, unreachable},
		{syscall.ENETUNREACH, unreachable}, {syscall.EACCES, unreachable}, {syscall.EPERM, unreachable},
	} {
		if errors.Is(err, row.errno) {
			return row.cause
		}
	}
	return otherCause
}

// connectError words the failure of step ("socket", "bind", "connect") towards target, with advice where there is any.
func connectError(step, target string, err error) (cause, string) {
	c := causeOf(err)
	switch {
	case step == "bind" && errors.Is(err, syscall.EADDRNOTAVAIL):
		return unreachable, fmt.Sprintf("bind: %v: the source address is not one of this machine", err)
	case c == noPort:
		return c, fmt.Sprintf("%s %s: %v: %s", step, target, err, noPortAdvice)
	case c == noDescriptor:
		return c, fmt.Sprintf("%s: %v: raise the descriptor limit (ulimit -n), or let --processes share the devices",
			step, err)
	}
	return c, fmt.Sprintf("%s %s: %v", step, target, err)
}
