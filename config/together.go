package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// checkTogether finds what no single value shows: keys that contradict each
// other, possibly in different layers. Each finding is noted where the last of
// the pieces says something of it.
func checkTogether(c *Config, pieces []*piece, r *report) {
	note := func(message string, path ...string) {
		var best *piece
		depth := -1
		for _, p := range pieces {
			if d := p.find(path).depth; d >= depth {
				best, depth = p, d
			}
		}
		r.addAt(best, path, message)
	}
	checkTLS(c.Websocket.TLS, r, note)
	checkRules(c.Events.Rules, note)
	checkMail(c.Mail, r, note)
}

func checkTLS(tls TLS, r *report, note func(message string, path ...string)) {
	if r.under("websocket.tls") {
		return // what is missing may be what was wrong
	}
	switch {
	case tls.Cert != "" && tls.Key == "":
		note("a certificate needs its private key; give both or neither", "websocket", "tls", "key")
	case tls.Cert == "" && tls.Key != "":
		note("a private key needs its certificate; give both or neither", "websocket", "tls", "cert")
	}
}

func checkMail(mail Mail, r *report, note func(message string, path ...string)) {
	if r.under("mail") {
		return // what is missing may be what was wrong
	}
	switch {
	case mail.Host != "" && mail.From == "":
		note("mails need an address that they come from, such as no-reply@example.com; give it, or no mail.host", "mail", "from")
	case mail.Username == "" && mail.Password != "":
		note("a password needs the name that it belongs to; give both or neither", "mail", "username")
	}
}

// The fields of users that no event may carry or depend on, and the collections
// that hold nothing else.
var (
	secretFields      = []string{"password", "passwordTag", "registerKey", "email", "session", "sessions", "sessionId"}
	secretCollections = []string{"sessions", "keys", "users.counters", "users.outbox", "updates.subscriptions", "players.aliases", "players.tickets"}
)

func checkRules(rules []Rule, note func(message string, path ...string)) {
	first := make(map[int]int)
	for i, rule := range rules {
		at := []string{"events", "rules", strconv.Itoa(i)}
		noteAt := func(message string, path ...string) { note(message, slices.Concat(at, path)...) }
		if j, taken := first[rule.Number]; taken && rule.Number != 0 {
			noteAt(fmt.Sprintf("%d is already the number of events.rules[%d]", rule.Number, j), "number")
		} else {
			first[rule.Number] = i
		}
		if slices.Contains(secretCollections, rule.Collection) {
			noteAt(fmt.Sprintf("%s holds secrets; no rule may announce it", rule.Collection), "collection")
		}
		for path := range rule.Where {
			if err := checkDottedPath(path); err != nil {
				noteAt(err.Error(), "where", path)
			}
		}
		for name := range rule.Properties {
			if err := checkPropertyName(name); err != nil {
				noteAt(err.Error(), "properties", name)
			}
		}
		if rule.Collection == "users" {
			checkSecrets(rule, noteAt)
		}
	}
}

// checkSecrets finds the places of a rule on users that name a secret.
func checkSecrets(rule Rule, note func(message string, path ...string)) {
	refuse := func(named string, path ...string) {
		if field, _, _ := strings.Cut(named, "."); slices.Contains(secretFields, field) {
			note(fmt.Sprintf("users.%s never leaves the server; no rule may name it", field), path...)
		}
	}
	for i, field := range rule.Fields {
		refuse(field, "fields", strconv.Itoa(i))
	}
	for field := range rule.Where {
		refuse(field, "where", field)
	}
	for name, field := range rule.Properties {
		refuse(field, "properties", name)
	}
	refuse(rule.Username, "username")
}
