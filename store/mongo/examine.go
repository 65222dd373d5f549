package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var _ store.Examiner = (*Store)(nil)

// Examine implements store.Examiner: it looks at the topology, the version, the
// rights, the images, the oplog, and how long a write takes to become an event.
// It makes the declared collections ready where they are not.
func (s *Store) Examine(ctx context.Context) []store.Finding {
	asking, cancel := s.bounded(ctx)
	defer cancel()
	err := s.meet(asking)
	var h hello
	if err == nil {
		h, err = s.hello(asking)
	}
	if err != nil {
		return []store.Finding{unreached(err)}
	}
	findings := []store.Finding{topologyOf(h), s.version(asking, h), s.rights(asking)}
	findings = append(findings, s.imagesOf(asking)...)
	return append(findings, s.oplog(asking), s.delay(ctx))
}

// unreached is the finding where nothing can be looked at.
func unreached(err error) store.Finding {
	f := store.Finding{Subject: "topology", Verdict: store.Bad, Text: err.Error(), Remedy: "start MongoDB, or correct the hosts in mongodb.uri"}
	var unusable *DeploymentError
	var unavailable *store.UnavailableError
	switch {
	case errors.As(err, &unusable):
		f.Text, f.Remedy = unusable.Text, unusable.Remedy
	case errors.As(err, &unavailable):
		f.Text = unavailable.Err.Error()
	}
	return f
}

func topologyOf(h hello) store.Finding {
	f := store.Finding{Subject: "topology", Verdict: store.Good}
	members := len(h.Hosts) + len(h.Passives)
	switch {
	case h.sharded():
		f.Text = "a sharded cluster; an event is as late as the slowest shard"
	case len(h.Arbiters) > 0:
		f.Verdict = store.Warning
		f.Text = fmt.Sprintf("replica set %s: %d members with data and %d arbiters; with one of the former down, writes wait and nothing is announced", h.SetName, members, len(h.Arbiters))
		f.Remedy = "replace each arbiter with a member that holds data"
	case members < 3:
		f.Verdict = store.Warning
		f.Text = fmt.Sprintf("replica set %s with %d member(s): when one is down, nothing can be written and nothing is announced", h.SetName, members)
		f.Remedy = "for more than a trial, run three members"
	default:
		f.Text = fmt.Sprintf("replica set %s with %d members, primary %s", h.SetName, members, h.Primary)
	}
	return f
}

func (s *Store) version(ctx context.Context, h hello) store.Finding {
	f := store.Finding{Subject: "version", Verdict: store.Good}
	var info struct {
		Version string `bson:"version"`
	}
	if err := s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
		info.Version = fmt.Sprintf("unknown (wire version %d)", h.MaxWire)
	}
	f.Text = "MongoDB " + info.Version
	if !s.splits() {
		f.Verdict = store.Warning
		f.Text += ": a change of a document near 16 MB can be too large to be told, and then is told as lost history"
		f.Remedy = "upgrade to MongoDB 7.0 or newer"
	}
	return f
}

// The rights that are needed on the database, and those without which less is
// known of a change.
var (
	neededActions = []string{"changeStream", "createCollection", "createIndex", "find", "insert", "listCollections", "remove", "update"}
	wantedActions = []string{"collMod"}
)

// rights compares what the user may do with what is needed.
func (s *Store) rights(ctx context.Context) store.Finding {
	f := store.Finding{Subject: "rights", Verdict: store.Good}
	var status struct {
		Info struct {
			Users      []bson.Raw `bson:"authenticatedUsers"`
			Privileges []struct {
				Resource struct {
					DB         *string `bson:"db"`
					Collection *string `bson:"collection"`
					Any        bool    `bson:"anyResource"`
				} `bson:"resource"`
				Actions []string `bson:"actions"`
			} `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	err := s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}).Decode(&status)
	if err == nil && len(status.Info.Users) > 0 && len(status.Info.Privileges) == 0 {
		err = errors.New("the server lists none")
	}
	if err != nil {
		f.Verdict, f.Text = store.Warning, "what this user may do cannot be found out: "+s.words(err)
		f.Remedy = "compare its roles with docs/mongodb.md"
		return f
	}
	if len(status.Info.Users) == 0 {
		f.Verdict, f.Text = store.Warning, "nobody is asked for a password: whoever reaches MongoDB may write, and so announce, anything"
		f.Remedy = "switch authorization on, and give this server a user with the role of docs/mongodb.md"
		return f
	}
	may := make(map[string]bool)
	for _, p := range status.Info.Privileges {
		r := p.Resource
		here := r.DB != nil && (*r.DB == "" || *r.DB == s.o.Database) && r.Collection != nil && *r.Collection == ""
		if here || r.Any {
			for _, a := range p.Actions {
				may[a] = true
			}
		}
	}
	lacking := func(actions []string) []string {
		return slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return may[a] })
	}
	f.Text = "the user may do all that is needed in " + s.o.Database
	if missing := lacking(wantedActions); len(missing) > 0 {
		f.Verdict, f.Text = store.Warning, "the user may not switch pre-images on ("+strings.Join(missing, ", ")+")"
		f.Remedy = "grant the role of docs/mongodb.md, or switch them on yourself"
	}
	if missing := lacking(neededActions); len(missing) > 0 {
		f.Verdict, f.Text = store.Bad, "the user lacks "+strings.Join(missing, ", ")+" on all collections of "+s.o.Database
		f.Remedy = "grant the role of docs/mongodb.md"
	}
	return f
}

// imagesOf says which collections keep no pre-images, in one finding where all
// do.
func (s *Store) imagesOf(ctx context.Context) []store.Finding {
	there, err := s.there(ctx)
	if err != nil {
		return []store.Finding{{Subject: "images", Verdict: store.Bad, Text: s.words(err), Remedy: "grant the role of docs/mongodb.md"}}
	}
	var findings []store.Finding
	kept := 0
	for _, c := range slices.SortedFunc(maps.Values(*s.declared.Load()), func(a, b *collection) int { return strings.Compare(a.physical, b.physical) }) {
		enabled, exists := there[c.physical]
		switch {
		case c.Transient || !exists:
		case enabled:
			kept++
		default:
			findings = append(findings, store.Finding{
				Subject: "images", Verdict: store.Warning,
				Text:   fmt.Sprintf("%s keeps no pre-images: its deletions tell no name, its replacements not what changed", c.physical),
				Remedy: imagesCommand(c.physical),
			})
		}
	}
	if len(findings) == 0 {
		findings = append(findings, store.Finding{Subject: "images", Verdict: store.Good, Text: fmt.Sprintf("%d collections keep pre-images", kept)})
	}
	return findings
}

// Times between a write and its event that are worth a word.
const (
	slowDelay = 250 * time.Millisecond
	noDelay   = 10 * time.Second
	probes    = 5
)

// delay measures how long a write takes to come back as an event.
func (s *Store) delay(ctx context.Context) store.Finding {
	f := store.Finding{Subject: "write to event", Verdict: store.Bad, Remedy: "see that a majority of the members that hold data is up, and that this user may write and watch"}
	ctx, cancel := context.WithTimeout(ctx, noDelay)
	defer cancel()
	took, err := s.probe(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		f.Text = fmt.Sprintf("what was written did not come back within %v", noDelay)
		return f
	case err != nil:
		f.Text = "a document could not be written and seen: " + s.words(err)
		return f
	}
	slices.Sort(took)
	median := took[len(took)/2]
	f.Verdict, f.Remedy = store.Good, ""
	f.Text = fmt.Sprintf("%v from a write to its event (%v at most, of %d)", median.Round(100*time.Microsecond), took[len(took)-1].Round(100*time.Microsecond), len(took))
	if median > slowDelay {
		f.Verdict = store.Warning
		f.Remedy = "look at the disks of the members (a write waits for their journals) and at the network between them"
	}
	return f
}

// probe writes a few documents and watches them come.
func (s *Store) probe(ctx context.Context) ([]time.Duration, error) {
	c := &collection{Collection: store.Collection{Name: "gatehouse.probe", Transient: true}, physical: s.o.Prefix + "gatehouse.probe"}
	c.on = s.db.Collection(c.physical)
	there, err := s.there(ctx)
	if err == nil {
		err = errors.Join(s.create(ctx, c, there), s.index(ctx, c))
	}
	if err != nil {
		return nil, err
	}
	st := s.newStream([]*collection{c})
	if err := st.open(ctx, nil); err != nil {
		return nil, err
	}
	defer st.close()
	var took []time.Duration
	for range probes {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: bson.NewObjectID()}})
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		if _, err := c.on.InsertOne(ctx, withTime(doc)); err != nil {
			return nil, err
		}
		for {
			e, err := st.next(ctx)
			if err != nil {
				return nil, err
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if e != nil && e.Key.Lookup("_id").Equal(bson.Raw(doc).Lookup("_id")) {
				break
			}
		}
		took = append(took, time.Since(begun))
	}
	return took, nil
}
