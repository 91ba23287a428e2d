package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"linkd/internal/doors"
	"linkd/internal/store"
)

const (
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
	dir   string // absolute
	store *store.Store
}

// openData makes the directory where it is not there, and takes it for this process.
func openData(dir string, log *slog.Logger) (*data, error) {
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
	s, err := store.Open(abs, store.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("--data %s: %s", dir, strings.TrimPrefix(err.Error(), "store: "))
	}
	return &data{dir: abs, store: s}, nil
}

// keeper reads the tokens of the directory.
func (d *data) keeper(log *slog.Logger) (*doors.Keeper, error) {
	return doors.NewKeeper(tokens{d.store, log}, log)
}

// Close lets another process have the directory.
func (d *data) Close() error { return d.store.Close() }

// tokens has the store keep the tokens and what was done to them; the log has all else that people did.
type tokens struct {
	store *store.Store
	log   *slog.Logger
}

// Tokens implements doors.Store.
func (t tokens) Tokens() ([]doors.Token, error) {
	list, err := t.store.Tokens()
	out := make([]doors.Token, len(list))
	for i, k := range list {
		out[i] = doors.Token(k)
	}
	return out, err
}

// PutToken implements doors.Store.
func (t tokens) PutToken(k doors.Token) error { return t.store.PutToken(store.Token(k)) }

// DeleteToken implements doors.Store.
func (t tokens) DeleteToken(id string) error { return t.store.DeleteToken(id) }

// Audit implements doors.Store.
func (t tokens) Audit(d doors.Deed) error {
	t.log.Info("audit", "who", d.Who, "did", d.Did, "what", d.What, "result", d.Result)
	if !strings.HasPrefix(d.Did, "token ") {
		return nil
	}
	return t.store.Audit(store.Entry{Time: d.Time, Who: d.Who, What: d.Did + " " + d.What + ": " + d.Result})
}

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
