package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

const (
	// patience is how long a call waits whose ctx has no end of its own.
	patience = 5 * time.Second

	// heartbeat is how often a member is asked what it is. The driver's own ten
	// seconds are longer than a writer waits.
	heartbeat = time.Second

	// appName is what the server's logs and currentOp call our connections;
	// those of streams have "-feed" behind it.
	appName = "gatehouse"
)

// Options say where the deployment is. Logger may be nil.
type Options struct {
	// URI is the connection string. TLS, credentials and the name of the
	// replica set are parts of it.
	URI string

	// Database is the name of the database.
	Database string

	// Prefix stands before the names of all collections but Foreign ones.
	Prefix string

	// Outage is the longest outage after which nothing may be lost: where the
	// server's oplog reaches back less, that is told. 0: it is not looked at.
	Outage time.Duration

	// Logger is told of what no caller is: that the stream is lost and found,
	// that images are off, that the oplog is short.
	Logger *slog.Logger
}

var _ store.Store = (*Store)(nil)

// Store is the contract on one database. It is made with [Open].
type Store struct {
	o      Options
	set    string // name of the replica set in the URI, or empty
	named  bool   // the URI names a user
	client *mongo.Client
	feeds  *mongo.Client // without a timeout: a quiet stream must not be ended by one
	db     *mongo.Database

	declared atomic.Pointer[map[string]*collection] // replaced, never written to
	identity identity
	checked  atomic.Bool // the deployment is one that can be used
	wire     atomic.Int32
	seen     atomic.Pointer[window] // the oplog, as it was last looked at
	marks    marks
	ailing   ailing

	background context.Context //nolint:containedctx // of everything that goes on by itself; it ends with Close
	stop       context.CancelFunc
	halted     context.Context //nolint:containedctx // of feeds and upkeep; it ends when Close begins
	halt       context.CancelFunc
	tasks      sync.WaitGroup
	writes     sync.WaitGroup // those that were accepted
	starting   sync.Once      // of the upkeep
	changed    chan struct{}  // a collection came or went
	ddl        sync.Mutex
	ddlAt      bson.Timestamp // when that was last so, as far as it is known; the start at first
	declaring  chan struct{}  // held by who declares

	lives     sync.RWMutex // held to begin something that Close waits for
	closed    bool
	closeOnce sync.Once
	closeErr  error
}

// ErrURI says that the connection string cannot be followed. It never shows the
// password in it.
var ErrURI = errors.New("mongodb.uri cannot be used")

// Open makes a store. It does not wait for the server: the first Declare meets
// it. The error is [ErrURI].
func Open(o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	crud, err := clientOptions(o.URI)
	if err != nil {
		return nil, err
	}
	feed, err := clientOptions(o.URI)
	if err != nil {
		return nil, err
	}
	crud.SetMonitor(listen())
	feed.SetAppName(appName + "-feed")
	feed.Timeout = nil
	s := &Store{o: o, changed: make(chan struct{}, 1), declaring: make(chan struct{}, 1)}
	s.named = crud.Auth != nil
	if crud.ReplicaSet != nil {
		s.set = *crud.ReplicaSet
	}
	if s.client, err = mongo.Connect(crud); err != nil {
		return nil, refuseURI(o.URI, err)
	}
	if s.feeds, err = mongo.Connect(feed); err != nil {
		_ = s.client.Disconnect(context.Background())
		return nil, refuseURI(o.URI, err)
	}
	s.db = s.client.Database(o.Database)
	s.declared.Store(&map[string]*collection{})
	s.background, s.stop = context.WithCancel(context.Background())
	s.halted, s.halt = context.WithCancel(s.background)
	return s, nil
}

func clientOptions(uri string) (*options.ClientOptions, error) {
	c := options.Client().ApplyURI(uri)
	if err := c.Validate(); err != nil {
		return nil, refuseURI(uri, err)
	}
	journaled := true
	wc := writeconcern.Majority()
	wc.Journal = &journaled
	c.SetAppName(appName).SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Majority()).
		SetWriteConcern(wc).SetRetryWrites(true).SetRetryReads(true)
	if c.ServerSelectionTimeout == nil {
		c.SetServerSelectionTimeout(patience)
	}
	if c.HeartbeatInterval == nil {
		c.SetHeartbeatInterval(heartbeat)
	}
	if c.ConnectTimeout == nil {
		c.SetConnectTimeout(patience)
	}
	return c, nil
}

// refuseURI says what is wrong with a connection string without showing any of
// it: the driver's words may quote it.
func refuseURI(uri string, err error) error {
	words := withoutSecrets(uri, err.Error())
	hosts, _, _ := strings.Cut(uri, "?")
	words = quoted.ReplaceAllStringFunc(words, func(q string) string {
		if len(q) > 2 && strings.Contains(hosts, q[1:len(q)-1]) {
			return `"…"` // a password, for all we know: where an @ is missing
		}
		return q
	})
	if strings.Contains(words, "port") || strings.Contains(words, "user") {
		words += "; in a user or a password, write : / ? # [ ] @ % as %3A %2F %3F %23 %5B %5D %40 %25"
	}
	return fmt.Errorf("%w: %s", ErrURI, words)
}

// leastSecret is the length below which a password is no secret, and hiding it
// would make words unreadable.
const leastSecret = 4

var (
	userinfo = regexp.MustCompile(`://[^/?]*@`)
	quoted   = regexp.MustCompile(`"[^"]*"`)
)

// withoutSecrets returns the words without the password of the connection
// string, in any of its spellings.
func withoutSecrets(uri, words string) string {
	words = userinfo.ReplaceAllString(words, "://…@")
	_, rest, found := strings.Cut(uri, "://")
	at := strings.LastIndex(rest, "@")
	if !found || at < 0 {
		return words
	}
	_, password, _ := strings.Cut(rest[:at], ":")
	spellings := []string{rest[:at], password}
	if plain, err := url.PathUnescape(password); err == nil {
		spellings = append(spellings, plain)
	}
	for _, secret := range spellings {
		if len(secret) >= leastSecret {
			words = strings.ReplaceAll(words, secret, "…")
		}
	}
	return words
}

// Check says whether a connection string can be used, without connecting
// anywhere; the error is [ErrURI].
func Check(uri string) error {
	if strings.HasPrefix(uri, "mongodb+srv://") {
		return nil // reading it would ask the name service
	}
	_, err := clientOptions(uri)
	return err
}

// begin begins something that goes on by itself, unless the store is closed.
func (s *Store) begin(task func()) error {
	s.lives.RLock()
	defer s.lives.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	s.tasks.Go(task)
	return nil
}

// accept lets a write in, unless the store is closed: Close waits for done.
func (s *Store) accept(ctx context.Context) (done func(), err error) {
	s.lives.RLock()
	defer s.lives.RUnlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, &store.UnavailableError{Err: err}
	}
	s.writes.Add(1)
	return s.writes.Done, nil
}

// Close implements store.Store. Writes that do not end within [patience] are cut
// off, and in doubt.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.lives.Lock()
		s.closed = true
		s.lives.Unlock()
		cut := time.AfterFunc(patience, s.stop)
		s.halt()
		s.writes.Wait()
		cut.Stop()
		s.stop()
		s.tasks.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.closeErr = errors.Join(s.feeds.Disconnect(ctx), s.client.Disconnect(ctx))
		if ctx.Err() != nil { // sockets that nobody answers on
			s.closeErr = nil
		}
	})
	return s.closeErr
}
