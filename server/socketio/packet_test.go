package socketio

import (
	"bytes"
	"testing"
)

func TestPackets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]packet{
		"0":                          {kind: typeConnect, namespace: "/", id: -1},
		`0{"a":1}`:                   {kind: typeConnect, namespace: "/", id: -1, data: []byte(`{"a":1}`)},
		"0/admin":                    {kind: typeConnect, namespace: "/admin", id: -1},
		"0/admin?a=b,":               {kind: typeConnect, namespace: "/admin", id: -1},
		`0/admin,{}`:                 {kind: typeConnect, namespace: "/admin", id: -1, data: []byte(`{}`)},
		"1/admin,":                   {kind: typeDisconnect, namespace: "/admin", id: -1},
		`2["a"]`:                     {kind: typeEvent, namespace: "/", id: -1, data: []byte(`["a"]`)},
		`2/admin,456["a",{}]`:        {kind: typeEvent, namespace: "/admin", id: 456, data: []byte(`["a",{}]`)},
		`30[]`:                       {kind: typeAck, namespace: "/", id: 0, data: []byte(`[]`)},
		`4{"message":"x"}`:           {kind: typeConnectError, namespace: "/", id: -1, data: []byte(`{"message":"x"}`)},
		`52-/admin,7["a",1]`:         {kind: typeBinaryEvent, namespace: "/admin", id: 7, attachments: 2, data: []byte(`["a",1]`)},
		`61-9007199254740991["a",1]`: {kind: typeBinaryAck, namespace: "/", id: maxID, attachments: 1, data: []byte(`["a",1]`)},
	} {
		p, err := parse([]byte(text))
		if err != nil || p.kind != want.kind || p.namespace != want.namespace || p.id != want.id || p.attachments != want.attachments || !bytes.Equal(p.data, want.data) {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	for _, text := range []string{
		"", "7", "a", "2", `2{}`, `2"a"`, `2[`, `2["a"]x`, `0[]`, `0"x"`, `1{}`, `3["a"]`, `4`, `4[]`, `5["a"]`, `50-["a"]`, `5-1-["a"]`, `599999-["a"]`,
		`29007199254740992["a"]`, `2-1["a"]`, `2/a["x"]`, "2[\"\xff",
	} {
		if p, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: %+v", text, p)
		}
	}
}

// What was read can be written, and is the same when it is read again.
func FuzzPacket(f *testing.F) {
	for _, seed := range []string{"0", `0/a,{"b":1}`, `2["a"]`, `51-/x,12["a",{"_placeholder":true,"num":0}]`, `3/a,5[1]`, "1", `4"x"`, "0/a?b=c,"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parse(text)
		if err != nil {
			return
		}
		again, err := parse(p.text())
		if err != nil || again.kind != p.kind || again.namespace != p.namespace || again.id != p.id || again.attachments != p.attachments || !bytes.Equal(again.data, p.data) {
			t.Fatalf("%q: %+v, then %q: %+v, %v", text, p, p.text(), again, err)
		}
		if p.kind == typeEvent || p.kind == typeBinaryEvent {
			fits := placed(p.data, p.attachments)
			if name, args, err := p.event(); err == nil {
				v := Values{Args: args, Attachments: make([][]byte, p.attachments)}
				for i, arg := range args {
					if _, ok := v.Binary(i); !ok && fits && p.attachments > 0 && bytes.HasPrefix(arg, []byte(`{"_placeholder":true,"num":0}`)) {
						t.Fatalf("%q: the attachment of %s is not found", text, arg)
					}
				}
				if list := v.list(name); len(list) < 2 {
					t.Fatalf("%q", list)
				}
			}
		}
	})
}

func TestValues(t *testing.T) {
	t.Parallel()
	v, err := NewValues(1, []byte{7}, map[string]any{"a": nil}, []byte{8, 9})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(v.list("x")); got != `["x",1,{"_placeholder":true,"num":0},{"a":null},{"_placeholder":true,"num":1}]` {
		t.Error(got)
	}
	if got := string(v.list("")); got != `[1,{"_placeholder":true,"num":0},{"a":null},{"_placeholder":true,"num":1}]` {
		t.Error(got)
	}
	for i, want := range [][]byte{nil, {7}, nil, {8, 9}, nil} {
		if got, ok := v.Binary(i); !bytes.Equal(got, want) || ok != (want != nil) {
			t.Errorf("%d: %v, %t", i, got, ok)
		}
	}
	if _, err := NewValues(func() {}); err == nil {
		t.Error("a function is no value")
	}
}
