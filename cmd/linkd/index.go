package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The index is a directory of the user's own with a file for each HOST:PORT at which a linkd of the user answers: it
// says where that one's data lies, so that commands find its token. A file counts while the linkd that wrote it holds
// the lock on it: one that a crash left behind is nobody's, whoever has the port now.

const (
	mostEntry = 8 << 10 // bytes of a file; it holds a path
	mostSwept = 1000    // files that are looked at when one is added
)

// entry is what a file of the index says.
type entry struct {
	Address string `json:"address"`
	Data    string `json:"data"`
}

// indexDirs are where the index may be, the first that can be made for whoever writes. A command looks in all, as it
// may run where XDG_RUNTIME_DIR is another.
func indexDirs() (dirs []string) {
	if run := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		dirs = append(dirs, filepath.Join(run, "linkd"))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "linkd", "run"))
	}
	return dirs
}

// announce writes into the index that the linkd of a data directory answers at an address, until stop. Without it
// commands need --token: it is no reason not to serve.
func announce(address, dataDir string, log *slog.Logger) (stop func()) {
	err := errors.New("no directory for it: neither XDG_RUNTIME_DIR nor HOME is set")
	for _, dir := range indexDirs() {
		var f *os.File
		if f, err = putEntry(dir, entry{Address: address, Data: dataDir}); err == nil {
			return func() { dropEntry(filepath.Join(dir, address), f) }
		}
	}
	log.Warn("commands on this machine do not find this linkd by itself; give them --token or LINKD_DATA", "err", err)
	return func() {}
}

// putEntry writes a file of the index, locked; it replaces one that is there.
func putEntry(dir string, e entry) (*os.File, error) {
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return nil, err
	}
	if err := checkIndex(dir); err != nil {
		return nil, err
	}
	sweep(dir)
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, ".new-") // mode 0600
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		if _, err = f.Write(b); err == nil {
			err = os.Rename(f.Name(), filepath.Join(dir, e.Address))
		}
	}
	if err != nil {
		f.Close()
		_ = os.Remove(f.Name()) // the error tells
		return nil, err
	}
	return f, nil
}

// sweep removes what crashes left behind, so that an index does not grow with them.
func sweep(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return // putEntry is about to say why
	}
	defer d.Close()
	names, _ := d.Readdirnames(mostSwept) // what was read before an error will do
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue // about to be locked, and renamed
		}
		if _, err := readEntry(dir, name); errors.Is(err, errStale) {
			_ = os.Remove(filepath.Join(dir, name)) // the next one tries again
		}
	}
}

// dropEntry removes a file of the index, unless another linkd has replaced it.
func dropEntry(path string, f *os.File) {
	defer f.Close()
	own, err := f.Stat()
	if err != nil {
		return
	}
	if now, err := os.Lstat(path); err == nil && os.SameFile(own, now) {
		_ = os.Remove(path) // what stays counts for nothing without its lock
	}
}

// checkIndex refuses a directory that is not the user's own.
func checkIndex(dir string) error {
	at, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !at.IsDir() {
		return fmt.Errorf("%s: not a directory", dir)
	}
	if !isOwn(at) || at.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s: others may use it (mode %04o); it must be yours alone: chmod 700 it, or remove it", dir,
			at.Mode().Perm())
	}
	return nil
}

func isOwn(at os.FileInfo) bool {
	sys, ok := at.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}

// lookUp finds the data directory of the linkd that answers at an address, IP:PORT; it is empty where there is none. An
// error says what is wrong with the index.
func lookUp(ip net.IP, port string) (dataDir string, err error) {
	// What listens on all addresses answers at this one too: nobody else can listen there then.
	listening := []string{net.JoinHostPort(ip.String(), port), net.JoinHostPort("::", port)}
	if ip.To4() != nil {
		listening = append(listening, net.JoinHostPort("0.0.0.0", port))
	}
	var wrong error
	for _, dir := range indexDirs() {
		if err := checkIndex(dir); err != nil {
			if !errors.Is(err, os.ErrNotExist) {
				wrong = errors.Join(wrong, err)
			}
			continue
		}
		for _, address := range listening {
			e, err := readEntry(dir, address)
			if err == nil {
				return e.Data, nil
			}
			if !errors.Is(err, os.ErrNotExist) {
				wrong = errors.Join(wrong, err)
			}
		}
	}
	return "", wrong
}

var errStale = fmt.Errorf("%w: no linkd holds it", os.ErrNotExist)

// readEntry reads a file of the index that counts.
func readEntry(dir, address string) (e entry, err error) {
	path := filepath.Join(dir, address)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return e, err
	}
	defer f.Close()
	at, err := f.Stat()
	if err != nil {
		return e, err
	}
	if !at.Mode().IsRegular() || !isOwn(at) || at.Mode().Perm()&0o022 != 0 {
		return e, fmt.Errorf("%s: not a file that linkd wrote; remove it", path)
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return e, errStale
	}
	b, err := io.ReadAll(io.LimitReader(f, mostEntry+1))
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil || len(b) > mostEntry || e.Address != address || !filepath.IsAbs(e.Data) {
		return entry{}, fmt.Errorf("%s: not a file that linkd wrote; remove it", path)
	}
	return e, nil
}

// hereAs are the addresses of this machine that a host stands for; none for a host that is another machine, or may be.
func hereAs(host string) []net.IP {
	if host == "localhost" {
		return []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	if ip := net.ParseIP(host); ip != nil && isHere(ip) {
		return []net.IP{ip}
	}
	return nil
}

// isHere reports whether an address is one of this machine's.
func isHere(ip net.IP) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}
