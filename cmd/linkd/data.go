package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"linkd/internal/doors"
)

const (
	lockFile      = "lock"
	privateDir    = 0o700
	worldWritable = 0o002
)

func dataFlag() cli.Flag {
	return &cli.StringFlag{Name: "data", EnvVars: []string{"LINKD_DATA"},
		Usage: "`DIR` of what outlives a restart (default: beside the project file, FILE without its extension + .data)"}
}

// dataDir is where the data of a project file lies unless told otherwise; without a file, in the working directory.
func dataDir(dir, file string) string {
	switch {
	case dir != "":
		return dir
	case file == "":
		return "linkd-data"
	}
	return strings.TrimSuffix(file, filepath.Ext(file)) + ".data"
}

// data is a data directory that is in use. Close gives it up.
type data struct {
	dir  string // absolute
	lock *os.File
}

// openData makes the directory where it is not there, and takes it for this process.
func openData(dir string) (*data, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", dir, err)
	}
	if err := os.MkdirAll(abs, privateDir); err != nil {
		return nil, fmt.Errorf("--data %s: %w; choose a directory that can be made", dir, pathCause(err))
	}
	at, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", dir, pathCause(err))
	}
	if at.Mode().Perm()&worldWritable != 0 {
		return nil, fmt.Errorf("--data %s: everybody may write there (mode %04o), and so make tokens; chmod 700 it",
			dir, at.Mode().Perm())
	}
	lock, err := os.OpenFile(filepath.Join(abs, lockFile), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data %s: cannot take its lock: %w", dir, pathCause(err))
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("--data %s: another linkd has it; stop that one, or choose another directory", dir)
		}
		return nil, fmt.Errorf("--data %s: cannot take its lock: %w", dir, err)
	}
	return &data{dir: abs, lock: lock}, nil
}

// keeper reads the tokens of the directory.
func (d *data) keeper(log *slog.Logger) (*doors.Keeper, error) {
	store, err := doors.OpenFile(d.dir, log)
	if err != nil {
		return nil, err
	}
	return doors.NewKeeper(store, log)
}

// Close lets another process have the directory. The lock's file stays: to remove it would let two have it.
func (d *data) Close() { d.lock.Close() }

// pathCause is what the system said of a path, without the path.
func pathCause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// isDir refuses what is no directory.
func isDir(dir string) error {
	at, err := os.Stat(dir)
	if err != nil {
		return pathCause(err)
	}
	if !at.IsDir() {
		return errors.New("not a directory")
	}
	return nil
}
