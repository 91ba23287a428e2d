// Package codec owns how a link says who it is, and what stands between its bytes and a driver: registration presets,
// heartbeats, ids before packets, escapes and frames of a vendor, and the PROXY protocol header. It turns byte slices
// into values. It never does I/O, reads a clock, starts a goroutine, keeps a slice it was given, or knows a device's
// protocol; the paths of identity and stream allocate nothing.
//
// All input is hostile: every function is total, for any bytes in any pieces.
//
// # One outcome for all ways to split
//
// TCP may deliver the same bytes whole, in pieces, or one by one. Identify is given all that has arrived so far, and
// its outcome is defined as the outcome of the shortest beginning of those bytes that decides. So it cannot depend on
// how they arrived: byte by byte, that beginning is the first to decide; in any other way, Identify finds the same
// one. Silence (quiet) is the one thing that may decide otherwise.
//
// # The preset auto
//
// Blanks, CR, LF and NUL before the id are skipped. Let p be what follows, up to the first CR, LF or NUL, at most
// MaxBytes. For each beginning of p, as it grows, in this order:
//
//  1. Some configured id begins p, and no configured id is longer than p and begins with it: nothing that can still
//     arrive makes a longer match. The longest id that begins p is the id; what follows it belongs to the stream. This
//     covers "equals an id that no other extends" (c0001) and "id glued to data" (c0001 01 03 …).
//  2. A line end has arrived: all of p, trimmed, is the id, configured or not.
//  3. MaxBytes have passed: the longest id that begins p, or else rubbish.
//  4. Silence: the exact, then the longest match, or else all of p is a stranger's id.
//
// Rule 1 comes before rule 2 because it must: of c0001 LF, and of c0001 01 03 00, the first five bytes are the same,
// and when they arrive alone nobody waits. Both conditions of rule 1, once true, stay true as p grows. So looking at
// the whole of p tells whether one of its beginnings would have decided, and the longest id is the same for both: a
// longer one would have kept the second condition false until it was complete.
//
// The line end of an id is not the driver's. Whatever decided, what directly follows the id is looked at first: blanks
// and one of CR, LF, CRLF or a run of NUL are taken away, in one piece or many (type Stream keeps how far it has come).
// This costs a device that sends no line end a first byte of 00, 0A or 0D, if it speaks first. It must not cost an
// answer: a Modbus TCP answer begins with 00. So after Stream.Sent only CRLF, or a line end followed by silence, is
// taken; one with data behind it is data. Blanks alone, followed by silence, are trimmed before Sent and data after.
//
// # Heartbeats
//
// Before the id up to 8 heartbeats are passed over. A heartbeat may begin an id, be an id, or be part of one (LOG and
// LOGIN:1001): every place where an id may begin is tried, and the configured id that is complete first wins; between
// places that end with the same byte, the earlier.
//
// After the id a heartbeat is taken away where it stands, whole, at the start of what Decode is offered (a read),
// directly behind another heartbeat, or directly behind the id; the longest that fits. The beginning of one, with
// nothing behind it, is held back until more bytes or silence decide; silence releases it to the driver. In the middle
// of a payload nothing is taken away, since it may be data: drivers resynchronise by their own check. Two exceptions: a
// bare FE of four-faith is a heartbeat anywhere, because escaping makes it so; and in the packet modes of usr the id is
// taken away anywhere, because TCP joins packets (an id of fewer than 4 bytes would be found in data by chance). A
// heartbeat written {id} is the link's own id.
package codec
