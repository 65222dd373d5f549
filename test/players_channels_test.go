package test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Channels over HTTP: who is in them, who owns them, and who finds them.

const gameChannels = "/v1/game-channels"

// gameChannel is a channel as it is answered.
type gameChannel struct {
	id                       int
	name, props              string
	owner                    *gamePlayer // nil: nobody
	cleanup, private, passer bool
	members                  int
}

func (c gameChannel) shown() string {
	owner, props := "null", c.props
	if c.owner != nil {
		owner = c.owner.shown()
	}
	if props == "" {
		props = "[]"
	}
	return fmt.Sprintf(`{"id":%d,"name":%q,"owner":%s,"totalMessages":0,"props":%s,"autoCleanup":%t,"private":%t,"temporaryMembership":%t,"createdAt":"…","updatedAt":"…","memberCount":%d}`,
		c.id, c.name, owner, props, c.cleanup, c.private, c.passer, c.members)
}

func (c gameChannel) answer() string { return `{"channel":` + c.shown() + `}` }

// path is where the channel is, or something of it.
func (c gameChannel) path(more string) string { return gameChannels + "/" + strconv.Itoa(c.id) + more }

// opens makes a channel; fields are names and values in turn.
func (p *gamePlayer) opens(name string, fields ...any) gameChannel {
	p.t.Helper()
	got := p.does(200, `{"channel":"…"}`, "POST", gameChannels, object(p.t, append(fields, "name", name)...))
	var answer struct{ Channel struct{ ID int } }
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Channel.ID == 0 {
		p.t.Fatalf("no channel: %v: %.300s", err, got.body)
	}
	c := gameChannel{id: answer.Channel.ID, name: name, owner: p, members: 1}
	for i := 0; i < len(fields); i += 2 {
		switch fields[i] {
		case "autoCleanup":
			c.cleanup = fields[i+1].(bool)
		case "private":
			c.private = fields[i+1].(bool)
		case "temporaryMembership":
			c.passer = fields[i+1].(bool)
		}
	}
	return c
}

// is compares a channel with what everybody is told of it.
func (c gameChannel) is(p *gamePlayer) {
	p.t.Helper()
	p.calls(200, c.answer(), "GET", c.path(""), "")
}

// paged is a page of a list.
func paged(name, list string, count int, last bool) string {
	return fmt.Sprintf(`{%q:%s,"count":%d,"itemsPerPage":50,"isLastPage":%t}`, name, list, count, last)
}

func TestPlayersAPIChannels(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george, martha := a.plays("george"), a.plays("martha")

	one := george.opens("")
	one.is(martha)
	flags := gameChannel{id: 2, name: " n ", owner: george, cleanup: true, private: true, passer: true, members: 1, props: `[{"key":"a","value":""},{"key":"l[]","value":"1"},{"key":"l[]","value":"2"}]`}
	george.does(200, flags.answer(), "POST", gameChannels, object(t, "name", " n ", "autoCleanup", true, "private", true, "temporaryMembership", true,
		"props", propsOf("a", "", "", "x", "l[]", "1", "l[]", "2", "l[]", "1"), "more", 1, "id", 9, "ownerAliasId", martha.alias))
	flags.is(martha)
	george.does(200, `{"channel":"…"}`, "POST", gameChannels, object(t, "name", strings.Repeat("😀", 127)+"x"))
	for body, at := range map[string]string{
		`{}`: "name", `{"name":1}`: "name", `{"name":null}`: "name", `{"name":"` + strings.Repeat("😀", 128) + `"}`: "name",
		`{"name":"n","props":{}}`: "props", `{"name":"n","props":[{"key":"k","value":1}]}`: "props.0.value", `{"name":"n","private":"true"}`: "private",
		`{"name":"n","autoCleanup":1}`: "autoCleanup", `{"name":"n","temporaryMembership":"x"}`: "temporaryMembership",
	} {
		george.does(400, `{"errors":{"`+at+`":["…"]}}`, "POST", gameChannels, body)
	}
	bad, rejected := tooLong(t)
	refused := `{"errors":{"props":["One or more props are invalid, see rejectedProps"]},"rejectedProps":` + rejected + `}`
	george.does(400, refused, "POST", gameChannels, object(t, "name", "n", "props", append(bad, prop("good", "g"))))
	a.all.calls(200, `{"channels":"…","count":2,"itemsPerPage":50,"isLastPage":true}`, "GET", gameChannels, "")

	// Who joins is counted once, whoever leaves at most once.
	one.members = 2
	martha.does(200, one.answer(), "POST", one.path("/join"), "")
	martha.does(200, one.answer(), "POST", one.path("/join"), `{}`)
	a.plays("stranger").does(204, "", "POST", one.path("/leave"), "")
	one.is(martha)
	one.members = 1
	for range 2 {
		martha.does(204, "", "POST", one.path("/leave"), "")
	}
	one.is(martha)
	for _, p := range []*gamePlayer{george, martha} { // members too
		p.does(403, says("This channel is private"), "POST", flags.path("/join"), "")
	}
	invite := func(id any) string { return object(t, "inviteeAliasId", id) }
	for range 2 {
		george.does(204, "", "POST", flags.path("/invite"), invite(martha.alias))
	}
	flags.members = 2
	flags.is(martha)
	george.does(404, says("Invitee not found"), "POST", flags.path("/invite"), invite(99))
	george.does(404, says("Invitee not found"), "POST", flags.path("/invite"), invite(0))
	george.does(400, says("Players cannot invite themselves"), "POST", flags.path("/invite"), invite(george.alias))
	for _, id := range []any{"1", nil, []int{1}, true} {
		george.does(400, `{"errors":{"inviteeAliasId":["…"]}}`, "POST", flags.path("/invite"), invite(id))
	}
	george.does(400, `{"errors":{"inviteeAliasId":["…"]}}`, "POST", flags.path("/invite"), "")
	martha.does(403, notOwner, "POST", flags.path("/invite"), invite(99))
	martha.does(403, notOwner, "PUT", flags.path(""), `{"name":"mine"}`)
	martha.does(403, notOwner, "DELETE", flags.path(""), "")
	flags.is(martha)
	george.does(204, "", "DELETE", flags.path(""), "")
	george.does(404, noChannel, "DELETE", flags.path(""), "")
	martha.does(404, noChannel, "POST", flags.path("/leave"), "")
	martha.does(200, `{"channels":[]}`, "GET", gameChannels+"/subscriptions", "")

	// With its owner or its last member goes a channel that is to be cleaned up; another one has no owner then.
	lost := george.opens("lost")
	george.does(204, "", "POST", lost.path("/leave"), "")
	lost.owner, lost.members = nil, 0
	lost.is(martha)
	george.does(403, notOwner, "PUT", lost.path(""), `{}`)
	lost.members = 1
	martha.does(200, lost.answer(), "POST", lost.path("/join"), "")
	owned := george.opens("owned", "autoCleanup", true)
	martha.does(200, `{"channel":"…"}`, "POST", owned.path("/join"), "")
	martha.does(204, "", "POST", owned.path("/leave"), "")
	owned.is(martha)
	martha.does(200, `{"channel":"…"}`, "POST", owned.path("/join"), "")
	george.does(204, "", "POST", owned.path("/leave"), "")
	martha.does(404, noChannel, "GET", owned.path(""), "")
	last := george.opens("last", "autoCleanup", true)
	george.does(200, `{"channel":"…"}`, "PUT", last.path(""), `{"ownerAliasId":null}`)
	last.owner = nil
	last.is(martha)
	george.does(204, "", "POST", last.path("/leave"), "")
	martha.does(404, noChannel, "GET", last.path(""), "")

	// Who says to be offline leaves the channels in which one is only as long as one is online.
	passing, cleaned, staying := george.opens("passing", "temporaryMembership", true), george.opens("cleaned", "temporaryMembership", true, "autoCleanup", true), george.opens("staying", "autoCleanup", true)
	passing.is(martha)
	george.presence = `"…"`
	george.does(200, `{"presence":"…"}`, "PUT", "/v1/players/presence", `{"online":true}`)
	passing.is(martha)
	george.does(200, `{"presence":"…"}`, "PUT", "/v1/players/presence", `{"online":false}`)
	passing.owner, passing.members = nil, 0
	passing.is(martha)
	staying.is(martha)
	martha.does(404, noChannel, "GET", cleaned.path(""), "")
}

func TestPlayersAPIChannelsUpdate(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george, martha := a.plays("george"), a.plays("martha")
	c := george.opens("name")
	put := func(body string) {
		t.Helper()
		c.owner.does(200, c.answer(), "PUT", c.path(""), body)
		c.is(martha)
	}
	put(``)
	put(`{"name":" \t","more":1}`)
	put(`{"name":""}`)
	c.name = "new name"
	put(`{"name":" new name\n"}`)
	c.props = `[{"key":"a","value":"1"},{"key":"b","value":""},{"key":"l[]","value":"1"},{"key":"l[]","value":"2"}]`
	put(object(t, "props", propsOf("a", "1", "b", "", "", "x", "nothing", nil, "l[]", "1", "l[]", "2", "l[]", "2")))
	put(`{"props":[]}`)
	c.props = `[{"key":"b","value":"2"},{"key":"l[]","value":"3"}]`
	put(object(t, "props", propsOf("a", nil, "b", "2", "l[]", "3", "l[]", nil)))
	c.props = `[{"key":"b","value":"2"}]`
	put(object(t, "props", propsOf("l[]", nil)))
	c.cleanup = true
	put(`{"autoCleanup":true}`)
	c.private = true
	put(`{"private":true}`)
	c.cleanup, c.private, c.passer = false, false, true
	put(`{"autoCleanup":false,"private":false,"temporaryMembership":true}`)
	for body, at := range map[string]string{
		`{"name":1}`: "name", `{"name":"` + strings.Repeat("é", 256) + `"}`: "name", `{"props":1}`: "props", `{"props":[{"key":1,"value":""}]}`: "props.0.key",
		`{"ownerAliasId":"1"}`: "ownerAliasId", `{"ownerAliasId":true}`: "ownerAliasId", `{"private":1}`: "private",
	} {
		george.does(400, `{"errors":{"`+at+`":["…"]}}`, "PUT", c.path(""), body)
	}
	bad, rejected := tooLong(t)
	george.does(400, `{"errors":{"props":["One or more props are invalid, see rejectedProps"]},"rejectedProps":`+rejected+`}`, "PUT", c.path(""),
		object(t, "name", "lost", "props", append(bad, prop("good", "g"))))
	c.is(martha)
	for _, id := range []int{99, 0, -1, 1 << 40} { // nothing of it is done
		for _, name := range []string{"ownerAliasId", "newOwnerAliasId"} {
			george.does(404, says("New owner not found"), "PUT", c.path(""), object(t, "name", "lost", "private", true, "props", propsOf("b", "3"), name, id))
		}
	}
	c.is(martha)

	// A new owner comes in, and the old one stays.
	c.owner, c.members = martha, 2
	george.does(200, c.answer(), "PUT", c.path(""), object(t, "ownerAliasId", martha.alias))
	c.is(martha)
	george.does(403, notOwner, "PUT", c.path(""), object(t, "ownerAliasId", george.alias))
	c.owner, c.name = george, "both"
	martha.does(200, c.answer(), "PUT", c.path(""), object(t, "newOwnerAliasId", george.alias, "name", "both"))
	put(object(t, "ownerAliasId", george.alias))
	c.owner = nil
	george.does(200, c.answer(), "PUT", c.path(""), `{"newOwnerAliasId":null}`)
	c.is(martha)
	for _, p := range []*gamePlayer{george, martha} {
		p.does(403, notOwner, "PUT", c.path(""), `{"name":"mine"}`)
		p.does(403, notOwner, "DELETE", c.path(""), "")
	}
	long := george.opens("x")
	long.name = strings.Repeat("😀", 127) + "x"
	george.does(200, long.answer(), "PUT", long.path(""), object(t, "name", long.name))
}

// What is found: not what is private, and only what is asked for.
func TestPlayersAPIChannelsLists(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george, martha, dev := a.plays("george"), a.plays("m.rtha"), a.plays("dev", "x-talo-dev-build", "1")
	red := george.opens("red room", "props", propsOf("colour", "red", "l[]", "1", "l[]", "2", "empty", ""))
	red.props = `[{"key":"colour","value":"red"},{"key":"l[]","value":"1"},{"key":"l[]","value":"2"},{"key":"empty","value":""}]`
	blue := martha.opens("blue room", "props", propsOf("colour", "blue"))
	blue.props = `[{"key":"colour","value":"blue"}]`
	hidden := george.opens("hidden room", "private", true)
	both := []gameChannel{red, blue}
	lists := func(query string, wanted ...gameChannel) {
		t.Helper()
		got := a.all.calls(200, paged("channels", `"…"`, len(wanted), true), "GET", gameChannels+query, "")
		for _, c := range wanted {
			if n := strings.Count(got.body, `"name":"`+c.name+`"`); n != 1 {
				t.Errorf("%s: %q is there %d times: %s", query, c.name, n, got.body)
			}
		}
	}
	for query, wanted := range map[string][]gameChannel{
		"": both, "?page=0": both, "?search=room&more[]=1": both, "?search=red": {red}, "?search=e+room": {blue}, "?search=george": {red}, "?search=hidden": nil,
		"?search=m.rth": {blue}, "?search=r.om": nil, "?search=%25": nil, "?search=_": nil, "?search=*": nil,
		"?propKey=colour": both, "?propKey=colour&propValue=red": {red}, "?propKey=colour&propValue=re": nil, "?propValue=red": both, "?propKey=nothing": nil,
		"?propKey=l[]&propValue=2": {red}, "?propKey=l[]": {red}, "?propKey=l%5B%5D&propValue=1&search=room": {red}, "?propKey=l": nil, "?search=red&propKey=colour&propValue=blue": nil,
	} {
		lists(query, wanted...)
	}
	a.all.calls(200, paged("channels", "["+red.shown()+"]", 1, true), "GET", gameChannels+"?search=red", "")
	for _, page := range []string{"-1", "x", "1.5", "1e3", "99999999999999999999"} {
		for _, path := range []string{gameChannels, red.path("/members"), "/v1/players/relationships/subscribers"} {
			george.does(400, `{"errors":{"page":["…"]}}`, "GET", path+"?page="+page, "")
		}
	}
	a.all.calls(200, paged("channels", "[]", 2, true), "GET", gameChannels+"?page=2147483647", "")
	hidden.is(martha)
	george.does(200, `{"channels":[]}`, "GET", gameChannels+"/subscriptions?propKey=nothing", "")
	george.does(200, `{"channels":[`+red.shown()+`]}`, "GET", gameChannels+"/subscriptions?propKey=l[]&propValue=2", "")
	if got := george.does(200, `{"channels":["…","…"]}`, "GET", gameChannels+"/subscriptions?propValue=x", ""); !strings.Contains(got.body, "hidden room") || !strings.Contains(got.body, "red room") {
		t.Errorf("%s", got.body)
	}

	// Players of development builds are there for who asks for them.
	const include = "x-talo-include-dev-data"
	shown := red
	dev.does(200, shown.answer(), "POST", red.path("/join"), "")
	shown.members = 2
	dev.calls(200, shown.answer(), "GET", red.path(""), "", include, "1")
	dev.calls(200, paged("channels", "["+shown.shown()+"]", 1, true), "GET", gameChannels+"?search=red", "", include, "1")
	dev.calls(200, paged("channels", "["+red.shown()+"]", 1, true), "GET", gameChannels+"?search=red", "", include, "0")
	dev.does(200, `{"channels":[`+shown.shown()+`]}`, "GET", gameChannels+"/subscriptions", "", include, "1")
	own := gameChannel{id: hidden.id + 1, name: "of dev", owner: dev}
	dev.does(200, own.answer(), "POST", gameChannels, `{"name":"of dev"}`)
	own.members = 1
	dev.does(200, own.answer(), "PUT", own.path(""), `{"name":"of dev"}`, include, "1")
	members := func(by *gamePlayer, query string, wanted ...*gamePlayer) {
		t.Helper()
		var list []string
		for _, p := range wanted {
			list = append(list, p.shown())
		}
		by.does(200, paged("members", "["+strings.Join(list, ",")+"]", len(wanted), true), "GET", red.path("/members")+query, "", include, strconv.Itoa(strings.Count(query, "dev")))
	}
	members(dev, "", george)
	members(george, "?dev", george, dev)
	george.does(200, paged("members", "[]", 1, true), "GET", red.path("/members")+"?page=1&more[]=1", "")
	martha.does(403, notMember, "GET", red.path("/members"), "")
	martha.propsAre = `[{"key":"team","value":"a"},{"key":"l[]","value":"1"},{"key":"l[]","value":"2"}]`
	martha.calls(200, `"…"`, "PATCH", "/v1/players/"+martha.id, `{"props":`+martha.propsAre+`}`)
	martha.does(200, `{"channel":"…"}`, "POST", red.path("/join"), "")
	for query, wanted := range map[string][]*gamePlayer{
		"": {george, martha}, "?playerId=" + martha.id: {martha}, "?playerId=" + nobodysID: nil, "?aliasId=" + strconv.Itoa(martha.alias): {martha}, "?aliasId=99": nil,
		"?identifier=m.rtha": {martha}, "?identifier=m.rth": nil, "?playerPropKey=team": {martha}, "?playerPropKey=team&playerPropValue=a": {martha}, "?playerPropKey=team&playerPropValue=b": nil,
		"?propKey=team": {martha}, "?propKey=team&propValue=a": {martha}, "?propKey=team&propValue=b": nil, "?propKey=l[]&propValue=2": {martha}, "?playerPropKey=l[]": {martha},
		"?playerGroupId=" + nobodysID: nil, "?identifier=george&playerPropKey=team": nil, "?playerPropValue=a": {george, martha},
	} {
		members(george, query, wanted...)
	}
}

// Lists come in pages of fifty, bar that of the channels in which one is.
func TestPlayersAPIChannelsPages(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george := a.plays("george")
	var first gameChannel
	for i := range 50 {
		if c := george.opens("room " + strconv.Itoa(i)); i == 0 {
			first = c
		}
	}
	pages := func(name, path string, counts ...int) {
		t.Helper()
		seen := map[int]bool{}
		for page, n := range counts {
			list := strings.TrimSuffix(strings.Repeat(`"…",`, n), ",")
			total := 0
			for _, n := range counts {
				total += n
			}
			got := george.does(200, paged(name, "["+list+"]", total, (page+1)*50 >= total), "GET", path+"?page="+strconv.Itoa(page), "")
			var body map[string]json.RawMessage
			var ids []struct{ ID int }
			if err := json.Unmarshal([]byte(got.body), &body); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(body[name], &ids); err != nil {
				t.Fatal(err)
			}
			for _, one := range ids {
				seen[one.ID] = true
			}
			if want := min(total, (page+1)*50); n > 0 && len(seen) != want {
				t.Errorf("%s: after page %d %d have been seen, want %d", path, page, len(seen), want)
			}
		}
	}
	pages("channels", gameChannels, 50, 0)
	george.opens("one more")
	pages("channels", gameChannels, 50, 1, 0)
	if got := george.does(200, `{"channels":"…"}`, "GET", gameChannels+"/subscriptions", ""); strings.Count(got.body, `"memberCount":1`) != 51 {
		t.Errorf("not all 51 channels: %.300s", got.body)
	}
	for i := range 49 {
		a.plays("p"+strconv.Itoa(i)).does(200, `{"channel":"…"}`, "POST", first.path("/join"), "")
	}
	pages("members", first.path("/members"), 50, 0)
	a.plays("another").does(200, `{"channel":"…"}`, "POST", first.path("/join"), "")
	pages("members", first.path("/members"), 50, 1, 0)
}

// What many do to a channel at once is done once for each of them.
func TestPlayersAPIChannelsRaces(t *testing.T) {
	t.Parallel()
	n := crowds()
	a := startArcade(t, nil)
	george := a.plays("george")
	crowd := make([]*gamePlayer, n)
	for i := range crowd {
		crowd[i] = a.plays("p" + strconv.Itoa(i))
	}
	together := func(what string, want map[int]int, method, path, body string) {
		t.Helper()
		counted(t, what, atOnce(t, n, func(i int) (told, error) { return crowd[i].tries(method, path, body) }), want)
	}
	c := george.opens("crowded")
	for range 2 {
		together("all join", map[int]int{200: n}, "POST", c.path("/join"), "")
		c.members = n + 1
		c.is(george)
		together("all leave", map[int]int{204: n}, "POST", c.path("/leave"), "")
		c.members = 1
		c.is(george)
	}
	counted(t, "all invited", atOnce(t, n, func(i int) (told, error) {
		return george.tries("POST", c.path("/invite"), object(t, "inviteeAliasId", crowd[i/2].alias))
	}), map[int]int{204: n})
	c.members = n/2 + 1
	c.is(george)
	counted(t, "two deletions", atOnce(t, 2, func(int) (told, error) { return george.tries("DELETE", c.path(""), "") }), map[int]int{204: 1, 404: 1})

	// With the last of them goes the channel, whoever that is.
	c = george.opens("cleaned up", "autoCleanup", true)
	together("all join", map[int]int{200: n}, "POST", c.path("/join"), "")
	george.does(200, `{"channel":"…"}`, "PUT", c.path(""), `{"ownerAliasId":null}`)
	george.does(204, "", "POST", c.path("/leave"), "")
	together("all leave", map[int]int{204: n}, "POST", c.path("/leave"), "")
	george.does(404, noChannel, "GET", c.path(""), "")

	// Nobody is left in a channel that was deleted while they came.
	c = george.opens("deleted")
	atOnce(t, n, func(i int) (told, error) {
		if i == n/2 {
			return george.tries("DELETE", c.path(""), "")
		}
		return crowd[i].tries("POST", c.path("/join"), "")
	})
	george.does(404, noChannel, "GET", c.path(""), "")
	for _, p := range append(crowd, george) {
		p.does(200, `{"channels":[]}`, "GET", gameChannels+"/subscriptions", "")
	}

	// Of changes that come at once none is lost.
	c = george.opens("changed")
	counted(t, "twenty changes", atOnce(t, n, func(i int) (told, error) {
		return george.tries("PUT", c.path(""), object(t, "props", propsOf("k"+strconv.Itoa(i), "x")))
	}), map[int]int{200: n})
	var props []any
	for i := range n {
		props = append(props, prop("k"+strconv.Itoa(i), "x"))
	}
	c.props = asJSON(t, props)
	c.is(george)
}
