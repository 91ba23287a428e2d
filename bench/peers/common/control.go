package common

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

const mostStall = 5000 // milliseconds

// Ready serves the control address and prints both: the server listens for devices on addr. It is called once.
func (s *Server) Ready(addr string) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control := &http.Server{Handler: s.control(), ReadHeaderTimeout: 5 * time.Second}
	control.SetKeepAlivesEnabled(false) // what the harness leaves behind would count as the server's memory
	go func() { _ = control.Serve(l) }()
	debug.FreeOSMemory()
	_, err = fmt.Printf("listening=%s control=%s\n", addr, l.Addr())
	return err
}

func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.stats())
	})
	mux.HandleFunc("POST /free", func(w http.ResponseWriter, _ *http.Request) {
		debug.FreeOSMemory() // collects garbage first
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /stall", func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
		if err != nil || ms < 1 || ms > mostStall {
			http.Error(w, fmt.Sprintf("give /stall?ms=N, 1 to %d", mostStall), http.StatusBadRequest)
			return
		}
		s.Stall(time.Duration(ms) * time.Millisecond)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /command", func(w http.ResponseWriter, _ *http.Request) {
		s.Command(s.nextCommand())
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (s *Server) nextCommand() *Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ordered++
	return commandFrame(s.ordered)
}
