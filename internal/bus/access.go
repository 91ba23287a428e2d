package bus

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"sync"
	"sync/atomic"

	nats "github.com/nats-io/nats-server/v2/server"

	"linkd/internal/doors"
)

// gate is who may come in to the embedded server, and with which rights. Tokens come as a NATS token, or as the
// password of any user, which is the only way of MQTT.
type gate struct {
	secret string // linkd's own password
	access func(string) (doors.Role, bool)
	rights atomic.Pointer[map[doors.Role]*nats.Permissions]
	server atomic.Pointer[nats.Server]

	mu    sync.Mutex
	known map[uint64]pass // by number of the client; also of some that have gone
	prune int             // look for those that have gone when there are so many
}

// pass is what a client came in with. The token is kept for recheck, while the client is here.
type pass struct {
	token string
	role  doors.Role
}

const leastPrune = 64

func newGate(project string, access func(string) (doors.Role, bool)) *gate {
	if access == nil {
		access = func(string) (doors.Role, bool) { return doors.None, false }
	}
	g := &gate{secret: rand.Text(), access: access, known: map[uint64]pass{}, prune: leastPrune}
	rights := rightsOf(project)
	g.rights.Store(&rights)
	return g
}

// Check implements nats.Authentication; on the client's goroutine.
func (g *gate) Check(c nats.ClientAuthentication) bool {
	srv := g.server.Load()
	if srv == nil {
		return false
	}
	o := c.GetOpts()
	token := o.Token
	if token == "" {
		token = o.Password
	}
	user := &nats.User{Username: self}
	if o.Username != self || subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.secret)) != 1 {
		// It is known before it is looked up: if the token is taken back in between, recheck finds it.
		g.remember(srv, c.GetID(), pass{token: token})
		role, ok := g.access(token)
		rights := (*g.rights.Load())[role]
		if !ok || rights == nil {
			g.forget(c.GetID())
			return false
		}
		g.remember(srv, c.GetID(), pass{token, role})
		user.Username, user.Permissions = role.String(), rights
	}
	account, err := srv.LookupAccount(accountName)
	if err != nil {
		return false
	}
	user.Account = account
	c.RegisterUser(user)
	return true
}

func (g *gate) remember(srv *nats.Server, id uint64, p pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[id] = p
	if len(g.known) < g.prune {
		return
	}
	for id := range g.known {
		if srv.GetClient(id) == nil {
			delete(g.known, id)
		}
	}
	g.prune = max(leastPrune, 2*len(g.known))
}

func (g *gate) forget(id uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.known, id)
}

// recheck closes the connections whose token gives other rights now than when they came.
func (g *gate) recheck() (closed int) {
	return g.closeThose(func(p pass) bool {
		role, ok := g.access(p.token)
		return !ok || role != p.role
	})
}

// rename gives the rights of another project, and closes all connections: they have those of the one before.
func (g *gate) rename(project string) (closed int) {
	rights := rightsOf(project)
	g.rights.Store(&rights)
	return g.closeThose(func(pass) bool { return true })
}

// closeThose closes the connections that came in with a pass of a kind.
func (g *gate) closeThose(kind func(pass) bool) (closed int) {
	srv := g.server.Load()
	if srv == nil {
		return 0
	}
	g.mu.Lock()
	clients := make(map[uint64]pass, len(g.known))
	for id, p := range g.known {
		clients[id] = p
	}
	g.mu.Unlock()
	for id, p := range clients {
		if !kind(p) {
			continue
		}
		if srv.DisconnectClientByID(id) == nil {
			closed++
		}
		g.forget(id)
	}
	return closed
}

// rightsOf are what each role may do on the bus of a project.
func rightsOf(project string) map[doors.Role]*nats.Permissions {
	s := subjectsOf(project)
	read := []string{"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"}
	for _, stream := range []string{tagStream(project), connStream(project)} {
		for _, p := range []string{"STREAM.INFO.", "STREAM.MSG.GET.", "DIRECT.GET.", "CONSUMER.NAMES.", "CONSUMER.LIST.",
			"CONSUMER.CREATE.", "CONSUMER.DURABLE.CREATE."} {
			read = append(read, "$JS.API."+p+stream, "$JS.API."+p+stream+".>")
		}
		read = append(read, "$JS.API.CONSUMER.INFO."+stream+".>", "$JS.API.CONSUMER.MSG.NEXT."+stream+".>",
			"$JS.ACK."+stream+".>", "$JS.FC."+stream+".>")
	}
	act := append(append([]string{}, read...), s.cmd+">", s.tx+">")
	manage := append(append([]string{}, act...), "$JS.API.>", "$JS.ACK.>", "$JS.FC.>") // of streams of their own too
	// MQTT's linkd/PROJECT/# stands for the level above too.
	hear := &nats.SubjectPermission{Allow: []string{s.all, strings.TrimSuffix(s.all, ".>"), "_INBOX.>"}}
	to := map[doors.Role]*nats.Permissions{}
	for role, publish := range map[doors.Role][]string{doors.Viewer: read, doors.Operator: act, doors.Admin: manage} {
		to[role] = &nats.Permissions{Publish: &nats.SubjectPermission{Allow: publish}, Subscribe: hear}
	}
	return to
}
