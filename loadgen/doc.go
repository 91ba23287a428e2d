// Package loadgen owns simulated fleets: devices that dial a server, say who they are in the bytes of a vendor's
// preset, and then stay, ask for echoes, or push frames at a fixed rate; and what came of it, as one Result.
//
// It knows nothing of the server it drives: it imports linkd's project package for id patterns and nothing else of
// linkd. In particular it never uses linkd's codec, so that its encoders and decoders are a second reading of the
// vendors' formats and each implementation checks the other. It uses no link but TCP.
//
// # Design
//
// A worker is one goroutine with one epoll set and a flat array of devices without pointers; there is no goroutine
// per device, and neither a message nor a connection allocates. A process whose descriptors do not suffice starts more
// processes and merges their histograms (never their percentiles). Linux only; elsewhere Run returns ErrPlatform.
//
// # Time
//
// Everything paced is open loop: message m of a rate R is due at start + m/R whatever the server does, and a message
// that its device could not send in time, because the answer before it was late, keeps its due time. A round trip
// counts from the due time, less the generator's own lag: the time from the moment when a message was due and its
// device was free (or would have been, had the generator not been late before) to the moment when it was really sent.
// That lag has a histogram of its own, and is never counted as the server's. With a rate it holds up to one Tick of
// waiting for other frames; beyond that, the generator lacks CPU, and the run says little. The end of a round trip is
// the moment when the kernel reported the answer, before the batch it came in was worked off.
//
// A stall, more than 20 ms in which a worker did not look at its sockets, is taken off the times that were waited for
// meanwhile, and is the generator's own lag as well. Result.Generator says whether it did its part well enough.
//
// Connects follow the same rule with a ramp: a connect counts from its due time, less the generator's lag, so that
// waiting because Inflight connects are not answered counts as the server's. Without a ramp there is no due time; a
// connect counts from its start. An up device is connected and has sent its identity; where the preset has an
// acknowledgement, it has come as well; with Confirm echo, so has the echo of one frame.
//
// # Frames
//
// A data frame has Size bytes, 16 at least:
//
//	0  E7 4C 47 31   magic
//	4  sequence      of this device, big-endian
//	8  due time      nanoseconds since the Unix epoch, big-endian
//	16 filler        up to Size, the same in every frame, printable (four-faith: with bytes that must be escaped)
//
// The echo must be the same bytes; anything between frames is skipped, so that a server which echoes all it gets,
// the identity included, serves as well as one that echoes only payload.
//
// # Result
//
// See Result and Latency for the JSON fields, and docs/loadgen.md for the whole command.
package loadgen
