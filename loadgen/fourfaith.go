package loadgen

// Four-Faith, PROT mode.
//
//	registration  78 56 34 12 | 11 digits | 00 | IP (4) | 00
//	heartbeat     FE
//	payload       FD -> FD ED, FE -> FD EE, both ways
const (
	escapeByte    = 0xFD
	heartbeatByte = 0xFE
	escapedFD     = 0xED
	escapedFE     = 0xEE
)

// deviceIP is the address that registrations carry: a private one, as behind a carrier's NAT.
func deviceIP() [4]byte { return [4]byte{192, 168, 1, 66} }

// fourFaithRegistration appends the 21 bytes that a device sends on connecting.
func fourFaithRegistration(_ *speech, dst, id []byte) []byte {
	dst = append(append(dst, 0x78, 0x56, 0x34, 0x12), id...)
	ip := deviceIP()
	return append(append(append(dst, 0x00), ip[:]...), 0x00)
}

// appendEscaped appends payload with FD and FE escaped.
func appendEscaped(dst, payload []byte) []byte {
	for _, c := range payload {
		switch c {
		case escapeByte:
			dst = append(dst, escapeByte, escapedFD)
		case heartbeatByte:
			dst = append(dst, escapeByte, escapedFE)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// unescape removes the escapes from b in place and returns what is left. *open says whether the byte before b was an
// escape whose second byte is still to come. Bare FE is a heartbeat and vanishes; bad counts what no escape may be.
func unescape(open *bool, b []byte) (payload []byte, bad int) {
	k := 0
	for _, c := range b {
		switch {
		case *open:
			*open = false
			switch c {
			case escapedFD:
				c = escapeByte
			case escapedFE:
				c = heartbeatByte
			default:
				bad++
				continue
			}
		case c == escapeByte:
			*open = true
			continue
		case c == heartbeatByte:
			continue
		}
		b[k] = c
		k++
	}
	return b[:k], bad
}
