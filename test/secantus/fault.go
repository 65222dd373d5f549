package secantus

import (
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// FailPoint says which commands the server fails, and how. At least one of Code, CloseConnection,
// WriteConcernError and Block should be set. CloseConnection and Code fail the command before it does anything;
// WriteConcernError lets it do its work; Block alone delays it.
type FailPoint struct {
	Times int // how often; 0 is until ClearFailPoint
	Skip  int // how many matching commands pass before

	Commands []string // the names that fail, "insert" or "getMore"; all where it is empty
	AppName  string   // only connections of this application, appName of the URI

	Code              int           // the answer is this error
	CloseConnection   bool          // the connection is closed without an answer
	WriteConcernError *ConcernError // the answer is good but for this
	ErrorLabels       []string      // instead of those that belong to the code; not nil but empty: none
	Block             time.Duration // the command waits so long before anything else
}

// ConcernError is the error of a write that was done but, so the answer says, not replicated.
type ConcernError struct {
	Code    int
	Message string
}

// FailCommand has the server fail commands. There is one fail point at a time: a second replaces the first.
func (s *Server) FailCommand(t testing.TB, f FailPoint) {
	t.Helper()
	handshake := []string{"hello", "isMaster", "saslStart", "saslContinue"}
	touched := func(name string) bool { return slices.Contains(handshake, name) }
	if f.AppName == "" && (len(f.Commands) == 0 || slices.ContainsFunc(f.Commands, touched)) {
		t.Fatal("a fail point for the handshake needs an AppName: it would fail the client that clears it")
	}
	s.run(t, bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: f.mode()},
		{Key: "data", Value: f.data()},
	})
}

// ClearFailPoint ends the fail point.
func (s *Server) ClearFailPoint(t testing.TB) {
	t.Helper()
	s.run(t, bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: "off"},
	})
}

func (f FailPoint) mode() any {
	mode := bson.D{}
	if f.Times > 0 {
		mode = append(mode, bson.E{Key: "times", Value: f.Times})
	}
	if f.Skip > 0 {
		mode = append(mode, bson.E{Key: "skip", Value: f.Skip})
	}
	if len(mode) == 0 {
		return "alwaysOn"
	}
	return mode
}

func (f FailPoint) data() bson.D {
	data := bson.D{}
	add := func(name string, value any) { data = append(data, bson.E{Key: name, Value: value}) }
	if len(f.Commands) > 0 {
		add("failCommands", f.Commands)
	}
	if f.AppName != "" {
		add("appName", f.AppName)
	}
	if f.Code != 0 {
		add("errorCode", f.Code)
	}
	if f.CloseConnection {
		add("closeConnection", true)
	}
	if e := f.WriteConcernError; e != nil {
		add("writeConcernError", bson.D{{Key: "code", Value: e.Code}, {Key: "errmsg", Value: e.Message}})
	}
	if f.ErrorLabels != nil {
		add("errorLabels", f.ErrorLabels)
	}
	if f.Block > 0 {
		add("blockConnection", true)
		add("blockTimeMS", f.Block.Milliseconds())
	}
	return data
}

// StepDown makes the server a secondary for so many seconds.
func (s *Server) StepDown(t testing.TB, seconds int) {
	t.Helper()
	s.run(t, bson.D{
		{Key: "replSetStepDown", Value: seconds},
		{Key: "force", Value: true},
	})
}
