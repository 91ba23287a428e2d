package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestBusRecipes runs the recipes of docs/bus.md as they stand there, against the demo.
func TestBusRecipes(t *testing.T) {
	t.Parallel()
	path := "PATH=" + readers(t) + string(os.PathListSeparator) + os.Getenv("PATH")
	peer(t, "mosquitto_sub")
	peer(t, "mosquitto_pub")
	in, nats, mqtt := startDemo(t)
	token, err := exec.Command(binary, "token", "show", "--url", in.url).Output()
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), path, "LINKD_TOKEN="+strings.TrimSpace(string(token)))
	here := strings.NewReplacer("-p 1883", "-p "+mqtt, "127.0.0.1:1883", "127.0.0.1:"+mqtt, "127.0.0.1:4222", nats)
	setpoint := 28
	for _, recipe := range append(recipes(t, "mosquitto_"), recipes(t, "nats ")...) {
		line, says := here.Replace(recipe), ""
		switch {
		case strings.Contains(line, "/rx/"): // answers of Modbus RTU, unit 1
			line, says = line+" -C 3 -W 30", "linkd/greenhouse/rx/s1/g1 0103"
		case strings.HasPrefix(line, "mosquitto_sub"):
			line, says = line+" -C 3 -W 30", `"temperature":{"v":`
		case strings.Contains(line, " sub "):
			line, says = line+" --count 3", `"temperature":{"v":`
		case strings.Contains(line, " req "):
			setpoint++
			line, says = strings.TrimSuffix(line, "28")+strconv.Itoa(setpoint), `"result":"confirmed"`
		case strings.Contains(line, " stream get "):
			says = `"temperature":{"v":`
		}
		eventually(t, recipe, func() error { // a stream that was just made has no message
			cmd := exec.Command("sh", "-c", line)
			cmd.Env = env
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), says) {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
		if strings.Contains(recipe, "setpoint 28") || strings.Contains(recipe, "setpoint -m 28") {
			eventually(t, "the setpoint is the device's", func() error { return reads(in, "ch_g1/d1/setpoint", setpoint) })
		}
	}
	fields := regexp.MustCompile(`_consumer,channel=ch_g1,connection=s1/g1,device=d1,.*tags_temperature_v=\d+.* \d{19}`)
	for _, plugin := range []string{"nats_consumer", "mqtt_consumer"} {
		t.Run(plugin, func(t *testing.T) { telegraf(t, env, here.Replace(telegrafRecipe(t, plugin, "json")), fields) })
	}
}

// TestBusLines runs the recipe for lines, against a demo whose bus speaks them.
func TestBusLines(t *testing.T) {
	t.Parallel()
	in, nats, _ := startDemo(t, "--bus-format", "influx")
	token, err := exec.Command(binary, "token", "show", "--url", in.url).Output()
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "LINKD_TOKEN="+strings.TrimSpace(string(token)))
	recipe := strings.ReplaceAll(telegrafRecipe(t, "nats_consumer", "influx"), "127.0.0.1:4222", nats)
	telegraf(t, env, recipe, regexp.MustCompile(`(?m)^ch_g1,connection=s1/g1,device=d1,.*\btemperature=\d+.* \d{19}$`))
}

// startDemo starts a demo of two greenhouses, and returns where its bus takes clients of NATS and the port of MQTT's.
func startDemo(t *testing.T, more ...string) (in *instance, nats, mqtt string) {
	t.Helper()
	mqtt = freePort(t)
	demo := start(t, exec.Command(binary, append([]string{"demo", "--devices", "2", "--http", "127.0.0.1:0",
		"--log-level", "info", "--bus-listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:" + mqtt}, more...)...))
	in = &instance{process: demo}
	eventually(t, "the demo listens", func() error {
		http, bus := httpListening.FindStringSubmatch(demo.log.String()), busListening.FindStringSubmatch(demo.log.String())
		if http == nil || bus == nil {
			return fmt.Errorf("it does not: %s", demo.log)
		}
		in.url, nats = "http://"+http[1], bus[1]
		return nil
	})
	return in, nats, mqtt
}

var busListening = regexp.MustCompile(`msg="the bus listens" nats=(\S+)`)

// reads fails unless a tag has a value.
func reads(in *instance, tag string, want int) error {
	out, err := exec.Command(binary, "read", tag, "-o", "json", "--url", in.url).CombinedOutput()
	var got struct{ Value float64 }
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err == nil && got.Value != float64(want) {
		err = fmt.Errorf("it is %v", got.Value)
	}
	return err
}

// telegraf runs Telegraf with a recipe, and fails unless a point comes out of it that has a temperature as a number.
func telegraf(t *testing.T, env []string, recipe string, point *regexp.Regexp) {
	t.Helper()
	const around = "[agent]\ninterval = \"1s\"\nflush_interval = \"1s\"\n[[outputs.file]]\nfiles = [\"stdout\"]\n"
	file := filepath.Join(t.TempDir(), "telegraf.conf")
	if err := os.WriteFile(file, []byte(around+recipe), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(readers(t), "telegraf"), file)
	cmd.Env = env
	p := start(t, cmd)
	eventually(t, "Telegraf has a temperature", func() error {
		if !point.MatchString(p.log.String()) {
			return errors.New(p.log.String())
		}
		return nil
	})
}

// telegrafRecipe is what docs/bus.md says of a plugin of Telegraf and a format; a recipe that does not say what to do
// with what comes does what the one before it does.
func telegrafRecipe(t *testing.T, plugin, format string) string {
	t.Helper()
	const parse = "  data_format"
	rest := ""
	for _, found := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(busDoc(t), -1) {
		where, how, whole := strings.Cut(found[1], parse)
		if whole {
			rest = parse + how
		}
		if strings.HasPrefix(where, "[[inputs."+plugin+"]]") && strings.HasPrefix(rest, parse+` = "`+format+`"`) {
			return where + rest
		}
	}
	t.Fatalf("docs/bus.md has nothing of %s with %s", plugin, format)
	return ""
}

// cacheHome is where Go keeps what it has built; tests have another.
var cacheHome = os.Getenv("XDG_CACHE_HOME")

// readersBuilt builds what testdata/readers has, once.
var readersBuilt = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../bin/readers")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "github.com/nats-io/natscli/nats", "./telegraf")
	cmd.Dir, cmd.Env = "testdata/readers", append(os.Environ(), "XDG_CACHE_HOME="+cacheHome)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// readers is the folder of the programs that read the bus and are no package of Debian: nats, and Telegraf with its
// readers of NATS and MQTT alone.
func readers(t *testing.T) string {
	t.Helper()
	dir, err := readersBuilt()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// recipes are the commands of docs/bus.md that begin with a word.
func recipes(t *testing.T, word string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+word+`.*$`).FindAllString(busDoc(t), -1)
	if len(found) < 2 {
		t.Fatalf("docs/bus.md has %d commands with %s", len(found), word)
	}
	return found
}

func busDoc(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/bus.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// freePort is a port of loopback that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
