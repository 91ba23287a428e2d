package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"linkd/bench"
)

// Results are the reports of one or more runs, merged: what pages and tables are made of.
type Results struct {
	runs     []result
	sections []*section
	styles   map[string]style // of every peer
}

// result is one run: the folder or file that it was read from, and what it says.
type result struct {
	path string
	*bench.Report
}

// section is what was measured of one scenario.
type section struct {
	name  string
	title string   // empty where this linkd does not know the scenario
	order int      // among all scenarios
	peers []string // in the order of all tables and plots
	limit string   // the peer that the others are set beside; empty where it was not measured
	cases []*caseResult
	runs  []result
	steps int // rounds so far, over all runs
}

// caseResult is one case of a scenario, over all rounds.
type caseResult struct {
	name    string
	figures []*figureResult
	curves  map[string]map[string][][]bench.CurvePoint // by what was waited for, then by peer: one a round
}

// figureResult is one figure of a case.
type figureResult struct {
	unit   string
	values map[string]map[int]float64 // by peer, then by round
	limits []string                   // what linkd was held to
}

// Read reads the reports of folders and merges them. A scenario that is in several of them gets the rounds of
// all, and is refused unless they are of one commit and one machine.
func Read(paths []string) (*Results, error) {
	if len(paths) == 0 || len(paths) > maxReports {
		return nil, fmt.Errorf("%w: %d folders; give 1 to %d that linkd bench run --out wrote", ErrRead, len(paths),
			maxReports)
	}
	var runs []result
	for _, path := range paths {
		r, err := readReport(path)
		if err != nil {
			return nil, err
		}
		runs = append(runs, result{path, r})
	}
	return merge(runs)
}

func merge(runs []result) (*Results, error) {
	all := &Results{runs: runs}
	for _, run := range runs {
		if err := all.add(run); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrRead, run.path, err)
		}
	}
	cases, peers := 0, map[string]bool{}
	for _, s := range all.sections {
		cases += len(s.cases)
		s.finish()
		for _, p := range s.peers {
			peers[p] = true
		}
	}
	if cases > maxCases || len(peers) > maxPeers {
		return nil, fmt.Errorf("%w: %d cases and %d peers; want at most %d and %d", ErrRead, cases, len(peers), maxCases,
			maxPeers)
	}
	slices.SortStableFunc(all.sections, func(a, b *section) int { return cmp.Compare(a.order, b.order) })
	all.styles = stylesOf(slices.SortedFunc(maps.Keys(peers), comparePeers))
	return all, nil
}

// add puts the samples, goals and notes of a run where they belong.
func (all *Results) add(run result) error {
	mine := map[string]*section{}
	for _, s := range run.Samples {
		sec := mine[s.Scenario]
		if sec == nil {
			var err error
			if sec, err = all.sectionFor(run, s.Scenario); err != nil {
				return err
			}
			mine[s.Scenario] = sec
		}
		if err := sec.add(s); err != nil {
			return err
		}
	}
	for _, row := range run.Rows {
		if sec := mine[row.Scenario]; sec != nil {
			sec.goals(row)
		}
	}
	for name, sec := range mine {
		most := 0
		for _, s := range run.Samples {
			if s.Scenario == name {
				most = max(most, s.Round+1)
			}
		}
		if sec.steps += most; sec.steps > maxRounds {
			return fmt.Errorf("%d rounds of %s; want at most %d", sec.steps, name, maxRounds)
		}
	}
	return nil
}

// sectionFor finds the section of a scenario, to which a run then belongs.
func (all *Results) sectionFor(run result, name string) (*section, error) {
	for _, sec := range all.sections {
		if sec.name != name {
			continue
		}
		if first := sec.runs[0]; place(first.Stamp) != place(run.Stamp) {
			return nil, fmt.Errorf("%s was measured there (%s) and in %s (%s): give reports of one commit and one machine, "+
				"or see linkd bench compare", name, place(run.Stamp), first.path, place(first.Stamp))
		}
		sec.runs = append(sec.runs, run)
		return sec, nil
	}
	if len(all.sections) == maxCases {
		return nil, fmt.Errorf("over %d scenarios", maxCases)
	}
	sec := &section{name: name, runs: []result{run}, order: len(bench.Scenarios())}
	for i, s := range bench.Scenarios() {
		if s.Name == name {
			sec.title, sec.order = s.Title, i
		}
	}
	all.sections = append(all.sections, sec)
	return sec, nil
}

// place is what two runs must share to be rounds of one.
func place(s bench.Stamp) string {
	return fmt.Sprintf("commit %s, %s, %s %s, %d x %s", s.Commit, s.Go, s.OS, s.Kernel, s.Cores, s.CPU)
}

func (sec *section) add(s bench.Sample) error {
	c := sec.caseNamed(s.Case)
	if !slices.Contains(sec.peers, s.Peer) {
		sec.peers = append(sec.peers, s.Peer)
	}
	if len(sec.cases) > maxCases || len(sec.peers) > maxPeers || len(c.figures)+len(s.Figures) > 2*maxFigures ||
		len(c.curves) > maxCurves {
		return fmt.Errorf("scenario %s has over %d cases, %d peers, or %d figures or %d curves of a case", s.Scenario,
			maxCases, maxPeers, maxFigures, maxCurves)
	}
	round := sec.steps + s.Round
	for _, f := range s.Figures {
		byPeer := c.figure(f.Unit).values
		if byPeer[s.Peer] == nil {
			byPeer[s.Peer] = map[int]float64{}
		}
		if _, twice := byPeer[s.Peer][round]; twice {
			return fmt.Errorf("%s of %s, %s, %s, round %d, is there twice", f.Unit, s.Scenario, s.Case, s.Peer, s.Round)
		}
		byPeer[s.Peer][round] = f.Value
	}
	for key, points := range s.Curves {
		if len(points) == 0 {
			continue
		}
		if c.curves[key] == nil {
			c.curves[key] = map[string][][]bench.CurvePoint{}
		}
		c.curves[key][s.Peer] = append(c.curves[key][s.Peer], points)
	}
	return nil
}

func (sec *section) caseNamed(name string) *caseResult {
	for _, c := range sec.cases {
		if c.name == name {
			return c
		}
	}
	c := &caseResult{name: name, curves: map[string]map[string][][]bench.CurvePoint{}}
	sec.cases = append(sec.cases, c)
	return c
}

func (c *caseResult) figure(unit string) *figureResult {
	for _, f := range c.figures {
		if f.unit == unit {
			return f
		}
	}
	f := &figureResult{unit: unit, values: map[string]map[int]float64{}}
	c.figures = append(c.figures, f)
	return f
}

// goals keeps what linkd was held to in the figure of a row, each once. Whether it was kept to is worked out anew.
func (sec *section) goals(row bench.Row) {
	for _, c := range sec.cases {
		for _, f := range c.figures {
			if c.name != row.Case || f.unit != row.Unit {
				continue
			}
			for _, g := range row.Goals {
				if !slices.Contains(f.limits, g.Limit) && len(f.limits) < maxPeers {
					f.limits = append(f.limits, g.Limit)
				}
			}
		}
	}
}

// finish orders the peers of a section and finds the one that is the limit.
func (sec *section) finish() {
	slices.SortFunc(sec.peers, comparePeers)
	for _, name := range leastPeers() {
		if slices.Contains(sec.peers, name) {
			sec.limit = name
			return
		}
	}
}

// summary is the figure of a peer over its rounds.
func (f *figureResult) summary(peer string) (bench.Summary, bool) {
	byRound := f.values[peer]
	return bench.Summarise(slices.Collect(maps.Values(byRound))), len(byRound) > 0
}

// ratio is peer to other, taken within each round that both have.
func (f *figureResult) ratio(peer, other string) (bench.Summary, bool) {
	var a, b []float64
	for round, v := range f.values[peer] {
		if by, ok := f.values[other][round]; ok {
			a, b = append(a, v), append(b, by)
		}
	}
	r := bench.Ratios(a, b)
	return bench.Summarise(r), len(r) > 0
}

// reached is a goal, what linkd came to, and whether that keeps to it.
type reached struct {
	scenario, name, unit string
	limit                string // such as <= 1.15 x c-epoll
	figure               string // linkd's
	beside               string // the peer that the figure is a ratio to; empty: it is the figure itself
	met                  bool
	known                bool // false: the limit's words are not understood, or linkd was not measured
}

func (f *figureResult) reached(scenario, name string) (list []reached) {
	for _, limit := range f.limits {
		r := reached{scenario: scenario, name: name, unit: f.unit, limit: limit}
		least, most, peer, ok := parseLimit(limit)
		var s bench.Summary
		if ok && peer == "" {
			s, ok = f.summary(bench.Linkd)
		} else if ok {
			s, ok = f.ratio(bench.Linkd, peer)
		}
		if ok {
			r.figure, r.beside, r.known = s.String(), peer, true
			r.met = s.Median >= least && s.Median <= most
		}
		list = append(list, r)
	}
	return list
}

// reached lists all goals, those that are not met first.
func (all *Results) reached() (list []reached) {
	for _, sec := range all.sections {
		for _, c := range sec.cases {
			for _, f := range c.figures {
				list = append(list, f.reached(sec.name, c.name)...)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b reached) int { return strings.Compare(a.verdict(), b.verdict()) })
	return list
}

// verdict is NOT MET, met or unknown, which are in the order of the alphabet.
func (r reached) verdict() string {
	switch {
	case !r.known:
		return "unknown"
	case r.met:
		return "met"
	}
	return "NOT MET"
}
