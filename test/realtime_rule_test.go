package test

import "testing"

// What a rule looks at can be written as a document, too: the rule's event and the envelope tell of the same change.
func TestRealtimeByRule(t *testing.T) {
	t.Parallel()
	p := startPlayers(t, settings{"events.rules": []any{map[string]any{
		"number": 1000, "name": "config-changed", "collection": "liveconfig", "operation": "any", "fields": []string{"data"}, "properties": map[string]string{"config": "data"},
	}}})
	editor := p.srv.holder(t, "write:documents")
	const document = "/documents/liveconfig/testOrg%2FtestProj%2Fgame"
	w, c := p.george.watches(), connect(t, p.srv.ws)
	w.subscribes("liveConfig", "game")
	w.warned("liveConfig", "game")
	hears := func(data string) {
		t.Helper()
		w.tells("George", "liveConfig", "game", data)
		if got := c.next(); got.EventType != 1000 || !fits(`{"eventType":1000,…"config":`+data+`…`, got.raw) {
			t.Errorf("got %s", got.raw)
		}
	}
	editor.asks(201, "PUT", document, `{"data":{"n":1}}`)
	hears(`{"n":1}`)
	editor.asks(200, "PATCH", document, `{"data":{"n":2}}`)
	hears(`{"n":2}`)
	p.program.publishes(game, `{"n":3}`)
	hears(`{"n":3}`)
	editor.asks(204, "DELETE", document, "")
	w.tells("George", "liveConfig", "game", "null")
	w.quiet()
	p.srv.holder(t, "write:documents,read:events").asks(404, "PUT", "/documents/kvstore/x", `{"data":1}`)
}
