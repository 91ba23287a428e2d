//go:build !linux

package loadgen

import (
	"context"
	"io"
)

// Run returns ErrPlatform: the generator is built on epoll.
func Run(context.Context, Config) (*Result, error) { return nil, ErrPlatform }

// Coordinate returns ErrPlatform.
func Coordinate(context.Context, Config, Meeting) (*Result, error) { return nil, ErrPlatform }

// Join returns ErrPlatform.
func Join(context.Context, Meeting) error { return ErrPlatform }

// ServeWorker returns ErrPlatform.
func ServeWorker(context.Context, io.Reader, io.Writer) error { return ErrPlatform }
