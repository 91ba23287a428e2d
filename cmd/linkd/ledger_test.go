package main_test

import (
	"strings"
	"testing"
)

// ledgerFleet pushes lines for two seconds.
func ledgerFleet(more ...string) []string {
	return append([]string{"--mode", "push", "--ledger", "http://127.0.0.1:0", "--devices", "50", "--rate", "500",
		"--duration", "2s", "--drain", "20s"}, more...)
}

// TestLedgerOfLinkd: every line that a fleet pushes comes north of linkd once and in order, also of devices whose
// vendors wrap them.
func TestLedgerOfLinkd(t *testing.T) {
	t.Parallel()
	for name, preset := range map[string][]string{
		"auto": nil, "usr": {"--preset", "usr", "--packet-prefix", "--heartbeat", "500ms"},
		"ddp":        {"--preset", "ddp", "--id", "1{n:010}"},
		"four-faith": {"--preset", "four-faith", "--id", "1{n:010}"},
	} {
		t.Run(name, func(t *testing.T) {
			in := serve(t, printed(t, ledgerFleet(preset...)...))
			r, said, status := follow(t, in, "--ledger", ledgerFleet(preset...)...)
			if l := r.Ledger; status != 0 || l.Sent != 1000 || l.Delivered+l.Unread != l.Sent {
				t.Errorf("status %d, %v: %s", status, l, said)
			}
		})
	}
}

// TestLedgerFindsLoss: linkd drops lines that are longer than its project allows; the ledger misses every one.
func TestLedgerFindsLoss(t *testing.T) {
	t.Parallel()
	fleet := ledgerFleet("--size", "100")
	project := strings.Replace(printed(t, fleet...), "max_line: 8192", "max_line: 64", 1)
	r, said, status := follow(t, serve(t, project), "--ledger", append(fleet, "--drain", "200ms")...)
	if l := r.Ledger; status != 1 || l.Sent != 1000 || l.Lost != l.Sent || !strings.Contains(said, "1000 are lost") {
		t.Errorf("status %d, %v: %s", status, l, said)
	}
}
