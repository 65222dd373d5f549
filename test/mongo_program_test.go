package test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// deployment is one database of MongoDB; its nodes are the servers that are started on it.
type deployment struct {
	uri      string
	database string
}

var databases atomic.Int64

// shared is a deployment on the server that all tests use.
func shared(t *testing.T) deployment {
	t.Helper()
	return deployment{secantus.Shared(t), secantus.Database(t)}
}

// deploymentApart is a deployment on a server of its own, for a test that writes so much that it would hold up the
// others: each change stream of a server looks at the changes of all its databases. A replica set that was named for
// the tests can bear that.
func deploymentApart(t *testing.T) deployment {
	t.Helper()
	if os.Getenv("GATEHOUSE_TEST_MONGODB_URI") != "" {
		return shared(t)
	}
	return on(secantus.Start(t, secantus.Options{}))
}

// on is a deployment of its own on a server that the test may break.
func on(s *secantus.Server) deployment {
	return deployment{s.URI(), fmt.Sprintf("blackbox%d", databases.Add(1))}
}

// by is the same deployment as it is reached by another way.
func (d deployment) by(uri string) deployment { return deployment{uri, d.database} }

// node starts a server on the deployment.
func (d deployment) node(t *testing.T, s settings) *server {
	t.Helper()
	srv := newServer(t, mongoStore(d.uri, d.database))
	srv.configure(t, s)
	srv.launch(t)
	return srv
}

// program is another program that uses the database: it has a driver, and knows nothing of gatehouse.
type program struct {
	t  *testing.T
	db *mongo.Database
}

func (d deployment) program(t *testing.T) *program {
	t.Helper()
	return &program{t, secantus.Connect(t, d.uri).Database(d.database)}
}

// must fails the test where a program could not do what it should.
func (p *program) must(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("another program: %s: %v", what, err)
	}
}

// patient bounds one command.
func (p *program) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.t.Context(), patience)
}

func (p *program) insert(collection string, documents ...any) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	_, err := p.db.Collection(collection).InsertMany(ctx, documents)
	p.must("insert", err)
}

// update changes the document with this id as {$set: …} or its like says.
func (p *program) update(collection string, id any, change bson.D) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	result, err := p.db.Collection(collection).UpdateByID(ctx, id, change)
	if err == nil && result.MatchedCount != 1 {
		err = mongo.ErrNoDocuments
	}
	p.must("update", err)
}

func (p *program) replace(collection string, id, document any) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	_, err := p.db.Collection(collection).ReplaceOne(ctx, bson.D{{Key: "_id", Value: id}}, document)
	p.must("replace", err)
}

func (p *program) remove(collection string, id any) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	result, err := p.db.Collection(collection).DeleteOne(ctx, bson.D{{Key: "_id", Value: id}})
	if err == nil && result.DeletedCount != 1 {
		err = mongo.ErrNoDocuments
	}
	p.must("delete", err)
}

// together does what f does in one transaction.
func (p *program) together(f func(ctx context.Context) error) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	err := p.db.Client().UseSession(ctx, func(ctx context.Context) error {
		_, err := mongo.SessionFromContext(ctx).WithTransaction(ctx, func(ctx context.Context) (any, error) { return nil, f(ctx) })
		return err
	})
	p.must("a transaction", err)
}

// run runs a command on the database.
func (p *program) run(command bson.D) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	p.must(command[0].Key, p.db.RunCommand(ctx, command).Err())
}

// keepsImages tells whether the server keeps what documents of a collection were before a change: what
// gatehouse switches on.
func (p *program) keepsImages(collection string) bool {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	found, err := p.db.ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: collection}}, options.ListCollections())
	p.must("listCollections", err)
	if len(found) == 0 {
		return false
	}
	enabled, _ := found[0].Options.Lookup("changeStreamPreAndPostImages", "enabled").BooleanOK()
	return enabled
}
