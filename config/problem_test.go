package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each file has exactly one problem: its key, and a part of its message.
func TestProblemsOfTheFile(t *testing.T) {
	rule := func(more string) string {
		return fmt.Sprintf(`{"events": {"rules": [{"number": 1000, "name": "a", "collection": "c", "operation": "any"}, {%s}]}}`, more)
	}
	const good = `"name": "b", "collection": "users", "operation": "update"`
	for name, c := range map[string]struct{ file, key, message string }{
		"empty":           {"", "", "is empty"},
		"white":           {" \n", "", "is empty"},
		"comment only":    {"// x\n", "", "ends too early"},
		"byte order mark": {"\xef\xbb\xbf{}", "", "byte order mark"},
		"not UTF-8":       {"{\"store\":\xff}", "", "UTF-8"},
		"unclosed":        {`{"store": {`, "", "ends too early"},
		"single escapes":  {`{"approvedSocketDomains": ["\.com"]}`, "", "doubled"},
		"no comma":        {`{"store": {} "log": {}}`, "", "after object value"},
		"no braces":       {`"websocket": {}`, "", "braces"},
		"brackets":        {strings.Repeat("[", 200_000), "", "brackets"},
		"list":            {`[]`, "", "must be a section { … }; got a list"},
		"null":            {`null`, "", "must be a section"},

		"unknown":           {`{"sotre": {}}`, "sotre", "did you mean store?"},
		"unknown section":   {`{"drainSeconds": 1}`, "drainSeconds", "did you mean websocket.drainSeconds?"},
		"unknown in list":   {rule(`"number": 1001, "x": 1, ` + good), "events.rules[1].x", "unknown key"},
		"other case":        {`{"websocket": {"Port": 1}}`, "websocket.Port", "did you mean port?"},
		"twice":             {`{"log": {"level": "info", "level": "warn"}}`, "log.level", "given twice"},
		"both forms":        {`{"port": 1, "websocket": {"port": 1}}`, "port", "short form of websocket.port"},
		"null value":        {`{"store": {"path": null}}`, "store.path", "must be text; got null"},
		"text for number":   {`{"websocket": {"port": "8080"}}`, "websocket.port", `whole number; got the text "8080"`},
		"short form type":   {`{"port": "8080"}`, "port", "whole number"},
		"fraction":          {`{"websocket": {"port": 80.5}}`, "websocket.port", "whole number; got 80.5"},
		"number for text":   {`{"log": {"level": 1}}`, "log.level", "must be text; got 1"},
		"text for section":  {`{"log": "info"}`, "log", "must be a section"},
		"number in list":    {`{"approvedSocketDomains": ["^a$", 1]}`, "approvedSocketDomains[1]", "must be text"},
		"too large a float": {`{"websocket": {"pingSeconds": 1e999}}`, "websocket.pingSeconds", "too large"},
		"not a number":      {`{"websocket": {"pingSeconds": NaN}}`, "", "not a value"},

		"port":          {`{"websocket": {"port": 65536}}`, "websocket.port", "at most 65535; got 65536"},
		"huge port":     {`{"websocket": {"port": 99999999999999999999}}`, "websocket.port", "at most 65535"},
		"host":          {`{"websocket": {"host": "a:80"}}`, "websocket.host", "without a port"},
		"pattern":       {`{"websocket": {"approvedSocketDomains": ["a", "b", "("]}}`, "websocket.approvedSocketDomains[2]", "regular expression"},
		"lookaround":    {`{"websocket": {"approvedSocketDomains": ["(?!a)"]}}`, "websocket.approvedSocketDomains[0]", "RE2"},
		"empty pattern": {`{"websocket": {"approvedSocketDomains": [""]}}`, "websocket.approvedSocketDomains[0]", "empty"},
		"origin":        {`{"websocket": {"missingOrigin": "maybe"}}`, "websocket.missingOrigin", `"reject", "allow"`},
		"scope":         {`{"websocket": {"publishScope": "write"}}`, "websocket.publishScope", "must match"},
		"message":       {`{"websocket": {"maxMessageBytes": 8388609}}`, "websocket.maxMessageBytes", "at most 8388608"},
		"queue":         {`{"websocket": {"queueBytes": 4095}}`, "websocket.queueBytes", "at least 4096"},
		"ping":          {`{"websocket": {"pingSeconds": -0.1}}`, "websocket.pingSeconds", "at least 0"},
		"proxy":         {`{"websocket": {"trustedProxies": ["::1", "10.0.0.0/33"]}}`, "websocket.trustedProxies[1]", "10.0.0.0/8"},
		"tls cert":      {`{"websocket": {"tls": {"cert": "a"}}}`, "websocket.tls.key", "both or neither"},
		"tls key":       {`{"websocket": {"tls": {"key": "a"}}}`, "websocket.tls.cert", "both or neither"},
		"prefix":        {`{"mongodb": {"collectionPrefix": "a$"}}`, "mongodb.collectionPrefix", "must match"},
		"outage":        {`{"mongodb": {"outageHours": -1}}`, "mongodb.outageHours", "at least 0"},
		"history lost":  {`{"events": {"historyLost": "ignore"}}`, "events.historyLost", "continue"},
		"other store":   {`{"store": {"kind": "sqlite"}}`, "store.kind", `must be one of "embedded", "mongodb"`},
		"no path":       {`{"store": {"path": ""}}`, "store.path", "empty"},
		"history":       {`{"store": {"history": {"hours": 0}}}`, "store.history.hours", "more than 0"},
		"database":      {`{"mongodb": {"database": "a.b"}}`, "mongodb.database", "must match"},

		"url, relative":    {`{"users": {"url": "users.example.com/"}}`, "users.url", "absolute"},
		"url, scheme":      {`{"users": {"url": "ftp://example.com"}}`, "users.url", "absolute"},
		"url, no host":     {`{"users": {"url": "https://:80"}}`, "users.url", "absolute"},
		"url, query":       {`{"users": {"url": "https://example.com/?a=b"}}`, "users.url", "?"},
		"url, empty query": {`{"users": {"url": "https://example.com?"}}`, "users.url", "?"},
		"url, fragment":    {`{"users": {"url": "https://example.com/#"}}`, "users.url", "#"},
		"url, password":    {`{"users": {"url": "https://a:b@example.com"}}`, "users.url", "no password"},
		"bcrypt, low":      {`{"users": {"bcryptCost": 3}}`, "users.bcryptCost", "at least 4"},
		"bcrypt, high":     {`{"users": {"bcryptCost": 15}}`, "users.bcryptCost", "at most 14"},
		"key hours":        {`{"users": {"keyHours": 0}}`, "users.keyHours", "more than 0"},
		"reset minutes":    {`{"users": {"resetMinutes": 10080.5}}`, "users.resetMinutes", "at most 10080"},
		"registrations":    {`{"users": {"registrationsPerHour": -1}}`, "users.registrationsPerHour", "at least 0"},
		"failed logins":    {`{"users": {"failedLogins": 1001}}`, "users.failedLogins", "at most 1000"},

		"mail host":       {`{"mail": {"host": "smtp.example.com:25", "from": "a@b"}}`, "mail.host", "without a port"},
		"mail port":       {`{"mail": {"port": 0}}`, "mail.port", "at least 1"},
		"mail from":       {`{"mail": {"from": "nobody"}}`, "mail.from", "no-reply@example.com"},
		"mail, no from":   {`{"mail": {"host": "smtp.example.com"}}`, "mail.from", "need an address"},
		"mail tls":        {`{"mail": {"tls": "ssl"}}`, "mail.tls", `"starttls", "tls", "none"`},
		"mail, one wrong": {`{"mail": {"host": "smtp.example.com", "port": "25"}}`, "mail.port", "whole number"},
		"mail password":   {`{"mail": {"password": "x"}}`, "mail.username", "both or neither"},

		"rule number":        {rule(`"number": 999, ` + good), "events.rules[1].number", "at least 1000"},
		"rule number twice":  {rule(`"number": 1000, ` + good), "events.rules[1].number", "events.rules[0]"},
		"rule without":       {rule(good), "events.rules[1].number", "missing"},
		"rule operation":     {rule(`"number": 1001, "name": "a", "collection": "c", "operation": "upsert"`), "events.rules[1].operation", `"insert"`},
		"rule collection":    {rule(`"number": 1001, "name": "a", "collection": "", "operation": "any"`), "events.rules[1].collection", "empty"},
		"rule of keys":       {rule(`"number": 1001, "name": "a", "collection": "keys", "operation": "any"`), "events.rules[1].collection", "secrets"},
		"rule name":          {rule(`"number": 1001, "name": "A b", "collection": "c", "operation": "any"`), "events.rules[1].name", "must match"},
		"rule password":      {rule(`"number": 1001, "properties": {"p": "password"}, ` + good), "events.rules[1].properties.p", "never leaves"},
		"rule register key":  {rule(`"number": 1001, "where": {"registerKey": ""}, ` + good), "events.rules[1].where.registerKey", "never leaves"},
		"rule email":         {rule(`"number": 1001, "fields": ["meta", "email"], ` + good), "events.rules[1].fields[1]", "never leaves"},
		"rule session":       {rule(`"number": 1001, "username": "session.id", ` + good), "events.rules[1].username", "never leaves"},
		"rule path":          {rule(`"number": 1001, "fields": ["a..b"], ` + good), "events.rules[1].fields[0]", "path of a field"},
		"rule where path":    {rule(`"number": 1001, "where": {"$or": 1}, ` + good), "events.rules[1].where.$or", "path of a field"},
		"rule where value":   {rule(`"number": 1001, "where": {"a": null}, ` + good), "events.rules[1].where.a", "true or false"},
		"rule property name": {rule(`"number": 1001, "properties": {"id": "a"}, ` + good), "events.rules[1].properties.id", "no name for a property"},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, Source{Path: write(t, c.file)})
			if len(got) != 1 || got[0].Key != c.key || !strings.Contains(got[0].Message, c.message) {
				t.Errorf("got %q, want one problem of key %q with %q", got, c.key, c.message)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	for file, want := range map[string]string{
		"{\n  \"é\": 1}":                              ":2:3",
		"{\n\n  /* é */ \"log\": {\"level\": 1}}":     ":3:19",
		"{\"a\": \n[1,\n 2 3]}":                       ":3:4",
		"{\"approvedSocketDomains\": [\n\"a\", \"(\"": ":2:9",
		"{\"approvedSocketDomains\": [\n\"(\",\n]}":   ":2:1",
		"{\n\"log\":\n \"é\xff\"}":                    ":3:4",
	} {
		path := write(t, file)
		if got := problems(t, Source{Path: path})[0].Place; got != path+want {
			t.Errorf("%q: at %s, want %s", file, strings.TrimPrefix(got, path), want)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	folder := t.TempDir()
	socket := filepath.Join(folder, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	large := write(t, strings.Repeat(" ", maxFileBytes)+"{}")
	for path, want := range map[string]string{
		filepath.Join(folder, "none.json"): "no such file; name another with --config",
		folder:                             "a folder",
		socket:                             "not a regular file",
		large:                              "more than 1048576 bytes",
		"nul\x00":                          "cannot be read",
	} {
		got := problems(t, Source{Path: path})
		if len(got) != 1 || got[0].Place != path || !strings.Contains(got[0].Message, want) {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestDeepNesting(t *testing.T) {
	for _, depth := range []int{40, maxBrackets} {
		file := `{"x": ` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
		_, err := Source{Path: write(t, file)}.Load()
		if err == nil || !strings.Contains(err.Error(), "nested more than 32 deep") {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	for name, file := range map[string]string{
		"unknown":    "{" + manyMembers(5_000, func(i int) string { return fmt.Sprintf(`"k%d":1`, i) }) + "}",
		"twice":      "{" + manyMembers(20_000, func(int) string { return `"port":1` }) + "}",
		"wrong type": `{"approvedSocketDomains": [` + manyMembers(20_000, func(int) string { return "1" }) + "]}",
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, Source{Path: write(t, file)})
			if last := got[len(got)-1].Message; len(got) != maxProblems+1 || !strings.HasPrefix(last, "and ") {
				t.Errorf("%d problems, the last %q", len(got), last)
			}
		})
	}
}

func manyMembers(n int, member func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = member(i)
	}
	return strings.Join(all, ",")
}

func TestSecretsAreNotShown(t *testing.T) {
	const secret = "s3cret"
	file := filepath.Join(t.TempDir(), "uri")
	overwrite(t, file, "postgres://u:"+secret+"@h")
	for name, s := range map[string]Source{
		"file":            {Path: write(t, `{"mongodb": {"uri": "postgres://u:`+secret+`@h"}}`)},
		"file, escape":    {Path: write(t, `{"mongodb": {"uri": "mongodb://u:`+secret+`\p@h"}}`)},
		"file, unclosed":  {Path: write(t, `{"mongodb": {"uri": "mongodb://u:`+secret)},
		"file, section":   {Path: write(t, `{"mongodb": "mongodb://u:`+secret+`@h"}`)},
		"file, list":      {Path: write(t, `{"mongodb": {"uri": ["`+secret+`"]}}`)},
		"variable":        {Environ: []string{"GATEHOUSE_MONGODB__URI=" + secret}},
		"section":         {Environ: []string{"GATEHOUSE_MONGODB=mongodb://u:" + secret + "@h"}},
		"section, broken": {Environ: []string{`GATEHOUSE_MONGODB={"uri": "` + secret + `\p"}`}},
		"value as file":   {Environ: []string{"GATEHOUSE_MONGODB__URI_FILE=mongodb://u:" + secret + "@h"}},
		"content":         {Environ: []string{"GATEHOUSE_MONGODB__URI_FILE=" + file}},
		"flag":            {Flags: map[string]any{"mongodb.uri": secret}},
		"mail, file":      {Path: write(t, `{"mail": {"password": ["`+secret+`"]}}`)},
		"mail, section":   {Path: write(t, `{"mail": "`+secret+`"}`)},
		"mail, variable":  {Environ: []string{"GATEHOUSE_MAIL__PASSWORD=" + secret}},
		"mail, content":   {Environ: []string{"GATEHOUSE_MAIL__PASSWORD_FILE=" + file}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Load()
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want an error without the secret", err)
			}
		})
	}
}

func TestErrorIsForPeople(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := Source{Path: path, Environ: []string{"GATEHOUSE_X=1"}}.Load()
	want := "the configuration has 2 problems:\n" +
		"  " + path + ": there is no such file; name another with --config\n" +
		"  GATEHOUSE_X: x: unknown variable"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Load made the file")
	}
}
