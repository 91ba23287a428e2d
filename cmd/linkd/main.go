// Command linkd is the cloud end of a fleet of devices that dial in: the server, and the commands that ask it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/urfave/cli/v2"

	"linkd/project"
)

// Exit statuses.
const (
	statusDone   = 0
	statusFailed = 1 // refused or failed: one line on stderr says why
	statusUsage  = 2 // the command line is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit status. args[0] is the program's name.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := &cli.App{
		Name:            "linkd",
		Usage:           "the cloud end of a fleet of devices that dial in",
		Version:         version(),
		HideHelpCommand: true,
		Writer:          stdout,
		ErrWriter:       stderr,
		Commands: []*cli.Command{
			serveCommand(), checkCommand(), psCommand(), driversCommand(), tapCommand(), sendCommand(),
			readCommand(), writeCommand(), tunnelCommand(), tokenCommand(), loadgenCommand(), benchCommand(),
			demoCommand(), applyCommand(), exportCommand(), importCommand(), undoCommand(), revisionsCommand(), restoreCommand(),
			consoleCommand(),
		},
		Action:         noCommand,
		OnUsageError:   wrongUsage,
		ExitErrHandler: func(*cli.Context, error) {}, // the status is for main to give
	}
	for _, c := range app.Commands {
		if c.OnUsageError == nil {
			c.OnUsageError = wrongUsage
		}
		c.HideHelpCommand = true // "help" may be the name of a file
	}
	return status(app.RunContext(ctx, flagsFirst(app, args)), stderr)
}

// status says on stderr what went wrong, and returns the exit status for it.
func status(err error, stderr io.Writer) int {
	var usage *usageError
	var exit cli.ExitCoder
	var faults project.Errors
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, faults) // FILE:LINE:COL: …, a line each
		return statusFailed
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "Required flag"): // the parser's own, of no type
		complain(stderr, err)
		return statusUsage
	case errors.As(err, &exit):
		// Such an error may bear the command's name already.
		if text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "linkd: "), "linkd "); text != "" {
			complain(stderr, errors.New(text))
		}
		return exit.ExitCode()
	}
	complain(stderr, err)
	return statusFailed
}

// complain writes err as one line, whatever a server put into it.
func complain(w io.Writer, err error) {
	fmt.Fprintf(w, "linkd: %s\n", oneLine(strings.TrimSpace(err.Error())))
}

// oneLine is s with a blank for each character that cannot be printed.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// usageError is a command line that cannot be meant.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{text: fmt.Sprintf(format, args...)} }

func wrongUsage(c *cli.Context, err error, _ bool) error {
	return usagef("%v; see %s --help", err, c.Command.HelpName)
}

func noCommand(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("no command %q; linkd --help lists them", c.Args().First())
	}
	return usagef("no command given; linkd --help lists them")
}

// flagsFirst moves a command's flags before its other arguments, so that both orders can be written: the parser stops
// at the first argument that is not a flag. A negative number is none. What follows "--" stays as it is.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	cmd := app.Command(args[1])
	if cmd == nil || len(cmd.Subcommands) > 0 {
		return args
	}
	takesValue := map[string]bool{}
	for _, f := range cmd.Flags {
		doc, ok := f.(cli.DocGenerationFlag)
		for _, name := range f.Names() {
			takesValue[name] = ok && doc.TakesValue()
		}
	}
	var flags, rest []string
	for i := 2; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' || isNumber(arg) {
			rest = append(rest, arg)
			continue
		}
		if arg == "-h" || arg == "-help" || arg == "--help" {
			return []string{args[0], args[1], "--help"} // with another argument the parser wants a topic
		}
		flags = append(flags, arg)
		if takesValue[strings.TrimLeft(arg, "-")] && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	out := append([]string{args[0], args[1]}, flags...)
	return append(append(out, "--"), rest...)
}
