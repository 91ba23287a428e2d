package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// scaleCases go up with the devices in one process, and then with the processes that share the largest fleet.
func scaleCases(c *Config) (cases []measured) {
	add := func(devices, nodes int) {
		cases = append(cases, measured{name: fmt.Sprintf("n=%d/nodes=%d", devices, nodes),
			run: func(ctx context.Context, b *bench, peer string) (sample, error) {
				return b.scale(ctx, peer, devices, nodes)
			}})
	}
	most := slices.Max(c.Devices)
	for _, n := range c.Devices {
		if n != most {
			add(n, 1)
		}
	}
	for _, k := range c.Nodes {
		add(most, k)
	}
	return cases
}

// scale measures what each device takes of memory and each message of CPU, at the same rate however many there are.
func (b *bench) scale(ctx context.Context, peer string, devices, nodes int) (out sample, err error) {
	c, err := b.cluster(ctx, peer, job{}, nodes, devices)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	empty, err := emptyMemory(ctx, c)
	if err != nil {
		return sample{}, err
	}
	rate := strconv.FormatFloat(b.Rate/float64(nodes), 'f', -1, 64)
	err = c.fill(ctx, "--mode", "echo", "--size", strconv.Itoa(messageBytes), "--rate", rate, "--duration", "10m")
	if err != nil {
		return sample{}, err
	}
	if err := sleep(ctx, b.steady(c.nodes[0].server)); err != nil {
		return sample{}, err
	}
	before, after, u, err := watch(ctx, c, b.Window)
	if err != nil {
		return sample{}, err
	}
	full, err := c.memory(ctx)
	if err != nil {
		return sample{}, err
	}
	messages := float64(after.BytesIn-before.BytesIn) / messageBytes
	if messages == 0 {
		return sample{}, errors.New("bench: no message came while it was measured")
	}
	return sample{iterations: devices, figures: []Figure{{scaleUnit, float64(full-empty) / float64(devices)},
		{messageUnit, u.each(messages)}, {rateUnit, u.rate(messages)}}}, c.leave(ctx)
}
