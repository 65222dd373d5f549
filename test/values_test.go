package test

import (
	"strings"
	"testing"
)

// values are messages that a careless server changes: by way of floating point, of a map, of a document
// store's own meaning of a name, or of an encoder that escapes for HTML.
var values = map[string]string{
	"null":                    `null`,
	"true":                    `true`,
	"empty string":            `""`,
	"empty list":              `[]`,
	"empty object":            `{}`,
	"2^53 + 1":                `9007199254740993`,
	"2^64":                    `18446744073709551616`,
	"forty digits":            `1234567890123456789012345678901234567890`,
	"more than a float holds": `1e400`,
	"less than a float holds": `-1E-400`,
	"minus zero":              `-0`,
	"a trailing zero":         `1.0`,
	"many decimals":           `0.10000000000000000000000000000000000001`,
	"unicode":                 `"Привет, 世界, 😀, é, e\u0301"`,
	"surrogates escaped":      `"\ud83d\ude00"`,
	"a lone surrogate":        `"\ud800"`,
	"escapes":                 `"\"\\\/\b\f\n\r\t\u0000\u001f\u007f"`,
	"what HTML escapes":       `"<script>&amp;</script>\u2028\u2029"`,
	"line separators":         "\"\u2028\u2029\"",
	"key order":               `{"b":1,"a":2,"10":3,"9":4}`,
	"keys of a store":         `{"$set":{"a.b":1},"_id":"x","":0,"$date":"y","__proto__":null}`,
	"keys of a frame":         `{"eventType":4,"id":"forged","message":{"message":1},"broadcast":false}`,
	"nested":                  `[[],{"a":[{"b":[null,[true,{"c":{}}]]}]}]`,
	"a hundred deep":          strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100),
	"a hundred objects deep":  strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100),
	"a long string":           `"` + strings.Repeat("é", 32000) + `"`, // 64,000 of the 65,536 bytes allowed
	"a long list":             `[` + strings.Repeat(`0,`, 32000) + `1]`,
}

// A message arrives exactly as it was sent: in the event, in the reply to the sender alone, and in history.
func TestMessageArrivesExactlyAsSent(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)
	before := c.ask(echo(`"before"`)).ID

	var sent []string
	for name, value := range values {
		sent = append(sent, value)
		if got := c.ask(echo(value)); compact(t, got.Message) != value {
			t.Errorf("%s, as an event: sent %.200s, got %.300s", name, value, got.raw)
		}
		reply := c.ask(`{"eventType":10,"broadcast":false,"message":` + value + `}`)
		if compact(t, reply.Message) != value {
			t.Errorf("%s, as a reply: sent %.200s, got %.300s", name, value, reply.raw)
		}
	}

	late := connect(t, srv.ws+"/?since="+before)
	for _, value := range sent {
		if got := late.next(); compact(t, got.Message) != value {
			t.Errorf("in history: sent %.200s, got %.300s", value, got.raw)
		}
	}
}

// White space between tokens is allowed to go; that inside a string is not.
func TestMessageWithWhiteSpace(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	got := connect(t, srv.ws).ask(" \n{ \"eventType\" : 10 ,\t\"message\" : { \"a b\" : [ 1 , \" x  y \" ] } }\r\n ")
	if want := `{"a b":[1," x  y "]}`; compact(t, got.Message) != want {
		t.Errorf("want %s, got %s", want, got.raw)
	}
}
