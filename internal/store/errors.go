package store

import "errors"

// Errors that callers tell apart with errors.Is. The text around them says what to do.
var (
	// ErrLocked: another process has the data directory.
	ErrLocked = errors.New("store: the data directory is in use")
	// ErrMissing: the directory has been in use, and its store file is gone.
	ErrMissing = errors.New("store: the store file is missing")
	// ErrForeign: the directory holds other things and was never linkd's.
	ErrForeign = errors.New("store: not a data directory of linkd")
	// ErrCorrupt: a stored file is not what was written.
	ErrCorrupt = errors.New("store: damaged")
	// ErrConflict: the change was made from a revision that is not the current one.
	ErrConflict = errors.New("store: the configuration has changed meanwhile")
	// ErrFull: the disk has not taken a write (it is full, or failed). Nothing has changed; a later write may succeed.
	ErrFull = errors.New("store: not written")
	// ErrForgotten: the revision is older than what is kept.
	ErrForgotten = errors.New("store: the revision is not kept any more")
	// ErrUnknown: there is no such revision, or no such generation.
	ErrUnknown = errors.New("store: there is none")
	// ErrLimit: what is to be stored is over a bound.
	ErrLimit = errors.New("store: over the limit")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("store: closed")
)
