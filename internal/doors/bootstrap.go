package doors

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"linkd/internal/durable"
)

const (
	adminFile = "admin.token"
	adminName = "admin" // of the token in that file
	open      = 0o007   // mode bits for everybody
	mostAdmin = 256     // bytes of the file
)

// AdminFile is where the token lies with which commands on the same machine come in.
func AdminFile(dir string) string { return filepath.Join(dir, adminFile) }

// ReadAdmin reads the admin's token of a data directory. It refuses a file that everybody can read: then they have it.
func ReadAdmin(dir string) (string, error) {
	path := AdminFile(dir)
	b, err := readRegular(path, mostAdmin, open)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("doors: %s: %w", path, reason(err))
	case err != nil:
		return "", fmt.Errorf("doors: %s: %w; stop linkd and make another with linkd token reset", path, reason(err))
	}
	token := strings.TrimSpace(string(b))
	if _, _, err := parse(token); err != nil {
		return "", fmt.Errorf("doors: %s holds no token; stop linkd and make another with linkd token reset", path)
	}
	return token, nil
}

// reason is what the system said of a file, without the file's name.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Bootstrap sees to it that somebody can come in: where there is no token at all, it makes one of an admin and puts it
// into AdminFile(dir), which its owner alone can read. Then, and only then, first is that admin. Otherwise it looks at
// what that file has, and logs a warning when that is of no use; no file is none.
func (k *Keeper) Bootstrap(dir string) (first Identity, err error) {
	k.changes.Lock()
	defer k.changes.Unlock()
	k.mu.RLock()
	none := len(k.tokens) == 0
	k.mu.RUnlock()
	if none {
		return k.putAdmin(dir)
	}
	token, err := ReadAdmin(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.log.Info("no admin.token: commands on this machine need --token", "file", AdminFile(dir))
	case err != nil:
		k.log.Warn("admin.token is of no use", "err", err)
	default:
		// It is known from now on, and comes in however many wrong ones come from its address.
		if !k.verify(token) {
			k.log.Warn("the token in admin.token is not valid any more; linkd token reset makes another one",
				"file", AdminFile(dir))
		}
	}
	return Identity{}, nil
}

// verify looks at a token whatever came before it.
func (k *Keeper) verify(token string) bool {
	id, secret, err := parse(token)
	if err != nil {
		return false
	}
	k.mu.RLock()
	e := k.tokens[id]
	k.mu.RUnlock()
	if e == nil || !matches(e.Hash, secret) {
		return false
	}
	got := digest(token)
	e.verified.Store(&got)
	return true
}

// Reset makes a new token of an admin and puts it into AdminFile(dir), for whoever lost the one before; that one ends.
// It is for a linkd that does not serve.
func (k *Keeper) Reset(dir string) error {
	k.changes.Lock()
	defer k.changes.Unlock()
	k.mu.RLock()
	var before *entry
	for _, e := range k.tokens {
		if e.Name == adminName {
			before = e
		}
	}
	k.mu.RUnlock()
	if before != nil {
		if err := k.drop(before); err != nil {
			return err
		}
	}
	_, err := k.putAdmin(dir)
	return err
}

// putAdmin writes the file before the store: a stop in between leaves a token that is not valid, and a store that has
// none, so that the next start makes another. The caller holds changes.
func (k *Keeper) putAdmin(dir string) (Identity, error) {
	token, made, err := k.prepare(adminName, Admin, "")
	if err != nil {
		return Identity{}, err
	}
	if err := durable.Replace(AdminFile(dir), durable.Bytes([]byte(token+"\n"))); err != nil {
		return Identity{}, fmt.Errorf("doors: %s cannot be written: %w", AdminFile(dir), reason(err))
	}
	who, err := k.keep(made)
	if err != nil {
		return Identity{}, err
	}
	k.log.Info("made a token for the admin", "id", made.ID, "file", AdminFile(dir))
	k.Audit("linkd", "token add", fmt.Sprintf("token %s of %s, %v", made.ID, adminName, Admin), nil)
	return who, nil
}
