package test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Who hears of whom, over HTTP.

const relationships = "/v1/players/relationships"

// follows is one who has asked to hear of another one.
type follows struct {
	id        int
	by, to    *gamePlayer
	confirmed bool
	kind      string
}

func (f follows) shown() string {
	return fmt.Sprintf(`{"id":%d,"subscriber":%s,"subscribedTo":%s,"confirmed":%t,"relationshipType":%q,"createdAt":"…","updatedAt":"…"}`, f.id, f.by.shown(), f.to.shown(), f.confirmed, f.kind)
}

func (f follows) answer() string { return `{"subscription":` + f.shown() + `}` }

func (f follows) path(more string) string { return relationships + "/" + strconv.Itoa(f.id) + more }

// follows asks to hear of another one.
func (p *gamePlayer) follows(to *gamePlayer, kind string) follows {
	p.t.Helper()
	got := p.does(200, `{"subscription":"…"}`, "POST", relationships, object(p.t, "aliasId", to.alias, "relationshipType", kind))
	var answer struct{ Subscription struct{ ID int } }
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Subscription.ID == 0 {
		p.t.Fatalf("no subscription: %v: %.300s", err, got.body)
	}
	f := follows{answer.Subscription.ID, p, to, false, kind}
	if problem := cmpAnswer(f.answer(), got); problem != "" {
		p.t.Errorf("%s: %s", problem, got.body)
	}
	return f
}

// has compares a list of relationships; its order is the one in which they were made.
func (p *gamePlayer) has(path string, wanted ...follows) {
	p.t.Helper()
	var all []string
	for _, f := range wanted {
		all = append(all, f.shown())
	}
	p.does(200, paged("subscriptions", list(all...), len(all), true), "GET", relationships+path, "")
}

const (
	noRequest      = `{"message":"Subscription request not found"}`
	noSubscription = `{"message":"Subscription not found"}`
	oneWay         = "unidirectional"
	bothWays       = "bidirectional"
)

func TestPlayersAPIRelationships(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george, martha, tom := a.plays("george"), a.plays("martha"), a.plays("tom")
	ask := func(id any, kind any) string { return object(t, "aliasId", id, "relationshipType", kind, "more", 1) }

	const wrongKind = `relationshipType must be either \"unidirectional\" or \"bidirectional\"`
	for _, kind := range []any{"", "Unidirectional", "both", 1, nil} {
		george.does(400, `{"errors":{"relationshipType":["`+wrongKind+`"]}}`, "POST", relationships, ask(martha.alias, kind))
	}
	for _, id := range []any{"2", nil, true, []int{2}, 1.5} {
		george.does(400, `{"errors":{"aliasId":["…"]}}`, "POST", relationships, ask(id, oneWay))
	}
	george.does(400, `{"errors":{"aliasId":["…"],"relationshipType":["…"]}}`, "POST", relationships, "")
	for _, id := range []int{0, 99, -1, 1 << 31, 1 << 40} {
		george.does(404, says("Player alias for subscription not found"), "POST", relationships, ask(id, oneWay))
	}
	george.does(400, says("Cannot subscribe to yourself"), "POST", relationships, ask(george.alias, bothWays))

	// One way: who asked may end it, who was asked may confirm it, once.
	f := george.follows(martha, oneWay)
	for _, kind := range []string{oneWay, bothWays} {
		george.does(400, says("Subscription already exists"), "POST", relationships, ask(martha.alias, kind))
	}
	for _, p := range []*gamePlayer{george, tom} {
		p.does(404, noRequest, "PUT", f.path("/confirm"), "")
	}
	for _, p := range []*gamePlayer{martha, tom} {
		p.does(404, noSubscription, "DELETE", f.path(""), "")
	}
	for _, id := range []string{"0", "99", "2147483648", "99999999999999999999"} {
		martha.does(404, noRequest, "PUT", relationships+"/"+id+"/confirm", "")
		george.does(404, noSubscription, "DELETE", relationships+"/"+id, "")
	}
	martha.has("/subscribers", f)
	f.confirmed = true
	martha.does(200, f.answer(), "PUT", f.path("/confirm"), "")
	martha.does(404, noRequest, "PUT", f.path("/confirm"), "")
	george.has("/subscriptions", f)
	martha.has("/subscribers", f)
	martha.has("/subscriptions")
	george.does(400, says("Subscription already exists"), "POST", relationships, ask(martha.alias, oneWay))
	back := martha.follows(george, oneWay)
	george.does(204, "", "DELETE", f.path(""), "")
	george.does(404, noSubscription, "DELETE", f.path(""), "")
	martha.does(404, noRequest, "PUT", f.path("/confirm"), "")
	martha.has("/subscriptions", back)
	martha.does(204, "", "DELETE", back.path(""), "")

	// Both ways: confirming makes the way back, and with one way goes the other.
	f = george.follows(martha, bothWays)
	martha.has("/subscriptions")
	f.confirmed = true
	martha.does(200, f.answer(), "PUT", f.path("/confirm"), "")
	back = follows{f.id + 1, martha, george, true, bothWays}
	george.does(200, `{"subscriptions":["…"],"count":1,"itemsPerPage":50,"isLastPage":true}`, "GET", relationships+"/subscribers", "")
	got := george.does(200, `"…"`, "GET", relationships+"/subscribers", "").body
	back.id, _ = strconv.Atoi(between(t, got, `{"subscriptions":[{"id":`, `,`))
	george.has("/subscribers", back)
	martha.has("/subscriptions", back)
	george.has("/subscriptions", f)
	martha.does(400, says("Subscription already exists"), "POST", relationships, ask(george.alias, oneWay))
	martha.does(204, "", "DELETE", back.path(""), "")
	for _, p := range []*gamePlayer{george, martha} {
		p.has("/subscribers")
		p.has("/subscriptions")
		p.does(404, noSubscription, "DELETE", f.path(""), "")
	}
	f, back = george.follows(martha, bothWays), martha.follows(george, bothWays)
	f.confirmed, back.confirmed = true, true
	martha.does(200, f.answer(), "PUT", f.path("/confirm"), "")
	george.has("/subscribers", back)
	george.does(404, noRequest, "PUT", back.path("/confirm"), "")

	// What is asked for.
	toTom, fromTom := george.follows(tom, oneWay), tom.follows(george, oneWay)
	for query, wanted := range map[string][]follows{
		"": {f, toTom}, "?confirmed=true": {f}, "?confirmed=false": {toTom}, "?relationshipType=bidirectional": {f}, "?relationshipType=unidirectional": {toTom},
		fmt.Sprintf("?aliasId=%d", tom.alias): {toTom}, fmt.Sprintf("?aliasId=%d", george.alias): nil, "?aliasId=99": nil, fmt.Sprintf("?aliasId=%d&confirmed=true", tom.alias): nil,
		"?page=0&more[]=x": {f, toTom}, "?confirmed=true&relationshipType=bidirectional": {f}, "?confirmed=false&relationshipType=bidirectional": nil,
	} {
		george.has("/subscriptions"+query, wanted...)
	}
	george.has(fmt.Sprintf("/subscribers?aliasId=%d", tom.alias), fromTom)
	george.has("/subscribers?confirmed=true", back)
	for query, at := range map[string]string{"?confirmed=yes": "confirmed", "?confirmed=1": "confirmed", "?relationshipType=x": "relationshipType", "?aliasId=x": "aliasId", "?page=-1": "page"} {
		for _, path := range []string{"/subscriptions", "/subscribers"} {
			george.does(400, `{"errors":{"`+at+`":["…"]}}`, "GET", relationships+path+query, "")
		}
	}
}

func TestPlayersAPIRelationshipsPages(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george := a.plays("george")
	some := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"…",`, n), ",") }
	for i := range 51 {
		p := a.plays("p" + strconv.Itoa(i))
		p.follows(george, oneWay)
		george.follows(p, oneWay)
		if i < 49 {
			continue
		}
		for _, path := range []string{"/subscribers", "/subscriptions"} {
			george.does(200, paged("subscriptions", "["+some(50)+"]", i+1, i == 49), "GET", relationships+path, "")
			george.does(200, paged("subscriptions", "["+some(i-49)+"]", i+1, true), "GET", relationships+path+"?page=1&confirmed=false", "")
			george.does(200, paged("subscriptions", "[]", i+1, true), "GET", relationships+path+"?page=2", "")
		}
	}
}

// What many ask for at once is there once.
func TestPlayersAPIRelationshipsRaces(t *testing.T) {
	t.Parallel()
	n := crowds()
	a := startArcade(t, nil)
	george, martha := a.plays("george"), a.plays("martha")
	for range 3 {
		body := object(t, "aliasId", martha.alias, "relationshipType", bothWays)
		answers := atOnce(t, n, func(int) (told, error) { return george.tries("POST", relationships, body) })
		counted(t, "twenty requests", answers, map[int]int{200: 1, 400: n - 1})
		var answer struct{ Subscription struct{ ID int } }
		for _, got := range answers {
			if got.status == 200 {
				if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
					t.Fatal(err)
				}
			}
		}
		f := follows{answer.Subscription.ID, george, martha, true, bothWays}
		back := martha.follows(george, bothWays)
		back.confirmed = true
		// Each of the two confirms what the other has asked for: whoever comes first has confirmed both.
		counted(t, "both confirm", atOnce(t, 2, func(i int) (told, error) {
			return []*gamePlayer{martha, george}[i].tries("PUT", []follows{f, back}[i].path("/confirm"), "")
		}), map[int]int{200: 1, 404: 1})
		george.has("/subscriptions", f)
		george.has("/subscribers", back)
		// And with one of them goes the other, whichever it is.
		counted(t, "both end it", atOnce(t, 2, func(i int) (told, error) {
			return []*gamePlayer{george, martha}[i].tries("DELETE", []follows{f, back}[i].path(""), "")
		}), map[int]int{204: 1, 404: 1})
		george.has("/subscriptions")
		george.has("/subscribers")
	}
	f := george.follows(martha, oneWay)
	counted(t, "twenty confirm", atOnce(t, n, func(int) (told, error) { return martha.tries("PUT", f.path("/confirm"), "") }), map[int]int{200: 1, 404: n - 1})
	counted(t, "two deletions", atOnce(t, 2, func(int) (told, error) { return george.tries("DELETE", f.path(""), "") }), map[int]int{204: 1, 404: 1})
}
