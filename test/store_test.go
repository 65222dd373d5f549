package test

import (
	"os"
	"testing"

	"gatehouse/test/secantus"
)

// onMongoDB tells that servers keep their data in MongoDB. GATEHOUSE_TEST_STORE says so to a whole run; without it
// they keep it in the file of the embedded store.
var onMongoDB = os.Getenv("GATEHOUSE_TEST_STORE") == "mongodb"

// storeOf is where a new server of a test keeps its data: nobody else is there.
func storeOf(t *testing.T) settings {
	t.Helper()
	if !onMongoDB {
		return settings{"store.kind": "embedded", "store.path": "gatehouse.db"}
	}
	return mongoStore(secantus.Shared(t), secantus.Database(t))
}

// apart is storeOf for a test that writes so much that it would hold up the others: on a server of its own.
func apart(t *testing.T) settings {
	t.Helper()
	if !onMongoDB {
		return storeOf(t)
	}
	d := deploymentApart(t)
	return mongoStore(d.uri, d.database)
}

// mongoStore is a database as the configuration names it. The control socket stands in the server's folder: nothing
// is left elsewhere.
func mongoStore(uri, database string) settings {
	return settings{
		"store.kind":       "mongodb",
		"mongodb.uri":      uri,
		"mongodb.database": database,
		"control.socket":   "control.sock",
	}
}

// needsEmbedded skips a test on MongoDB, and says why.
func needsEmbedded(t *testing.T, why string) {
	t.Helper()
	if onMongoDB {
		t.Skip("only on the embedded store: " + why)
	}
}

// sameOnBoth leaves a test to the run on the embedded store: it is about what the server does before or after its
// store, and would do alike on the other.
func sameOnBoth(t *testing.T) {
	t.Helper()
	needsEmbedded(t, "what it tests does not depend on the store")
}

// needsMongoDB leaves a test to the run on MongoDB.
func needsMongoDB(t *testing.T) {
	t.Helper()
	if !onMongoDB {
		t.Skip("only on MongoDB: GATEHOUSE_TEST_STORE=mongodb")
	}
}
