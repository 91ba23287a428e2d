package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Stamp says what was measured, where and when.
type Stamp struct {
	Commit    string    `json:"commit"` // of the work tree; with "-dirty" where it has changes; "unknown" without git
	Command   string    `json:"command"`
	Time      time.Time `json:"time"`
	Go        string    `json:"go"`
	OS        string    `json:"goos"`
	Arch      string    `json:"goarch"`
	Kernel    string    `json:"kernel"`
	CPU       string    `json:"cpu"`
	Cores     int       `json:"cores"`
	OpenFiles int       `json:"open_files"` // hard limit
	CoresFor  string    `json:"cores_for"`  // how server and load have the cores
	Settings  []Setting `json:"settings"`
}

func stampNow(ctx context.Context, c *Config, openFiles int) Stamp {
	text := func(s string) (string, error) { return strings.TrimSpace(s), nil }
	model := func(s string) (string, error) { return parseCPUModel(s), nil }
	kernel, _ := read(text, "/proc/sys/kernel/osrelease") // an unknown one is empty
	cpu, _ := read(model, "/proc/cpuinfo")
	return Stamp{Commit: commit(ctx), Command: strings.Join(append([]string{"linkd"}, os.Args[1:]...), " "),
		Time: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Kernel: kernel, CPU: cpu, Cores: runtime.NumCPU(), OpenFiles: openFiles,
		CoresFor: splitCores(c.Loops, c.Pin).String(), Settings: settings(c, openFiles)}
}

func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	id := strings.TrimSpace(string(head))
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output()
	if err != nil || len(changes) > 0 {
		id += "-dirty"
	}
	return id
}

// String is one line for people.
func (s Stamp) String() string {
	return fmt.Sprintf("commit %s, %s, Linux %s, %d x %s, %d open files; %s", s.Commit, s.Go, s.Kernel, s.Cores,
		s.CPU, s.OpenFiles, s.CoresFor)
}
