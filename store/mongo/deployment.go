package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// leastWire is the wire version of MongoDB 6.0, the first with pre-images.
const leastWire = 17

// splitWire is that of MongoDB 7.0.
const splitWire = 21

// ErrDeployment says that a server answers which can not be used as it is, and
// what to do. Waiting does not help.
var ErrDeployment = errors.New("this MongoDB can not be used")

// DeploymentError says why a MongoDB can not be used, and what to do. It is
// [ErrDeployment].
type DeploymentError struct {
	Text, Remedy string
}

func (e *DeploymentError) Error() string {
	return fmt.Sprintf("%v: %s: %s", ErrDeployment, e.Text, e.Remedy)
}

// Is reports that it is ErrDeployment.
func (e *DeploymentError) Is(target error) bool { return target == ErrDeployment }

// hello is what a server says of itself.
type hello struct {
	SetName      string    `bson:"setName"`
	Message      string    `bson:"msg"` // "isdbgrid" of a mongos
	IsReplicaSet bool      `bson:"isreplicaset"`
	Primary      string    `bson:"primary"`
	Me           string    `bson:"me"`
	Hosts        []string  `bson:"hosts"`
	Passives     []string  `bson:"passives"`
	Arbiters     []string  `bson:"arbiters"`
	MaxWire      int       `bson:"maxWireVersion"`
	LocalTime    time.Time `bson:"localTime"`
}

func (h hello) sharded() bool { return h.Message == "isdbgrid" }

// hello asks the primary about itself.
func (s *Store) hello(ctx context.Context) (h hello, err error) {
	err = s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&h)
	return h, err
}

// meet makes sure, once, that the deployment is one that can be used. Where it
// is not, the error is [ErrDeployment]; where that cannot be told now, it is a
// [*store.UnavailableError] that says why as well as can be found out.
func (s *Store) meet(ctx context.Context) error {
	if s.checked.Load() {
		return nil
	}
	h, err := s.hello(ctx)
	for wait := newBackoff(); poolCleared(err) && wait.pause(ctx); { // what cleared it is what we want to hear
		h, err = s.hello(ctx)
	}
	if err == nil {
		err = usable(h, s.set)
	} else {
		err = s.diagnose(ctx, err)
	}
	if err == nil {
		s.wire.Store(int32(h.MaxWire))
		s.ddl.Lock()
		s.ddlAt = bson.Timestamp{T: uint32(h.LocalTime.Unix())}
		s.ddl.Unlock()
		s.checked.Store(true)
	}
	return err
}

// poolCleared reports that a call was ended by what another one met.
func poolCleared(err error) bool {
	var cleared interface {
		error
		Retryable() bool
	}
	return errors.As(err, &cleared) && cleared.Retryable()
}

// splits reports whether the server can send an event in parts that would be too
// large for one.
func (s *Store) splits() bool { return s.wire.Load() >= splitWire }

// usable says what forbids to use a server that answers.
func usable(h hello, set string) error {
	switch {
	case h.SetName == "" && !h.sharded() && h.IsReplicaSet:
		return &store.UnavailableError{Err: errors.New("the replica set was not initiated yet: run rs.initiate() in mongosh")}
	case h.SetName == "" && !h.sharded():
		return &DeploymentError{"it is a standalone server, which has no change streams", "make it a replica set of one: start mongod with --replSet rs0, run rs.initiate() in mongosh, and put replicaSet=rs0 into mongodb.uri"}
	case set != "" && h.SetName != set && !h.sharded():
		return &DeploymentError{fmt.Sprintf("its replica set is called %q, and mongodb.uri says replicaSet=%s", h.SetName, set), "write replicaSet=" + h.SetName}
	case h.MaxWire < leastWire:
		return &DeploymentError{fmt.Sprintf("it is older than MongoDB 6.0 (wire version %d, at least %d is needed)", h.MaxWire, leastWire), "upgrade it"}
	}
	return nil
}

// diagnose says why no primary answered: the driver's own words are about a
// topology, and people want to know what to do.
func (s *Store) diagnose(ctx context.Context, err error) error {
	if s.isClosed() {
		return store.ErrClosed
	}
	if refused := s.refused(err); refused != nil {
		return refused
	}
	c, optionsErr := clientOptions(s.o.URI)
	if optionsErr != nil || !notSent(err) {
		return &store.UnavailableError{Err: s.plain(err)}
	}
	// The ctx has had its time; what is asked now is asked shortly.
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	letGo := context.AfterFunc(s.background, cancel)
	defer letGo()
	reason := s.words(err)
	for _, host := range c.Hosts {
		h, helloErr := helloOf(short, c, host)
		switch {
		case helloErr != nil:
			if refused := s.refused(helloErr); refused != nil {
				return refused
			}
			reason = fmt.Sprintf("no server answers at %s (%s)", host, s.words(causeOf(helloErr)))
			continue
		case h.SetName != "" && usable(h, s.set) == nil:
			reason = fmt.Sprintf("the replica set %s has no primary now", h.SetName)
			continue
		}
		return usable(h, s.set)
	}
	return &store.UnavailableError{Err: errors.New(reason)}
}

// helloOf asks one server, whatever it thinks of the others. It needs no
// credentials, and uses none.
func helloOf(ctx context.Context, from *options.ClientOptions, host string) (h hello, err error) {
	o := options.Client().SetHosts([]string{host}).SetDirect(true).SetAppName(appName).
		SetServerSelectionTimeout(time.Second).SetConnectTimeout(time.Second)
	if from.TLSConfig != nil {
		o.SetTLSConfig(from.TLSConfig.Clone())
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return h, err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&h)
	return h, err
}

// refused is the error where a server answers that the credentials or the rights
// are not enough, or that it speaks too old a protocol; otherwise nil.
func (s *Store) refused(err error) error {
	switch {
	case hasCode(err, codeAuthentication, codeAtlas):
		return &DeploymentError{fmt.Sprintf("it refuses the credentials in mongodb.uri (%s)", s.words(innermost(err))), "correct user, password and authSource"}
	case hasCode(err, codeUnauthorized) && !s.named:
		return &DeploymentError{"it asks for a user, and mongodb.uri names none", "write mongodb://USER:PASSWORD@…, better into a file that GATEHOUSE_MONGODB__URI_FILE names"}
	case hasCode(err, codeUnauthorized):
		return &DeploymentError{fmt.Sprintf("the user of mongodb.uri lacks a right (%s)", s.words(innermost(err))), "grant the role of docs/mongodb.md"}
	case strings.Contains(err.Error(), "reports wire version"): // the driver's own refusal, which has no code
		return &DeploymentError{fmt.Sprintf("it is older than MongoDB 6.0 (%s)", s.words(innermost(err))), "upgrade it"}
	}
	return nil
}

// causeOf is why no server could be selected, as far as the driver tells.
func causeOf(err error) error {
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) {
		for _, server := range selection.Desc.Servers {
			if server.LastError != nil {
				return innermost(server.LastError)
			}
		}
	}
	return innermost(err)
}

// innermost is the error that all the others wrap.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
