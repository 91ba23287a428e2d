package api

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestConnectionConfig: a connection is shown as a PUT takes it, the secret to an admin alone; what is shown can be put
// back as it is.
func TestConnectionConfig(t *testing.T) {
	base, _ := configuredAPI(t)
	put := func(path, body string, want int) string {
		t.Helper()
		resp, got := ask(t, "PUT", base+path, body)
		if resp.StatusCode != want {
			t.Fatalf("PUT %s: %d %s", path, resp.StatusCode, got)
		}
		return got
	}
	put("/providers/s2", `{"type":"tcp-server","local_ip":"127.0.0.1","local_port":0,"identity":{"preset":"regex",`+
		`"pattern":"(?P<id>\\w+),(?P<secret>\\w+);"}}`, 201)
	made := put("/connections/s2/c1", `{"title":"T","socket_conn_id":"x1","secret":"hush","enabled":false}`, 201)
	put("/connections/s2/c2", `{"socket_conn_id":"x2"}`, 201)
	put("/providers/out", `{"type":"tcp-client"}`, 201)
	put("/connections/out/c1", `{"host":"192.0.2.1","port":502,"enabled":false}`, 201)

	for _, x := range []struct{ path, token, want string }{
		{"s2/c1", "admin", `"config":{"name":"c1","title":"T","socket_conn_id":"x1","secret":"hush","enabled":false},` +
			`"has_secret":true,"fleet":""}`},
		{"s2/c1", "operator", `"config":{"name":"c1","title":"T","socket_conn_id":"x1","enabled":false},` +
			`"has_secret":true,"fleet":""}`},
		{"s2/c1", "viewer", `"config":{"name":"c1","title":"T","socket_conn_id":"x1","enabled":false},"has_secret":true,`},
		{"s2/c2", "admin", `"config":{"name":"c2","socket_conn_id":"x2"},"has_secret":false,"fleet":""}`},
		{"out/c1", "viewer", `"config":{"name":"c1","host":"192.0.2.1","port":502,"enabled":false},"has_secret":false,`},
		{"s1/f2", "admin", `"config":null,"has_secret":false,"fleet":"f{n}"}`},
	} {
		resp, got := ask(t, "GET", base+"/connections/"+x.path, "", "Authorization: Bearer "+x.token)
		if resp.StatusCode != 200 || !strings.Contains(got, x.want) {
			t.Errorf("%s as %s: %d %s\nwant …%s", x.path, x.token, resp.StatusCode, got, x.want)
		}
		if x.token != "admin" && strings.Contains(got, "hush") {
			t.Errorf("%s is told the secret: %s", x.token, got)
		}
	}
	if !strings.Contains(made, `"secret":"hush"`) {
		t.Errorf("who has put it is shown %s", made)
	}
	_, got := ask(t, "GET", base+"/connections", "", "Authorization: Bearer viewer")
	if strings.Contains(got, "hush") || strings.Contains(got, `"config"`) {
		t.Errorf("the list has %s", got)
	}
	_, shown := ask(t, "GET", base+"/connections/s2/c1", "")
	var c struct{ Config json.RawMessage }
	if err := json.Unmarshal([]byte(shown), &c); err != nil {
		t.Fatal(err)
	}
	if again := put("/connections/s2/c1", string(c.Config), 200); again != shown {
		t.Errorf("put back, it is\n%s\nand was\n%s", again, shown)
	}
	_, got = ask(t, "GET", base+"/providers", "")
	if !strings.Contains(got, `"name":"s2"`) || strings.Count(got, `"disabled":1`) != 2 {
		t.Errorf("providers: %s", got)
	}
}

// TestImportDryRun: what a list would change is told and not done; a sheet's tabs are taken as well as commas.
func TestImportDryRun(t *testing.T) {
	base, _ := configuredAPI(t)
	const sheet = "name\ttitle\tsocket_conn_id\nc1\tmoved\tc0001\nn1\t\tx1\nn2\t\tx2\n"
	for _, x := range []struct {
		query, kind, body string
		status            int
		want              string
	}{
		{"?dry_run=true", "text/tab-separated-values", sheet, 200, `"changes":["~ connection s1/c1","+ connection s1/n1",` +
			`"+ connection s1/n2"],"total":3}`},
		{"?dry_run=true", "text/csv", strings.ReplaceAll(sheet, "\t", ";"), 200, `"total":3}`},
		{"?dry_run=true", "text/csv", sheet + "n3\t\tx2\n", 422, "x2"},
		{"?dry_run=true", "text/csv", sheet + "n3\t\n", 422, `"message":"5:`},
	} {
		resp, got := ask(t, "POST", base+"/providers/s1/connections"+x.query, x.body, "Content-Type: "+x.kind)
		if resp.StatusCode != x.status || !strings.Contains(got, x.want) {
			t.Errorf("%q: %d %s\nwant %d %s", x.body, resp.StatusCode, got, x.status, x.want)
		}
	}
	if resp, got := ask(t, "GET", base+"/connections/s1/n1", ""); resp.StatusCode != 404 {
		t.Errorf("it was done: %s", got)
	}
	if _, got := ask(t, "GET", base+"/revisions", ""); strings.Count(got, `"revision":`) != 1 {
		t.Errorf("there is a revision more: %s", got)
	}
	resp, got := ask(t, "POST", base+"/providers/s1/connections", sheet, "Content-Type: text/tab-separated-values")
	if resp.StatusCode != 200 || !strings.Contains(got, `"total":3}`) {
		t.Errorf("done: %d %s", resp.StatusCode, got)
	}
}

// TestOptionsOfViewers: a meter's password is in a channel's options, and for an admin alone.
func TestOptionsOfViewers(t *testing.T) {
	base, _ := configuredAPI(t)
	const meter = `{"connection":"s1/f1","driver":"dlt645","poll":"10s","options":{"password":"471147","level":2,` +
		`"operator":"00000001"},"devices":[{"name":"d1","address":"000000000001",` +
		`"tags":[{"name":"e","address":"00010000"}]}]}`
	if resp, got := ask(t, "PUT", base+"/channels/meters", meter); resp.StatusCode != 201 {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	for _, path := range []string{"/channels", "/channels/meters"} {
		for token, sees := range map[string]bool{"viewer": false, "operator": false, "admin": true} {
			_, got := ask(t, "GET", base+path, "", "Authorization: Bearer "+token)
			if strings.Contains(got, "471147") != sees || !strings.Contains(got, `"level":2`) {
				t.Errorf("%s as %s: %s", path, token, got)
			}
		}
	}
}
