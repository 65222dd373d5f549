package users_test

import (
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/crypto/bcrypt"

	"gatehouse/store"
	"gatehouse/users"
)

// george is a document as the original server has it.
func george(t *testing.T) bson.D {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 5)
	must(t, err)
	return bson.D{
		{Key: "username", Value: "george"},
		{Key: "email", Value: "george@example.com"},
		{Key: "password", Value: strings.Replace(string(hash), "$2a$", "$2b$", 1)},
		{Key: "registerKey", Value: ""},
		{Key: "sessionId", Value: "s3cret"},
		{Key: "passwordTag", Value: "tag"},
		{Key: "createdOn", Value: 1500000000000.0},
		{Key: "lastLoggedIn", Value: 1500000000001.0},
		{Key: "privileges", Value: 2.0},
		{Key: "meta", Value: bson.D{}},
		{Key: "nickname", Value: "G"},
	}
}

// An account of the original server works, and its hash is made anew at the
// configured cost.
func TestOriginalsAccount(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	must(t, h.store.Apply(t.Context(), store.Insert("users", george(t))))
	user, err := h.Get(t.Context(), users.Operator(), "george")
	if err != nil || user.Privileges != users.Admin || !user.Activated || user.CreatedOn.UnixMilli() != 1500000000000 {
		t.Errorf("%+v, %v", user, err)
	}
	for range 2 {
		if _, err := h.login("george", password); err != nil {
			t.Fatal(err)
		}
	}
	hash := h.raw("george").Lookup("password").StringValue()
	if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost != 4 {
		t.Errorf("%s: %d, %v", hash, cost, err)
	}
}

// Its keys are stored as they are, and still work.
func TestOriginalsKeys(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	d := george(t)
	d[3].Value = "Ab3dEf7h9j"
	must(t, h.store.Apply(t.Context(), store.Insert("users", d)))
	_, err := h.login("george", password)
	want(t, "before", err, users.ErrWrong)
	want(t, "a wrong key", h.Activate(t.Context(), "george", "Ab3dEf7h9k", here), users.ErrKey)
	must(t, h.Activate(t.Context(), "george", "Ab3dEf7h9j", here))
	if _, err := h.login("george", password); err != nil {
		t.Error(err)
	}
}

// Documents that nobody would write are no reason to fail.
func TestOddDocuments(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for name, d := range map[string]bson.D{
		"a": {},
		"b": {{Key: "password", Value: 5}, {Key: "privileges", Value: "1"}, {Key: "meta", Value: bson.A{1}}, {Key: "registerKey", Value: nil}},
		"c": {{Key: "password", Value: "$2a$31$" + strings.Repeat("a", 53)}}, // would take years
		"d": {{Key: "privileges", Value: -7}, {Key: "lastLoggedIn", Value: "yesterday"}, {Key: "createdOn", Value: 1e300}},
	} {
		must(t, h.store.Apply(t.Context(), store.Insert("users", append(d, bson.E{Key: "username", Value: name}))))
		_, err := h.login(name, password)
		want(t, name, err, users.ErrWrong)
		user, err := h.Get(t.Context(), users.Operator(), name)
		if err != nil || user.Privileges != users.Regular || user.Meta == nil {
			t.Errorf("%s: %+v, %v", name, user, err)
		}
		if _, err := h.SetMetaValue(t.Context(), users.Operator(), name, "p", "v"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, v, err := h.MetaValue(t.Context(), users.Operator(), name, "p"); err != nil || v.StringValue() != "v" {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	must(t, h.Import(t.Context(), george(t)))
	raw := h.raw("george")
	for field, there := range map[string]bool{"sessionId": false, "passwordTag": false, "nickname": true, "createdOn": true} {
		if _, err := raw.LookupErr(field); (err == nil) != there {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := h.login("george", password); err != nil {
		t.Error(err)
	}
	want(t, "twice", h.Import(t.Context(), george(t)), users.ErrTaken)
	for field, values := range map[string][]any{
		"username":     {"", 5, nil, " a", "a\n", strings.Repeat("a", 255)},
		"email":        {"", nil, "x", 7},
		"password":     {"", nil, "plain", "$2a$31$" + strings.Repeat("a", 53), "$2a$10$" + strings.Repeat("a", 52)},
		"registerKey":  {5},
		"createdOn":    {"yesterday", true},
		"lastLoggedIn": {"yesterday"},
		"privileges":   {0, 4, "1", 2.5, int64(9)},
		"meta":         {"x", bson.A{}, bson.D{{Key: "$x", Value: 1}}, bson.D{{Key: "a", Value: bson.D{{Key: "b.c", Value: 1}}}}},
	} {
		for _, value := range values {
			d := george(t)
			for i := range d {
				if d[i].Key == field {
					d[i].Value = value
				}
			}
			err := h.Import(t.Context(), d)
			if got := invalid(err); !strings.HasPrefix(got, field) {
				t.Errorf("%s %v: %v", field, value, err)
			}
			if strings.Contains(errors.Join(err).Error(), "george@") {
				t.Errorf("the error tells an address: %v", err)
			}
		}
	}
}
