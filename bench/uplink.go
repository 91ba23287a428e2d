package bench

import (
	"context"
	"fmt"
	"strconv"
)

// uplinkCases are frames at fixed rates, whatever the server does, from all links; up to more than it can take.
func uplinkCases(c *Config) (cases []measured) {
	for _, rate := range c.Rates {
		run := func(ctx context.Context, b *bench, s *server) (sample, error) {
			return b.traffic(ctx, s, b.Polled, "--mode", "push", "--rate", strconv.FormatFloat(rate, 'f', -1, 64))
		}
		cases = append(cases, measured{name: fmt.Sprintf("rate=%.0f/links=%d", rate, c.Polled),
			run: on(job{kind: sinks}, run), external: run})
	}
	return cases
}
