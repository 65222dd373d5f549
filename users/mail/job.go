package mail

import (
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Kind names what a mail is about; the templates of this name are used.
type Kind string

// The kinds of mails. To add one, add it to kinds, and its templates.
const (
	Activation Kind = "activation" // confirm an address; has a link
	Reset      Kind = "reset"      // choose a new password; has a link
	Taken      Kind = "taken"      // somebody tried to register with an address that is registered already; has no link
)

var kinds = []Kind{Activation, Reset, Taken}

// Job is what waits in the outbox: whom to write to about what. It holds
// neither an address nor a key, unless somebody typed one: both are found when
// the mail is composed.
type Job struct {
	Kind Kind
	User string // a name or an address, as somebody typed it

	// Attempts is how often its mail has failed so far, for a [Composer] that
	// counts mails: one that is tried again is not another one. [Job.Write] does
	// not look at it.
	Attempts int
}

const collection = "users.outbox"

// maxUser is the length of the longest User, in bytes. No name and no address
// is as long, so that what is cut off could not have meant anybody.
const maxUser = 512

// Collection declares what this package keeps in the store: one document for
// each mail that is not sent yet.
func Collection() store.Collection {
	return store.Collection{
		Name:   collection,
		Secret: []string{"user"}, // it may be an address
	}
}

// Write returns the write that puts the job into the outbox, due now. It is
// applied together with the writes that the mail is about; [Outbox.Wake] has it
// sent without delay.
func (j Job) Write() store.Write {
	now := time.Now().UTC().Truncate(time.Millisecond) // as BSON keeps it
	user := strings.ToValidUTF8(j.User[:min(len(j.User), maxUser)], "\uFFFD")
	return store.Insert(collection, document{
		ID: bson.NewObjectID(), Kind: j.Kind, User: user, Due: now, Created: now,
	})
}

// document is a job as it is stored.
type document struct {
	ID       bson.ObjectID `bson:"_id"`
	Kind     Kind          `bson:"kind"`
	User     string        `bson:"user"`
	Due      time.Time     `bson:"due"` // when it is begun, or begun again if whoever has claimed it is gone
	Attempts int           `bson:"attempts"`
	Created  time.Time     `bson:"created"`
	Version  int64         `bson:"_v,omitempty"` // the store's
}

func (d document) job() Job { return Job{Kind: d.Kind, User: d.User, Attempts: d.Attempts} }

func decode(raw bson.Raw) (d document, err error) {
	if err := bson.Unmarshal(raw, &d); err != nil {
		return document{}, fmt.Errorf("the job %s in the outbox is damaged: %w", raw.Lookup("_id"), err)
	}
	return d, nil
}
