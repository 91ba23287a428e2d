package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Generations lists the generations of a data directory, the oldest first, and reads all of each to say whether it is
// sound. It takes no lock and changes nothing: it may run beside a linkd.
func Generations(dir string) ([]Generation, error) {
	numbers, err := generationNumbers(dir)
	if err != nil {
		return nil, err
	}
	var list []Generation
	for _, n := range numbers {
		g, err := readGeneration(generationPath(dir, n), func(kind, []byte, []byte) error { return nil })
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue // a linkd that runs has removed it meanwhile
		case err != nil:
			g.Problem = err
		case g.Number != n:
			g.Problem = damaged("it says that it is generation %d", g.Number)
		}
		g.Number = n
		list = append(list, g)
	}
	return list, nil
}

// generationNumbers are those of the files that there are, in order.
func generationNumbers(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(dir, generationsName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("store: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		digits, found := strings.CutSuffix(e.Name(), generationSuffix)
		if n, err := strconv.ParseUint(digits, 10, 64); found && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// A copier writes generations, in a goroutine of its own that stop ends.
type copier struct {
	store *Store
	woken chan struct{} // of one: wakes add up
	quit  chan struct{}
	done  chan struct{}

	mu    sync.Mutex
	fault error
}

func startCopier(s *Store) *copier {
	c := &copier{store: s, woken: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	c.wake() // what was committed just before the last end may have no generation yet
	go c.run()
	return c
}

// wake says that something has changed. It never waits.
func (c *copier) wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// stop writes what is not written yet, and ends.
func (c *copier) stop() {
	close(c.quit)
	<-c.done
}

func (c *copier) healthy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

func (c *copier) run() {
	defer close(c.done)
	for {
		select {
		case <-c.woken:
		case <-c.quit:
			c.copy() // a wake that select passed over
			return
		}
		if c.copy(); c.healthy() != nil {
			c.wake() // again, when the pause is over
		}
		pause := time.NewTimer(c.store.options.Every)
		select {
		case <-pause.C:
		case <-c.quit:
			pause.Stop()
			c.copy()
			return
		}
	}
}

// copy writes a generation, unless the last one holds the same, and removes those that are too many.
func (c *copier) copy() {
	err := c.write()
	c.mu.Lock()
	was := c.fault
	c.fault = err
	c.mu.Unlock()
	switch log := c.store.options.Log; {
	case err != nil && was == nil:
		log.Error("store: no generation was written; linkd tries again", "error", err)
	case err == nil && was != nil:
		log.Info("store: generations are written again")
	}
}

func (c *copier) write() error {
	dir := c.store.dir.path
	if err := makeDirectory(filepath.Join(dir, generationsName)); err != nil {
		return err
	}
	numbers, err := generationNumbers(dir)
	if err != nil {
		return err
	}
	next := Generation{Number: 1, Time: c.store.options.Now()}
	var last Generation
	if n := len(numbers); n > 0 {
		next.Number = numbers[n-1] + 1
		last = peek(generationPath(dir, numbers[n-1]))
	}
	err = c.store.main.read(func(v view) (err error) {
		if next.changes, err = v.number(stateChanges); err != nil || next.changes == last.changes {
			return err
		}
		if next.Revision, err = v.revision(); err != nil {
			return err
		}
		if err := writeGeneration(generationPath(dir, next.Number), next, v); err != nil {
			return err
		}
		numbers = append(numbers, next.Number)
		return nil
	})
	if err != nil {
		return err
	}
	return prune(dir, numbers, c.store.options.Keep)
}

// peek reads the first line of a generation; zero when it has none.
func peek(path string) Generation {
	f, err := os.Open(path)
	if err != nil {
		return Generation{}
	}
	defer f.Close()
	line := make([]byte, lineSize)
	if _, err := f.Read(line); err != nil {
		return Generation{}
	}
	g, _, _, err := parseLine(line)
	if err != nil {
		return Generation{}
	}
	return g
}

// prune removes the oldest.
func prune(dir string, numbers []uint64, keep int) error {
	for len(numbers) > keep {
		if err := os.Remove(generationPath(dir, numbers[0])); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("store: %w", err)
		}
		numbers = numbers[1:]
	}
	return nil
}
