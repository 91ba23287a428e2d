package bus

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const childDir = "LINKD_BUS_TEST_DIR"

// child is a process that puts reports on a bus until it is killed, and says how many are acknowledged.
func child(dir string) {
	b, err := Start(context.Background(), Config{Project: "p", Dir: dir, Reserve: 1})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	for n := 0; ; n += 100 {
		take(b, "d1", n, n+100)
		fmt.Println("sent", sentOf(b, KindTags).Sent)
		for sentOf(b, KindTags).Waiting > 20000 {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+cfg.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), "sent ")
		if !ok {
			t.Fatal(lines.Text())
		}
		if acknowledged, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		if acknowledged > 20000 {
			cmd.Process.Kill() // what is printed before it dies counts too
		}
	}
	cmd.Wait()
	b := start(t, cfg)
	defer stop(t, b)
	all := numbers(t, b, "d1")
	if len(all) < acknowledged {
		t.Fatalf("%d reports are in the stream; %d were acknowledged", len(all), acknowledged)
	}
	once(t, all, len(all))
	if s := b.Stats(); len(s.Damage) != 0 || s.LostStreams != 0 {
		t.Errorf("stats %+v", s)
	}
}
