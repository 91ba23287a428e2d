package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// presets are how devices say who they are, with what linkd's provider and the load need for each. Numbers are from 1;
// an id of digits has as many as its vendor wants.
var presets = []struct{ name, id, identity, load string }{
	{"auto", anyID, "preset: auto", "--preset auto"},
	{"line", anyID, "preset: line", "--preset line"},
	{"usr", anyID, "preset: usr", "--preset usr"},
	{"template", "35583708{n:07}", "preset: template", "--preset template --suffix hex:00010203"},
	{"four-faith", "1360{n:07}", "preset: four-faith", "--preset four-faith"},
	{"ddp", "1360{n:07}", "preset: ddp", "--preset ddp"},
	{"inhand", "1360{n:07}", "preset: inhand", "--preset inhand"},
	{"imei", "35583708{n:07}", "preset: imei", "--preset imei"},
	{"fixed", anyID, "preset: fixed, length: 8, prefix: '<', suffix: '>'",
		"--preset fixed --length 8 --prefix < --suffix >"},
	{"length-prefixed", anyID, "preset: length-prefixed, length: 2", "--preset length-prefixed --length 2"},
	{"hex", "A{n:07}", "preset: hex, length: 4", "--preset hex --length 4"},
	{"regex", anyID, `preset: regex, pattern: '#(?P<id>c\d{7});'`, "--preset template --prefix # --suffix ;"},
}

func identifyCases(c *Config) (cases []measured) {
	n := min(slices.Max(c.Devices), c.Visitors)
	for _, p := range presets {
		m := measured{name: fmt.Sprintf("preset=%s/n=%d", p.name, n),
			run: on(job{kind: sinks, identity: p.identity, id: p.id},
				func(ctx context.Context, b *bench, s *server) (sample, error) {
					return b.identify(ctx, s, n, p.id, strings.Fields(p.load))
				})}
		if p.name != "auto" {
			m.peers = []string{Linkd} // the others know one way
			if c.Brief {
				continue
			}
		}
		cases = append(cases, m)
	}
	return cases
}

// identify measures n devices that come at a steady rate, say who they are, and leave when all are there.
func (b *bench) identify(ctx context.Context, s *server, n int, id string, how []string) (sample, error) {
	what, none := bound(0)
	before, err := s.settle(ctx, what, none)
	if err != nil {
		return sample{}, err
	}
	args := append([]string{"--id", id, "--ramp", strconv.Itoa(visitRate), "--hold", "100ms"}, how...)
	r, err := b.through(ctx, s, n, args...)
	if err != nil {
		return sample{}, err
	}
	after, err := s.settle(ctx, what, none)
	if err != nil {
		return sample{}, err
	}
	figures := []Figure{{visitUnit, microseconds(after-before) / float64(n)}}
	if r.Ack.Count > 0 {
		figures = append(figures, Figure{"ack-p99-ms", r.Ack.P99})
	}
	return sample{n, figures, curvesOf(r)}, nil
}

// visitRate is how many devices a second come to be identified: few enough that no server has a queue.
const visitRate = 2000
