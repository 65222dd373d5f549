package socketio

import (
	"bytes"
	"testing"
)

// How many packets a second are read.
func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"event":  `42["message",{"name":"Somebody Else","world":"Here"},17]`[1:],
		"ack":    `2/updates,1234["message",{"name":"Somebody Else","world":"Here"},17]`,
		"binary": `52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := parse([]byte(text))
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := p.event(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}

// What an event costs before it goes anywhere.
func BenchmarkEncode(b *testing.B) {
	n := &Namespace{name: "/"}
	text := string(bytes.Repeat([]byte("x"), 128))
	b.ReportAllocs()
	for b.Loop() {
		v, err := NewValues(text)
		if err != nil {
			b.Fatal(err)
		}
		n.message("msg", v, -1)
	}
}
