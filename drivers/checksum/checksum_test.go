package checksum

import "testing"

// TestCheckValues: each sum of "123456789" is the check value that the CRC catalogue publishes (sums and xor by hand:
// 49+50+…+57 = 477 = 01DD; 31^32^…^39 = 31).
func TestCheckValues(t *testing.T) {
	want := map[string]uint32{"sum8": 0xDD, "sum16": 0x01DD, "xor": 0x31, "crc16-modbus": 0x4B37, "crc16-ccitt": 0x29B1,
		"crc16-xmodem": 0x31C3, "crc16-kermit": 0x2189, "crc16-x25": 0x906E, "crc32": 0xCBF43926}
	if len(Kinds()) != len(want) {
		t.Errorf("%d kinds, want %d", len(Kinds()), len(want))
	}
	for name, sum := range want {
		k, ok := Find(name)
		if !ok || k.Sum([]byte("123456789")) != sum {
			t.Errorf("%s: found %v, %X, want %X", name, ok, k.Sum([]byte("123456789")), sum)
		}
		if k.Size < 4 && sum >= 1<<(8*k.Size) {
			t.Errorf("%s: %d bytes do not hold %X", name, k.Size, sum)
		}
	}
	if _, ok := Find("crc16"); ok {
		t.Error("crc16 says not which")
	}
	if CRC16Modbus([]byte{1, 4, 0, 0, 0, 2}) != 0xCB71 || Sum8([]byte{0xFF, 2}) != 1 {
		t.Error("the sums that drivers call by name differ")
	}
}
