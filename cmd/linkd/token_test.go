package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// ownIndex keeps the tests away from a linkd that the user runs, and from its tokens.
func ownIndex(dir string) {
	for _, name := range []string{"LINKD_URL", "LINKD_TOKEN", "LINKD_DATA"} {
		os.Unsetenv(name)
	}
	os.Setenv("XDG_RUNTIME_DIR", dir)
	os.Setenv("XDG_CACHE_HOME", dir)
}

// data is its data directory, as the index names it.
func (in *instance) data() (string, error) {
	var entry struct{ Data string }
	b, err := os.ReadFile(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "linkd", strings.TrimPrefix(in.url, "http://")))
	if err == nil {
		err = json.Unmarshal(b, &entry)
	}
	return entry.Data, err
}

// token is the admin's.
func (in *instance) token() (string, error) {
	dir, err := in.data()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	return strings.TrimSpace(string(b)), err
}

// authorize adds the admin's token.
func (in *instance) authorize(r *http.Request) error {
	token, err := in.token()
	r.Header.Set("Authorization", "Bearer "+token)
	return err
}
