package codec

import "bytes"

// Four-Faith, PROT mode. Registration, 21 bytes, once after connecting:
//
//	0..3    78 56 34 12    device type
//	4..14   11 digits      phone number: the id
//	15      00
//	16..19  address        the device's own, IPv4
//	20      00
//
// Then, in both directions, FD travels as FD ED and FE as FD EE, so that a bare FE is a heartbeat wherever it stands.
const (
	ffEscape = 0xFD
	ffBeat   = 0xFE
	ffIsFD   = 0xED
	ffIsFE   = 0xEE
)

func decodeFourFaith(dst, b []byte, st *Stream) Decoded {
	st.mid = false
	if bytes.IndexByte(b, ffEscape) < 0 && bytes.IndexByte(b, ffBeat) < 0 {
		return Decoded{Payload: b, Taken: len(b)}
	}
	out := dst[:0]
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case ffBeat:
		case ffEscape:
			if i+1 == len(b) {
				st.mid = true
				return Decoded{Payload: out, Taken: i}
			}
			i++
			switch b[i] {
			case ffIsFD:
				out = append(out, 0xFD)
			case ffIsFE:
				out = append(out, 0xFE)
			default:
				return Decoded{Payload: out, Taken: i + 1, End: "four-faith: FD without ED or EE behind it"}
			}
		default:
			out = append(out, b[i])
		}
	}
	return Decoded{Payload: out, Taken: len(b)}
}

func appendFourFaith(dst, payload []byte) []byte {
	for _, c := range payload {
		switch c {
		case 0xFD:
			dst = append(dst, ffEscape, ffIsFD)
		case 0xFE:
			dst = append(dst, ffEscape, ffIsFE)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
