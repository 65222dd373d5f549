package secantus

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// The user that a server with [Options.Auth] has: it may do everything.
const (
	AdminUser     = "admin"
	AdminPassword = "admin-password"
)

// Heartbeat is how often the clients of this package ask the server whether it is primary; the least that a driver
// allows. Another program gets it with heartbeatFrequencyMS=500 in its URI.
const Heartbeat = 500 * time.Millisecond

// Options say how a server differs from a replica set of one member without users and without TLS.
type Options struct {
	OplogMaxEntries int  // how many changes are kept for change streams; 0 is the server's own 100,000
	Auth            bool // demand SCRAM; the only user is AdminUser
	Standalone      bool // no replica set: Watch is refused with 40573; transactions are not, as mongod's would be
	SyncOnCommit    bool // sync each commit, also of writes without j: true
	TLS             TLS
	Args            []string // more arguments of secantusd-py; they win over those of the other options
}

// TLS names PEM files. Without CertFile there is no TLS.
type TLS struct {
	CertFile, KeyFile string // of the server, for 127.0.0.1
	CAFile            string // with this the clients check the server, and it checks theirs, if they have one
	ClientFile        string // what clients show: a certificate and its key in one file
}

// Server is one server with a port and a storage folder of its own. Its methods are for one goroutine.
type Server struct {
	options Options
	process *process
}

// Start starts a server and returns when it answers. It ends with the test; its log is shown if that failed.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	binary := locate(t)
	process, err := newProcess(binary, t.TempDir(), o.args(false))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{options: o, process: process}
	t.Cleanup(func() {
		if process.running() {
			process.stop()
		}
		if t.Failed() {
			t.Logf("the log of the server on port %d:\n%s", process.port, process.tail())
		}
	})
	if o.Auth {
		// A user can only be made while the server asks for none.
		s.run(t, bson.D{
			{Key: "createUser", Value: AdminUser},
			{Key: "pwd", Value: AdminPassword},
			{Key: "roles", Value: bson.A{"root"}},
		})
		process.stop()
		process.args = o.args(true)
		s.start(t)
	}
	s.answers(t)
	return s
}

func (o Options) args(auth bool) []string {
	var args []string
	if o.OplogMaxEntries > 0 {
		args = append(args, "--oplog-max-entries", strconv.Itoa(o.OplogMaxEntries))
	}
	if auth {
		args = append(args, "--auth")
	}
	if o.Standalone {
		args = append(args, "--standalone")
	}
	if o.SyncOnCommit {
		args = append(args, "--sync-on-commit")
	}
	if o.TLS.CertFile != "" {
		args = append(args, "--tls-cert-file", o.TLS.CertFile, "--tls-key-file", o.TLS.KeyFile)
		if o.TLS.CAFile != "" {
			args = append(args, "--tls-ca-file", o.TLS.CAFile)
		}
	}
	return append(args, o.Args...)
}

// Host is the server's host:port.
func (s *Server) Host() string { return s.process.host() }

// URI names the server, as AdminUser where it has users, with more options, each name=value.
func (s *Server) URI(more ...string) string {
	if s.options.Auth {
		return s.URIAs(AdminUser, AdminPassword, more...)
	}
	return uri(nil, s.Host(), s.uriOptions(more))
}

// URIAs is URI for another user, one of the database admin unless an option authSource says otherwise.
func (s *Server) URIAs(user, password string, more ...string) string {
	return uri(url.UserPassword(user, password), s.Host(), s.uriOptions(more))
}

func (s *Server) uriOptions(more []string) []string {
	var all []string
	if !s.options.Standalone {
		all = append(all, "replicaSet=secantus")
	}
	return append(all, append(s.options.TLS.query(), more...)...)
}

// query holds the options of a URI.
func (t TLS) query() []string {
	if t.CertFile == "" {
		return nil
	}
	options := []string{"tls=true"}
	if t.CAFile != "" {
		options = append(options, "tlsCAFile="+url.QueryEscape(t.CAFile))
	}
	if t.ClientFile != "" {
		options = append(options, "tlsCertificateKeyFile="+url.QueryEscape(t.ClientFile))
	}
	return options
}

// insecurely is query for a client that takes any server: whether this one can be trusted is for tests to ask.
func (t TLS) insecurely() []string {
	if t.CertFile == "" {
		return nil
	}
	t.CAFile = ""
	return append(t.query(), "tlsInsecure=true")
}

func uri(user *url.Userinfo, host string, options []string) string {
	u := url.URL{Scheme: "mongodb", User: user, Host: host, Path: "/", RawQuery: strings.Join(options, "&")}
	return u.String()
}

// Kill ends the server with SIGKILL: it neither writes nor says anything more.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.process.kill()
}

// Stop ends the server as its operator would.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.process.stop()
}

// Restart starts the server again, on its port and its storage, and returns when it answers. A server that still
// runs is stopped first. Fail points and a step-down are forgotten.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if s.process.running() {
		s.process.stop()
	}
	s.start(t)
	s.answers(t)
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	if err := s.process.start(); err != nil {
		t.Fatal(err)
	}
}

// answers waits until the server answers a driver.
func (s *Server) answers(t testing.TB) {
	t.Helper()
	s.run(t, bson.D{{Key: "hello", Value: 1}})
}

// run sends one command to the database admin, through a client that lives as long: a lasting one would have
// connections that a kill has broken.
func (s *Server) run(t testing.TB, command bson.D) {
	t.Helper()
	o := options.Client().
		ApplyURI(uri(nil, s.Host(), s.options.TLS.insecurely())).
		SetDirect(true).
		SetAppName("gatehouse/test/secantus")
	if s.options.Auth && command[0].Key != "createUser" {
		o.SetAuth(options.Credential{Username: AdminUser, Password: AdminPassword})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := runOnce(ctx, o, "admin", command); err != nil {
		t.Fatalf("%s: %v", command[0].Key, err)
	}
}

func runOnce(ctx context.Context, o *options.ClientOptions, database string, command bson.D) error {
	client, err := mongo.Connect(o)
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(ctx) }() // what it would tell, the command has told
	nearest := options.RunCmd().SetReadPreference(readpref.Nearest())
	return client.Database(database).RunCommand(ctx, command, nearest).Err()
}

// Client connects the driver to the server for a test, with writes that survive Kill: w: majority, j: true.
func (s *Server) Client(t testing.TB) *mongo.Client {
	t.Helper()
	return Connect(t, s.URI())
}

// Connect is Client for any URI, that of Shared or of a Proxy.
func Connect(t testing.TB, uri string) *mongo.Client {
	t.Helper()
	durable := writeconcern.Majority()
	durable.Journal = new(true)
	o := options.Client().ApplyURI(uri).SetWriteConcern(durable).SetDialer(impatient{})
	if o.HeartbeatInterval == nil {
		o.SetHeartbeatInterval(Heartbeat) // see the package's comment
	}
	client, err := mongo.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// That context has ended, so the driver neither looks for a server that the test has killed, to end its
		// sessions, nor waits for a connection that is in use.
		if err := client.Disconnect(t.Context()); err != nil {
			t.Errorf("disconnect: %v", err)
		}
	})
	return client
}
