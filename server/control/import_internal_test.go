package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users"
)

func TestUserDocument(t *testing.T) {
	oid, _ := bson.ObjectIDFromHex("58b5a7c4a3d2b10011223344")
	for line, want := range map[string]bson.D{
		`{"_id":{"$oid":"58b5a7c4a3d2b10011223344"},"username":"ann","privileges":3,"createdOn":1488299972123}`: {
			{Key: "_id", Value: oid}, {Key: "username", Value: "ann"}, {Key: "privileges", Value: int32(3)}, {Key: "createdOn", Value: int64(1488299972123)},
		},
		`{"username":"ann","privileges":{"$numberInt":"3"},"createdOn":{"$numberLong":"1488299972123"}}`: {
			{Key: "username", Value: "ann"}, {Key: "privileges", Value: int32(3)}, {Key: "createdOn", Value: int64(1488299972123)},
		},
		`{"username":"ann","privileges":{"$numberDouble":"3.0"},"lastLoggedIn":1488299972123.0}`: {
			{Key: "username", Value: "ann"}, {Key: "privileges", Value: 3.0}, {Key: "lastLoggedIn", Value: 1488299972123.0},
		},
		`{"username":"ann","createdOn":{"$date":"2017-02-28T16:39:32.123Z"},"lastLoggedIn":{"$date":{"$numberLong":"1488299972123"}}}`: {
			{Key: "username", Value: "ann"}, {Key: "createdOn", Value: bson.DateTime(1488299972123)}, {Key: "lastLoggedIn", Value: bson.DateTime(1488299972123)},
		},
		" { \"_v\" : {\"$numberLong\":\"7\"} , \"username\":\"ann\",\"meta\":{\"_v\":1}}\r": {
			{Key: "username", Value: "ann"}, {Key: "meta", Value: bson.D{{Key: "_v", Value: int32(1)}}},
		},
		`{"username":"ann","__v":0,"meta":{"a":[1,"b",null,true,{"c":{}}]}}`: {
			{Key: "username", Value: "ann"},
			{Key: "__v", Value: int32(0)},
			{Key: "meta", Value: bson.D{{Key: "a", Value: bson.A{int32(1), "b", nil, true, bson.D{{Key: "c", Value: bson.D{}}}}}}},
		},
	} {
		got, name, err := userDocument([]byte(line))
		if err != nil || name != "ann" || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("%s\ngot  %#v, %q, %v\nwant %#v", line, got, name, err, want)
		}
	}
}

func TestUserDocumentIsRefused(t *testing.T) {
	for line, want := range map[string]struct{ name, field, why string }{
		"":                                      {"", "the line", "not JSON"},
		"\xff":                                  {"", "the line", "not UTF-8"},
		"{\"_v\":1,\"\xff\":1}":                 {"", "the line", "not UTF-8"},
		`username,email`:                        {"", "the line", "not JSON"},
		`[{"username":"ann"}]`:                  {"", "the line", "not a JSON object"},
		`null`:                                  {"", "the line", "not a JSON object"},
		`{"username":"ann"} {"username":"bob"}`: {"", "the line", "not JSON"},
		`{"username":"ann","email":"a`:          {"", "the line", "not JSON"},
		`{"username":"ann","_v":1,`:             {"", "the line", "not JSON"},
		`{"username":"ann","a":1,"a":2}`:        {"ann", "a", "twice"},
		`{"username":"ann","meta":{"$set":1}}`:  {"ann", "meta.$set", "begin with $"},
		`{"username":"ann","createdOn":{"$date":"yesterday"}}`:                                  {"ann", "createdOn", "Extended JSON"},
		`{"username":"ann","meta":` + strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200) + `}`: {"ann", "meta", "nested"},
		strings.Repeat(`{"a":`, 50_000) + `1` + strings.Repeat(`}`, 50_000):                     {"", "the line", "depth"},
		`{"username":"` + strings.Repeat("ü", 200) + `","":1}`:                                  {strings.Repeat("ü", 64) + "…", "the document", "empty"},
		`{"username":"ann","n":{"$numberDecimal":"` + strings.Repeat("0", 1000) + `"}}`:         {"ann", "n", "digits"},
		`{"username":7,"meta":{"a.b":1}}`:                                                       {"", "meta.a.b", "dot"},
	} {
		_, name, err := userDocument([]byte(line))
		var invalid *users.InvalidError
		if !errors.As(err, &invalid) || name != want.name || !strings.HasPrefix(invalid.Field, want.field) || !strings.Contains(invalid.Why, want.why) {
			t.Errorf("%.100s: %q, %v; want %+v", line, name, err, want)
		}
	}
}

// slow takes a second for each document, and remembers when it began with each.
type slow struct {
	Users
	mu     sync.Mutex
	order  []string
	now    int
	most   int
	failAt string
}

func (s *slow) Import(_ context.Context, d bson.D) error {
	name := d[0].Value.(string)
	s.mu.Lock()
	s.order = append(s.order, name)
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(time.Second) //nolint:forbidigo // on a clock of synctest
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	switch name {
	case s.failAt:
		return &store.UnavailableError{Err: errors.New("it is gone")}
	case "taken":
		return fmt.Errorf("%w: username", users.ErrTaken)
	}
	return nil
}

func docs(names ...string) (lines [][]byte) {
	for _, n := range names {
		lines = append(lines, fmt.Appendf(nil, `{"username":%q}`, n))
	}
	return lines
}

func TestImportsSeveralAtOnceAndAnswersInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 40 {
			names = append(names, fmt.Sprintf("user%d", i))
		}
		names[7] = "taken"
		s, start := &slow{}, time.Now()
		results, err := Administer(s).Import(t.Context(), docs(names...))
		if err != nil || time.Since(start) != 5*time.Second || s.most != importers {
			t.Errorf("%v, after %v, %d at once", err, time.Since(start), s.most)
		}
		for i, r := range results {
			if r.Username != names[i] || (r.Err != nil) != (i == 7) || r.Refused() != (i == 7) {
				t.Errorf("%d: %+v, want %s", i, r, names[i])
			}
		}
	})
}

// Of two of the same name the first has it, whatever the case.
func TestImportKeepsTheOrderOfTheSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		if _, err := Administer(s).Import(t.Context(), docs("ann", "bob", "ANN", "cy")); err != nil {
			t.Fatal(err)
		}
		if len(s.order) != 4 || s.order[0] == "ANN" || s.order[1] == "ANN" || s.most != 2 {
			t.Errorf("%v, %d at once", s.order, s.most)
		}
	})
}

func TestImportEndsWhereTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("user%d", i))
		}
		s := &slow{failAt: "user3"}
		results, err := Administer(s).Import(t.Context(), docs(names...))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.order) > 2*importers {
			t.Errorf("%d were tried", len(s.order))
		}
		if r := results[3]; !errors.Is(r.Err, store.ErrUnavailable) || r.Refused() {
			t.Errorf("%+v", r)
		}
		if r := results[99]; !errors.Is(r.Err, ErrNotTried) || r.Refused() {
			t.Errorf("%+v", r)
		}
	})
}
