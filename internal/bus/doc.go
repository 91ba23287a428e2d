// Package bus owns what linkd says to the world over NATS, and keeps there: telemetry, the lives of connections,
// history, and the commands that come back. The server is in this process unless another one's URL is given; nothing
// else differs.
//
// A bus that is away, slow or full never makes anybody wait: what it is given is copied into a spool of bounded size,
// whose oldest content is dropped, and counted, when there is no room. It is the only importer of github.com/nats-io.
package bus
