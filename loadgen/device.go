package loadgen

// state of a device.
type state uint8

const (
	unborn     state = iota // not dialled yet
	dialling                // connect under way
	unanswered              // identity sent, its answer awaited
	confirming              // a frame sent, its echo awaited
	up                      // counted as up
	cutting                 // up, and its link is about to be reset
	down                    // dials again later
	failed                  // never came up, and will not be dialled again
	gone                    // was up, lost its link, and will not be dialled again
)

// device is one simulated device. A worker keeps its devices in one array; there is no pointer in it, so that the
// garbage collector never walks a fleet.
type device struct {
	i     int32  // its place among the worker's devices
	fd    int32  // -1: no socket
	gen   uint32 // attempts to connect; tells late events and timers of older ones
	state state
	tries uint8 // dials since the device was last up

	inFlight  bool  // a frame is sent and its echo awaited
	cameUp    bool  // was up at least once
	confirmed bool  // had at least one echo
	active    bool  // has sent something since its last turn for a heartbeat
	openFD    bool  // four-faith: the first byte of an escape has come
	slow      bool  // reads little at a time
	clone     bool  // says the id of the device before it
	twin      bool  // another device says the same id
	doomed    bool  // its link ends in its next answer
	moves     int32 // to how many other source addresses it has gone
	ddp       ddpReader

	pos     int32  // bytes of the expected answer or frame that have come
	left    int32  // index of what the kernel did not take yet in worker.left; -1: none
	seq     uint32 // of the newest frame
	backlog uint32 // frames due and not sent

	due      int64 // of the oldest frame in the backlog
	frameDue int64 // of the frame in flight, as it stands in the frame
	counts   int64 // when the round trip of the frame in flight begins to count
	lag      int64 // the generator's own share in the lateness of the newest frame
	free     int64 // since when the device could have sent, had the generator not been late with the frame before
	sent     int64 // when the newest frame was
	began    int64 // when the connect begins to count
	said     int64 // when the identity was sent
}
