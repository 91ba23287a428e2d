package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/project"
)

const (
	callTimeout = 30 * time.Second // of a request, beyond what it asks the server to wait
	mostAnswer  = 32 << 20         // bytes of one answer: a page of 1000 items needs less than one
)

// clientFlags are the flags of every command that asks a running linkd, before the command's own.
func clientFlags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "url", EnvVars: []string{"LINKD_URL"}, Value: "http://127.0.0.1:8080",
			Usage: "`URL` of the running linkd"},
		&cli.StringFlag{Name: "token", EnvVars: []string{"LINKD_TOKEN"},
			Usage: "`TOKEN` that it asks for (default: that of your own linkd on this machine)"},
	}, own...)
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "o", Usage: "output `FORMAT`: json; a table otherwise"}
}

// wantsJSON reads the output flag.
func wantsJSON(c *cli.Context) (bool, error) {
	switch o := c.String("o"); o {
	case "json":
		return true, nil
	case "", "table":
		return false, nil
	default:
		return false, usagef("-o %q: no such format; use json or table", o)
	}
}

// client asks one linkd over HTTP.
type client struct {
	base  string // without a slash at its end
	found found
	http  *http.Client
}

func newClient(c *cli.Context) (*client, error) {
	base := strings.TrimRight(c.String("url"), "/")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usagef("--url %q: not an address of linkd; write one such as http://127.0.0.1:8080", base)
	}
	f := findToken(c.String("token"), u)
	return &client{base: base, found: f, http: f.client()}, nil
}

// point is a connection point by its two names.
type point struct{ provider, name string }

func (p point) String() string { return p.provider + "/" + p.name }

// path is where the API has it, with more parts after it.
func (p point) path(more string) string {
	return "/api/v1/connections/" + url.PathEscape(p.provider) + "/" + url.PathEscape(p.name) + more
}

// onePoint reads the only argument of a command, PROVIDER/NAME.
func onePoint(c *cli.Context) (point, error) {
	if c.NArg() != 1 {
		return point{}, usagef("%d arguments; give one connection as PROVIDER/NAME, such as s1/c1", c.NArg())
	}
	return parsePoint(c.Args().First())
}

func parsePoint(s string) (point, error) {
	provider, name, ok := strings.Cut(s, "/")
	if !ok || provider == "" || name == "" || strings.Contains(name, "/") {
		return point{}, usagef("%q: not a connection; write PROVIDER/NAME, such as s1/c1", s)
	}
	return point{provider, name}, nil
}

// open is ask for an answer of success; any other is an error.
func (c *client) open(ctx context.Context, method, path string, header http.Header, body any) (*http.Response, error) {
	return c.succeeded(c.ask(ctx, method, path, header, body))
}

// succeeded passes an answer of success on; any other is an error.
func (c *client) succeeded(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, c.refused(resp)
	}
	return resp, nil
}

// ask sends a request and returns the answer, whatever it is; the caller closes its body. header may be nil, and body,
// which goes as JSON, too.
func (c *client) ask(ctx context.Context, method, path string, header http.Header, body any) (*http.Response, error) {
	if body == nil {
		return c.askWith(ctx, method, path, header, nil)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	return c.askWith(ctx, method, path, header, b)
}

// askWith is ask with a body that is written already.
func (c *client) askWith(ctx context.Context, method, path string, header http.Header, body []byte,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	if c.found.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.found.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return resp, nil
}

// call sends a request and decodes the answer into out.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	resp, err := c.open(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	return c.decode(resp, out)
}

// decode reads an answer of success into out and closes its body.
func (c *client) decode(resp *http.Response, out any) error {
	defer resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return c.notLinkd(resp)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(out); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", c.base, err)
	}
	return nil
}

func (c *client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var errno syscall.Errno
	var dns *net.DNSError
	reason := err
	switch {
	case errors.As(err, &errno):
		reason = errno
	case errors.As(err, &dns):
		reason = errors.New(dns.Err)
	case errors.Is(err, context.DeadlineExceeded):
		reason = errors.New("no answer in time")
	}
	return fmt.Errorf("no linkd at %s (%w); start one with: linkd serve -f FILE, or name another with --url",
		c.base, reason)
}

// refusal is what linkd says when it refuses.
type refusal struct {
	Detail string
	Faults []struct{ Location, Message string } `json:"errors"`
}

func (r *refusal) Error() string { return r.Detail }

func (c *client) refused(resp *http.Response) error {
	r := &refusal{}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	isProblem := strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json")
	if isProblem && json.Unmarshal(b, r) == nil && r.Detail != "" {
		if err := c.notAllowed(resp, r.Detail); err != nil {
			return err
		}
		return r
	}
	return c.notLinkd(resp)
}

var lineAndColumn = regexp.MustCompile(`^(\d+):(\d+): `)

// inFile returns what was refused as the faults of a file, which are shown a line each; any other error as it is.
func inFile(file string, err error) error {
	r := &refusal{}
	if !errors.As(err, &r) || len(r.Faults) == 0 {
		return err
	}
	faults := make(project.Errors, len(r.Faults))
	for i, f := range r.Faults {
		f.Message = oneLine(f.Message)
		faults[i] = &project.Error{File: file, Msg: f.Message}
		if at := lineAndColumn.FindStringSubmatch(f.Message); at != nil {
			faults[i].Line, _ = strconv.Atoi(at[1]) // digits; too many of them are no line
			faults[i].Col, _ = strconv.Atoi(at[2])
			faults[i].Msg = f.Message[len(at[0]):]
		}
	}
	return faults
}

func (c *client) notLinkd(resp *http.Response) error {
	return fmt.Errorf("%s does not answer as linkd does (status %s, %s); is --url right?",
		c.base, resp.Status, resp.Header.Get("Content-Type"))
}

// each hands every item of a list to item, and each page's end to page, following the cursors to the end.
func each[T any](ctx context.Context, c *client, path string, query url.Values, item func(T), page func() error) error {
	for {
		var list struct {
			Items []T
			Next  string
		}
		pageCtx, cancel := context.WithTimeout(ctx, callTimeout)
		err := c.call(pageCtx, http.MethodGet, path+"?"+query.Encode(), nil, &list)
		cancel()
		if err != nil {
			return err
		}
		for _, it := range list.Items {
			item(it)
		}
		if err := page(); err != nil {
			return err
		}
		if list.Next == "" {
			return nil
		}
		if list.Next == query.Get("cursor") {
			return fmt.Errorf("%s gives the same page again and again (cursor %q)", c.base, list.Next)
		}
		query.Set("cursor", list.Next)
	}
}

// writeJSON writes a whole list as one JSON document, {"items": […]}, an item a line, page by page.
func writeJSON(ctx context.Context, c *client, path string, query url.Values, w io.Writer) error {
	var out bytes.Buffer
	out.WriteString(`{"items":[`)
	separator := "\n"
	err := each(ctx, c, path, query, func(item json.RawMessage) {
		out.WriteString(separator)
		out.Write(bytes.TrimSpace(item))
		separator = ",\n"
	}, func() error {
		_, err := out.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	if separator == "\n" {
		separator = ""
	} else {
		separator = "\n"
	}
	_, err = io.WriteString(w, separator+"]}\n")
	return err
}
