package report

import (
	"fmt"
	"regexp"
	"strings"
)

// again lists the commands that make a run again, and says whether the commit holds all that was measured. What a
// report says is quoted, so that it can do nothing but name what it names.
func (run result) again() (steps []string, dirty bool) {
	commit, dirty := strings.CutSuffix(run.Stamp.Commit, "-dirty")
	if commit != "unknown" {
		steps = append(steps, "git checkout "+commit)
	}
	command := "bin/" + quoted(run.Stamp.Command)
	if !strings.Contains(command, " --out ") && !strings.Contains(command, " --out=") {
		command += " --out bin/bench"
	}
	steps = append(steps, "make build", fmt.Sprintf("ulimit -n %d", max(run.Stamp.OpenFiles, 1024)), command)
	return steps, dirty
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./=,:@%+-]+$`)

// quoted are the words of a command, each as a shell takes it unchanged.
func quoted(command string) string {
	words := strings.Fields(command)
	for i, w := range words {
		if !plain.MatchString(w) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// howTo says how figures come about, in the same words on every page.
func howTo() []string {
	return []string{
		"Needed: Linux, Go and make, and for the peers of bench/peers what their builds ask for (a C compiler, a JDK); " +
			"a peer whose tools are missing is left out, and the report says so. Descriptors for the largest fleet " +
			"(ulimit -Hn), and a machine that does nothing else.",
		"Every server is a process of its own, started anew for each figure, and so is the load, on loopback. Rounds are " +
			"interleaved, so that a slow minute of the machine meets all servers alike.",
		"A figure is the median of the rounds, with the least and the most of them behind it. A ratio is taken within a " +
			"round, between neighbours in time, and then the median of these.",
		"Latency counts from the moment at which a message, connect or poll was due and not from the moment at which it " +
			"was sent: a server that holds up the load does not look fast by it. Where the load goes as fast as answers come " +
			"(closed) nothing is due, and it counts from the sending.",
		"CPU time is that of the server process alone, user and system, from /proc; memory is its RssAnon. The kernel's " +
			"memory of the sockets is in no figure.",
		"Steal is CPU time that the hypervisor took; other is what neither servers nor load nor harness used. Figures of a " +
			"round in which either is over 5 % are not to be trusted.",
	}
}
