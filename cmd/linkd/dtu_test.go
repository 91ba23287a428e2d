package main_test

import (
	"bufio"
	endian "encoding/binary" // binary is the linkd that is tested
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/simonvetter/modbus"
)

// registers is what a Modbus server of simonvetter/modbus serves: one array under both holding and input, one under
// both coils and discrete, so that its client, which can write holding registers and coils alone, fills all tables.
// seen has each write as TABLE FIRST VALUES.
type registers struct {
	mu     sync.Mutex
	words  [64]uint16
	bits   [64]bool
	seen   []string
	refuse map[uint16]error // at these addresses
}

// span returns the addresses that a request is about.
func span[T any](r *registers, all []T, addr, count uint16) ([]T, error) {
	for a := addr; a < addr+count; a++ {
		if err := r.refuse[a]; err != nil {
			return nil, err
		}
	}
	if int(addr)+int(count) > len(all) {
		return nil, modbus.ErrIllegalDataAddress
	}
	return all[addr : addr+count], nil
}

func (r *registers) handle(table string, addr, count uint16, write []uint16) ([]uint16, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part, err := span(r, r.words[:], addr, count)
	if err == nil && write != nil {
		copy(part, write)
		r.seen = append(r.seen, fmt.Sprint(table, " ", addr, " ", write))
	}
	return slices.Clone(part), err
}

func (r *registers) handleBits(table string, addr, count uint16, write []bool) ([]bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part, err := span(r, r.bits[:], addr, count)
	if err == nil && write != nil {
		copy(part, write)
		r.seen = append(r.seen, fmt.Sprint(table, " ", addr, " ", write))
	}
	return slices.Clone(part), err
}

// saw reports whether the server was asked to write this.
func (r *registers) saw(write string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.seen, write)
}

// HandleCoils implements modbus.RequestHandler.
func (r *registers) HandleCoils(q *modbus.CoilsRequest) ([]bool, error) {
	return r.handleBits("coil", q.Addr, q.Quantity, q.Args)
}

// HandleDiscreteInputs implements modbus.RequestHandler.
func (r *registers) HandleDiscreteInputs(q *modbus.DiscreteInputsRequest) ([]bool, error) {
	return r.handleBits("discrete", q.Addr, q.Quantity, nil)
}

// HandleHoldingRegisters implements modbus.RequestHandler.
func (r *registers) HandleHoldingRegisters(q *modbus.HoldingRegistersRequest) ([]uint16, error) {
	return r.handle("holding", q.Addr, q.Quantity, q.Args)
}

// HandleInputRegisters implements modbus.RequestHandler.
func (r *registers) HandleInputRegisters(q *modbus.InputRegistersRequest) ([]uint16, error) {
	return r.handle("input", q.Addr, q.Quantity, nil)
}

// serveModbus starts a server with registers and returns its address.
func serveModbus(t *testing.T, r *registers) (addr string) {
	t.Helper()
	var err error
	for range 10 { // it cannot say which port it took, so a free one is looked for, which another may take first
		free, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			t.Fatal(listenErr)
		}
		addr = free.Addr().String()
		free.Close()
		var s *modbus.ModbusServer
		quiet := log.New(io.Discard, "", 0)
		s, err = modbus.NewServer(&modbus.ServerConfiguration{URL: "tcp://" + addr, Logger: quiet}, r)
		if err != nil {
			t.Fatal(err)
		}
		if err = s.Start(); err == nil {
			t.Cleanup(func() {
				if err := s.Stop(); err != nil {
					t.Errorf("stop the Modbus server: %v", err)
				}
			})
			return addr
		}
	}
	t.Fatal(err)
	return ""
}

// modbusClient opens a client of simonvetter/modbus.
func modbusClient(t *testing.T, url string) *modbus.ModbusClient {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	c, err := modbus.NewClient(&modbus.ClientConfiguration{URL: url, Timeout: patience, Logger: quiet})
	if err == nil {
		err = c.Open()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the other end may have closed first
	return c
}

// dtu is a modem that dials in to a provider, says its id and hands on what passes to a Modbus TCP server: as it is, or
// as a gateway from RTU. It returns its own address.
func dtu(t *testing.T, in *instance, server string, rtu bool) net.Addr {
	t.Helper()
	device, err := net.DialTimeout("tcp", server, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close() })
	cloud := in.dial(t, "s1", "c0001")
	var both sync.WaitGroup
	t.Cleanup(both.Wait)
	t.Cleanup(func() { cloud.Close(); device.Close() })
	if rtu {
		both.Go(func() {
			if err := gateway(cloud, device); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				t.Errorf("gateway: %v", err)
			}
			cloud.Close()
		})
		return cloud.LocalAddr()
	}
	both.Go(func() { _, _ = io.Copy(device, cloud) }) // ends when either closes, as the test does
	both.Go(func() { _, _ = io.Copy(cloud, device) })
	return cloud.LocalAddr()
}

// gateway turns RTU requests into Modbus TCP and the answers back, one at a time, each frame in one write (Modbus over
// Serial Line V1.02, section 2.5.1; Modbus Messaging on TCP/IP V1.0b, section 3.1.2). It gives up at a wrong CRC.
func gateway(line, server net.Conn) error {
	r := bufio.NewReader(line)
	for seq := uint16(1); ; seq++ {
		head, err := r.Peek(7)
		if err != nil {
			return err
		}
		size := 8
		if fc := head[1]; fc == 15 || fc == 16 {
			size = 9 + int(head[6])
		} else if fc == 22 {
			size = 10
		}
		frame := make([]byte, size)
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		body := frame[:size-2]
		if got, want := endian.LittleEndian.Uint16(frame[size-2:]), crc16(body); got != want {
			return fmt.Errorf("CRC of % x is %04x, want %04x", frame, got, want)
		}
		mbap := endian.BigEndian.AppendUint16(nil, seq)
		mbap = endian.BigEndian.AppendUint32(mbap, uint32(len(body)))
		if _, err := server.Write(append(mbap, body...)); err != nil {
			return err
		}
		if _, err := io.ReadFull(server, mbap[:6]); err != nil {
			return err
		}
		answer := make([]byte, endian.BigEndian.Uint16(mbap[4:]))
		if _, err := io.ReadFull(server, answer); err != nil {
			return err
		}
		if _, err := line.Write(endian.LittleEndian.AppendUint16(answer, crc16(answer))); err != nil {
			return err
		}
	}
}

// crc16 is CRC-16/MODBUS, bit by bit (Modbus over Serial Line V1.02, section 6.2.2).
func crc16(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c ^= uint16(x)
		for range 8 {
			low := c & 1
			if c >>= 1; low != 0 {
				c ^= 0xA001
			}
		}
	}
	return c
}

var loopback = regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*`)

// tunnel starts linkd tunnel for PROVIDER/NAME and returns where it listens.
func (in *instance) tunnel(t *testing.T, path string) (addr string) {
	t.Helper()
	p := start(t, exec.Command(binary, "tunnel", path, "--listen", "127.0.0.1:0", "--url", in.url))
	eventually(t, "the tunnel listens", func() error {
		if addr = loopback.FindString(p.log.String()); addr == "" {
			return errors.New(p.log.String())
		}
		return nil
	})
	return addr
}
