package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The storage of a channel, over HTTP.

// stored is a value of a storage as it is answered.
func stored(key, value string, by, last *gamePlayer) string {
	return fmt.Sprintf(`{"key":%q,"value":%q,"createdBy":%s,"lastUpdatedBy":%s,"createdAt":"…","updatedAt":"…"}`, key, value, by.shown(), last.shown())
}

// list is a list of what is JSON already.
func list(all ...string) string { return "[" + strings.Join(all, ",") + "]" }

// puts changes a storage, and compares what became of it.
func (c gameChannel) puts(p *gamePlayer, props []any, upserted, deleted, failed string) told {
	p.t.Helper()
	channel := strings.Replace(c.shown(), fmt.Sprintf(`,"memberCount":%d}`, c.members), "}", 1) // this answer alone does not count
	return p.does(200, `{"channel":`+channel+`,"upsertedProps":`+upserted+`,"deletedProps":`+deleted+`,"failedProps":`+failed+`}`,
		"PUT", c.path("/storage"), object(p.t, "props", props))
}

// holds compares what is stored under a key; several values as a list.
func (c gameChannel) holds(p *gamePlayer, key, value string, by, last *gamePlayer) told {
	p.t.Helper()
	want := "null"
	if by != nil {
		want = stored(key, value, by, last)
	}
	return p.does(200, `{"prop":`+want+`}`, "GET", c.path("/storage?propKey="+key), "")
}

func TestPlayersAPIStorage(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george, martha, stranger := a.plays("george"), a.plays("martha"), a.plays("stranger")
	c := george.opens("channel", "props", propsOf("k", "of the channel"))
	c.props, c.members = `[{"key":"k","value":"of the channel"}]`, 2
	martha.does(200, c.answer(), "POST", c.path("/join"), "")

	stranger.does(403, notMember, "GET", c.path("/storage?propKey=k"), "")
	stranger.does(403, notMember, "GET", c.path("/storage/list?propKeys=k"), "")
	stranger.does(403, notMember, "PUT", c.path("/storage"), object(t, "props", propsOf("k", "1")))
	for body, at := range map[string]string{
		`{}`: "props", ``: "props", `{"props":{}}`: "props", `{"props":"x"}`: "props", `{"props":[1]}`: "props.0…",
		`{"props":[{"key":"a","value":1}]}`: "props.0.value", `{"props":[{"key":null,"value":"x"}]}`: "props.0.key",
	} {
		got := martha.asks(400, "PUT", c.path("/storage"), body, "x-talo-alias", strconv.Itoa(martha.alias), "X-Forwarded-For", elsewhere())
		if !fits(wrongs(at, "…"), got.body) || strings.Contains(body, `"props":{`) && got.body != wrongs("props", "Props must be an array") {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	martha.does(400, `{"errors":{"propKey":["…"]}}`, "GET", c.path("/storage"), "")

	// One value: who made it stays, who changed it last is another one.
	c.holds(martha, "k", "", nil, nil)
	c.puts(george, []any{}, `[]`, `[]`, `[]`)
	first := c.puts(george, propsOf("k", "1"), list(stored("k", "1", george, george)), `[]`, `[]`)
	second := c.puts(martha, propsOf("k", "2", "", "x"), list(stored("k", "2", george, martha)), `[]`, `[]`)
	c.holds(george, "k", "2", george, martha)
	created := func(got told) string { // of the value: the channel and the players have their own times
		return got.body[strings.LastIndex(got.body, `"createdAt"`):strings.LastIndex(got.body, `,"updatedAt"`)]
	}
	if created(first) != created(second) {
		t.Errorf("a value that is changed was made again: %s, %s", first.body, second.body)
	}
	c.puts(martha, propsOf("k", "3", "k", "4", "other", "1"), list(stored("k", "4", george, martha), stored("other", "1", martha, martha)), `[]`, `[]`)
	c.puts(george, propsOf("k", "", "other", nil, "nothing", nil, "nor this", ""), `[]`, list(stored("k", "4", george, martha), stored("other", "1", martha, martha)), `[]`)
	c.holds(george, "k", "", nil, nil)
	c.puts(martha, propsOf("k", "new"), list(stored("k", "new", martha, martha)), `[]`, `[]`)
	c.puts(martha, propsOf("META_X", "as any other"), list(stored("META_X", "as any other", martha, martha)), `[]`, `[]`)

	// Several values: those that are given replace all; those that were there stay what they were.
	c.puts(george, propsOf("l[]", "b", "l[]", "a", "l[]", "b", "l[]", ""), list(stored("l[]", "b", george, george), stored("l[]", "a", george, george), stored("l[]", "", george, george)), `[]`, `[]`)
	c.holds(martha, "l[]", `["b","a",""]`, george, george)
	martha.does(200, `{"prop":`+stored("l[]", `["b","a",""]`, george, george)+`}`, "GET", c.path("/storage?propKey=l%5B%5D"), "")
	c.puts(martha, propsOf("l[]", "z", "l[]", "a", "l[]", nil), `["…","…"]`, list(stored("l[]", "b", george, george), stored("l[]", "", george, george)), `[]`)
	martha.does(200, `{"prop":{"key":"l[]","value":"[\"a\",\"z\"]","createdBy":"…","lastUpdatedBy":"…","createdAt":"…","updatedAt":"…"}}`, "GET", c.path("/storage?propKey=l[]"), "")
	got := george.does(200, `{"props":["…","…"]}`, "GET", c.path("/storage/list?propKeys=l[]"), "")
	var answer struct {
		Props []struct {
			Value                    string
			CreatedBy, LastUpdatedBy struct{ ID int }
		}
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		t.Fatal(err)
	}
	for _, p := range answer.Props {
		if by := map[string]int{"a": george.alias, "z": martha.alias}[p.Value]; p.CreatedBy.ID != by || p.LastUpdatedBy.ID != by {
			t.Errorf("%q is of %d and %d, want %d", p.Value, p.CreatedBy.ID, p.LastUpdatedBy.ID, by)
		}
	}
	c.puts(martha, propsOf("l[]", nil, "l[]", "y"), list(stored("l[]", "y", martha, martha)), `["…","…"]`, `[]`)
	c.puts(martha, propsOf("l[]", nil, "m[]", nil), `[]`, list(stored("l[]", "y", martha, martha)), `[]`)
	c.holds(george, "l[]", "", nil, nil)

	// Whatever the key is, it is no error of the server's.
	for _, odd := range []string{"%ff", "%00", "a/b", "..", strings.Repeat("k", 5000)} {
		for _, path := range []string{"/storage?propKey=", "/storage/list?propKeys="} {
			if got := george.do("GET", c.path(path)+odd, "", "x-talo-alias", strconv.Itoa(george.alias), "X-Forwarded-For", elsewhere()); got.status >= 500 || !strings.HasPrefix(got.body, "{") {
				t.Errorf("%s%.20s: %d %.300s", path, odd, got.status, got.body)
			}
		}
	}

	// Several keys come as they are asked for.
	c.puts(george, propsOf("a", "1", "b", "2", "m[]", "x", "m[]", "y"), `["…","…","…","…"]`, `[]`, `[]`)
	keys := strings.Repeat("&propKeys=none", 46)
	george.does(200, `{"props":`+list(stored("b", "2", george, george), stored("m[]", "x", george, george), stored("m[]", "y", george, george), stored("a", "1", george, george))+`}`,
		"GET", c.path("/storage/list?propKeys=b&propKeys=nothing&propKeys=m[]&propKeys=a"+keys), "")
	george.does(200, `{"props":[]}`, "GET", c.path("/storage/list?propKeys=none"), "")
	george.does(400, `{"errors":{"propKeys":["…"]}}`, "GET", c.path("/storage/list?propKeys=b&propKeys=nothing&propKeys=m[]&propKeys=a&propKeys=c"+keys), "")

	// What belongs to a channel goes with it, and what follows is another one.
	george.does(204, "", "DELETE", c.path(""), "")
	george.does(404, noChannel, "GET", c.path("/storage?propKey=k"), "")
	next := george.opens("next")
	next.holds(george, "k", "", nil, nil)
	// Who has left may no longer look.
	next.puts(george, propsOf("k", "1"), list(stored("k", "1", george, george)), `[]`, `[]`)
	george.does(204, "", "POST", next.path("/leave"), "")
	george.does(403, notMember, "GET", next.path("/storage?propKey=k"), "")
}

// What cannot be stored is told, and the other keys are stored.
func TestPlayersAPIStorageBounds(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george := a.plays("george")
	c := george.opens("channel")
	bad, rejected := tooLong(t)
	c.puts(george, append(bad, prop("good", "g")), list(stored("good", "g", george, george)), `[]`, rejected)
	for _, key := range []string{"long", "many[]"} {
		c.holds(george, key, "", nil, nil)
	}
	emoji := strings.Repeat("😀", 64) // of two units each
	key, value := emoji, emoji+emoji+emoji+emoji
	c.puts(george, propsOf(key, value), list(stored(key, value, george, george)), `[]`, `[]`)
	c.puts(george, propsOf(key[4:]+"éé", value[4:]+"éé"), list(stored(key[4:]+"éé", value[4:]+"éé", george, george)), `[]`, `[]`)
	c.puts(george, propsOf(key+"é", "1", "e", value+"é"), `[]`, `[]`,
		`[{"key":"`+key+`é","error":"PROP_KEY_TOO_LONG","message":"Prop key length (129) exceeds 128 characters"},{"key":"e","error":"PROP_VALUE_TOO_LONG","message":"Prop value length (513) exceeds 512 characters"}]`)

	// One bad value fails its key, whatever else is given; what is there stays.
	c.puts(george, propsOf("l[]", "was"), list(stored("l[]", "was", george, george)), `[]`, `[]`)
	c.puts(george, propsOf("l[]", "1", "l[]", strings.Repeat("x", 513), "l[]", "2", "k", "stored"), list(stored("k", "stored", george, george)), `[]`,
		`[{"key":"l[]","error":"PROP_VALUE_TOO_LONG","message":"Prop value length (513) exceeds 512 characters"}]`)
	c.holds(george, "l[]", `["was"]`, george, george)

	many, values := []any{}, []string{}
	for i := range 1000 {
		many, values = append(many, prop("many[]", strconv.Itoa(i))), append(values, strconv.Itoa(i))
	}
	c.puts(george, many, list(slices.Repeat([]string{`"…"`}, 1000)...), `[]`, `[]`)
	c.holds(george, "many[]", asJSON(t, values), george, george)
	c.puts(george, propsOf("many[]", nil), `[]`, `"…"`, `[]`)
}

// Of twenty who write at once, one has written last, and all of what it wrote is there.
func TestPlayersAPIStorageRaces(t *testing.T) {
	t.Parallel()
	n := crowds()
	a := startArcade(t, nil)
	george := a.plays("george")
	c := george.opens("channel")
	writers := make([]*gamePlayer, n)
	for i := range writers {
		writers[i] = a.plays("p" + strconv.Itoa(i))
		writers[i].does(200, `{"channel":"…"}`, "POST", c.path("/join"), "")
	}
	sets := map[string]bool{}
	for i := range n {
		sets[fmt.Sprintf(`["%d a","%d b","%d c"]`, i, i, i)] = true
	}
	counted(t, "twenty writers", atOnce(t, n, func(i int) (told, error) {
		who := strconv.Itoa(i)
		return writers[i].tries("PUT", c.path("/storage"), object(t, "props", propsOf("l[]", who+" a", "l[]", who+" b", "l[]", who+" c", "k", who, "k"+who, who)))
	}), map[int]int{200: n})
	got := george.does(200, `{"prop":"…"}`, "GET", c.path("/storage?propKey=l[]"), "")
	var answer struct{ Prop struct{ Value string } }
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || !sets[answer.Prop.Value] {
		t.Errorf("no writer's values: %v %s", err, got.body)
	}
	last, _, _ := strings.Cut(strings.TrimPrefix(answer.Prop.Value, `["`), " ")
	george.does(200, `{"prop":{"key":"k","value":"`+last+`","createdBy":"…","lastUpdatedBy":"…","createdAt":"…","updatedAt":"…"}}`, "GET", c.path("/storage?propKey=k"), "")
	var query string
	for i := range n {
		query += "&propKeys=k" + strconv.Itoa(i)
	}
	got = george.does(200, `{"props":"…"}`, "GET", c.path("/storage/list?"+query[1:]), "")
	if found := strings.Count(got.body, `"lastUpdatedBy"`); found != n {
		t.Errorf("of %d keys %d are there", n, found)
	}
}
