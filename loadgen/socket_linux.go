package loadgen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Reads, sends and short waits are raw system calls: they never block for longer than shortWait, and telling the Go
// scheduler of each would cost more than it brings.

const (
	eventsAtOnce = 512
	// shortWait is the longest wait that the scheduler is not told of. The processor stays with the worker meanwhile.
	// After it has taken one away the scheduler's monitor looks each 20 us for a while, and it interrupts who holds one
	// for 10 ms: a worker that is woken every few ms took more than twice the CPU when it told of waits over 2 ms.
	shortWait = int64(9 * time.Millisecond)
	longWait  = int64(time.Second)
	interest  = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
)

// poller is one epoll set, edge-triggered, with an eventfd in it by which other goroutines wake the worker.
type poller struct {
	fd, wake int
	events   [eventsAtOnce]unix.EpollEvent
	raw      bool // a processor is left for the rest of the process while this worker waits
	busy     bool // the last wait brought events
	old      bool // the kernel has no epoll_pwait2
}

func newPoller(workers int) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("loadgen: epoll_create1: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("loadgen: eventfd: %w", err)
	}
	p := &poller{fd: fd, wake: wake, raw: runtime.GOMAXPROCS(0) > workers}
	if err := p.add(wake, -1, 0); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// add watches fd for everything; its events carry dev and gen.
func (p *poller) add(fd int, dev int32, gen uint32) error {
	ev := unix.EpollEvent{Events: interest, Fd: dev, Pad: int32(gen)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("loadgen: epoll_ctl: %w", err)
	}
	return nil
}

// wakeUp ends the worker's wait. It may be called from any goroutine until close.
func (p *poller) wakeUp() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.wake, one[:]) // full means that it is awake already
}

func (p *poller) close() {
	unix.Close(p.wake)
	unix.Close(p.fd)
}

// wait returns what happened within d nanoseconds.
func (p *poller) wait(d int64) ([]unix.EpollEvent, error) {
	d = max(0, min(d, longWait))
	quick := d
	if p.busy {
		quick = min(d, shortWait) // more will come soon: do not let the scheduler take the processor away
	}
	n, err := p.poll(quick, quick == 0 || p.raw && quick <= shortWait)
	if err == nil && n == 0 && quick < d {
		n, err = p.poll(d-quick, false)
	}
	p.busy = n > 0
	return p.events[:n], err
}

func (p *poller) poll(d int64, raw bool) (int, error) {
	if p.old {
		n, err := unix.EpollWait(p.fd, p.events[:], int((d+999_999)/1_000_000))
		return max(n, 0), ignoreEINTR(err)
	}
	ts := unix.NsecToTimespec(d)
	fd, ev, t := uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), uintptr(unsafe.Pointer(&ts))
	var n uintptr
	var errno unix.Errno
	if raw {
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, fd, ev, eventsAtOnce, t, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, fd, ev, eventsAtOnce, t, 0, 0)
	}
	runtime.KeepAlive(&ts)
	switch errno {
	case 0:
		return int(n), nil
	case unix.ENOSYS, unix.EPERM: // older than Linux 5.11, or a sandbox of that age
		p.old = true
		return p.poll(d, raw)
	}
	return 0, ignoreEINTR(errno)
}

func ignoreEINTR(err error) error {
	if err == nil || errors.Is(err, unix.EINTR) {
		return nil
	}
	return fmt.Errorf("loadgen: epoll_wait: %w", err)
}

// read reads what is there; 0 without an error is the end of the stream.
func read(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// send sends what the kernel takes at once; b is not empty.
func send(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// dialler opens sockets towards one address.
type dialler struct {
	family  int
	target  unix.Sockaddr
	sources sources
	bind4   unix.SockaddrInet4
	bind6   unix.SockaddrInet6
}

func newDialler(to netip.AddrPort, from sources) *dialler {
	addr := to.Addr().Unmap()
	d := &dialler{family: unix.AF_INET6, sources: from}
	if addr.Is4() {
		d.family = unix.AF_INET
		d.target = &unix.SockaddrInet4{Port: int(to.Port()), Addr: addr.As4()}
	} else {
		d.target = &unix.SockaddrInet6{Port: int(to.Port()), Addr: addr.As16()}
	}
	return d
}

// dial begins to connect a device, from source address i; a slow one has a small receive buffer. On failure it says
// which step failed; nothing stays open.
func (d *dialler) dial(i int, slow bool) (fd int, step string, err error) {
	fd, err = unix.Socket(d.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "socket", err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // a frame must not wait for an acknowledgement
	if slow {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, slowBuffer) // a larger one is only filled later
	}
	if d.sources.count > 0 {
		if err := d.bind(fd, i); err != nil {
			unix.Close(fd)
			return -1, "bind", err
		}
	}
	err = unix.Connect(fd, d.target)
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return -1, "connect", err
	}
	return fd, "", nil
}

// bind gives the socket its source address; the port is chosen by connect, so that one port serves many targets.
func (d *dialler) bind(fd, i int) error {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // without it ports are only scarcer
	addr := d.sources.at(i).Unmap()
	if d.family == unix.AF_INET {
		if !addr.Is4() {
			return unix.EAFNOSUPPORT
		}
		d.bind4.Addr = addr.As4()
		return unix.Bind(fd, &d.bind4)
	}
	d.bind6.Addr = addr.As16()
	return unix.Bind(fd, &d.bind6)
}

// socketError takes the error that ended a connect.
func socketError(fd int32) error {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	return unix.Errno(n)
}
