//go:build !linux

package loadgen

import (
	"context"
	"io"
)

// Run returns ErrPlatform: the generator is built on epoll.
func Run(context.Context, Config) (*Result, error) { return nil, ErrPlatform }

// ServeWorker returns ErrPlatform.
func ServeWorker(context.Context, io.Reader, io.Writer) error { return ErrPlatform }
