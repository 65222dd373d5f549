package realtime

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/mr-tron/base58"

	"gatehouse/users/resources"
)

// vector is that of the protocol's description.
const vector = "zvtwh2Pc4738C3hkLXwcLbY3LnsqYfMmKG2NWiWNE9yL8xVwQhcLFKCzzne1fqbf"

func TestUnpack(t *testing.T) {
	t.Parallel()
	project := map[string]string{"x-m2-organization": "testOrg", "x-m2-project": "testProj"}
	if got, err := unpack(vector); err != nil || !maps.Equal(got, project) {
		t.Errorf("the example is %v, %v", got, err)
	}
	for lines, want := range map[string]map[string]string{
		"x-m2-organization:testOrg\nx-m2-project:testProj":            project,
		"x-m2-organization:testOrg x-m2-project:testProj":             project,
		"  X-M2-Organization : testOrg  X-M2-PROJECT:\ttestProj \r\n": project,
		"x-m2-organization:testOrg\r\n\r\nx-m2-project:testProj\r\n":  project,
		"authorization:Bearer a b x-m2-world:w 1":                     {"authorization": "Bearer a b", "x-m2-world": "w 1"},
		"a:b:c":                       {"a": "b:c"},
		"a:":                          {"a": ""},
		"a:1\nA:2":                    {"a": "1"},
		"a:İ x-m2-world:ü":            {"a": "İ", "x-m2-world": "ü"},
		"":                            nil,
		"\n \n":                       nil,
		"testOrg":                     nil,
		":testOrg":                    nil,
		"a:1\ntestOrg":                nil,
		"a:1\x00":                     nil,
		"a\x7f:1":                     nil,
		"a:\xff":                      nil,
		"a:1\r2":                      nil,
		"a x-m2-world:w":              nil,
		strings.Repeat("a:b\n", 1000): nil, // too long
	} {
		got, err := unpack(base58.Encode([]byte(lines)))
		if (err != nil) != (want == nil) || !maps.Equal(got, want) {
			t.Errorf("%.60q is %v, %v, want %v", lines, got, err, want)
		}
	}
	for _, p := range []string{"", "0", "O", "I", "l", "+", vector + "0", "ü"} {
		if got, err := unpack(p); err == nil {
			t.Errorf("%q is %v", p, got)
		}
	}
}

func TestReadHeaders(t *testing.T) {
	t.Parallel()
	pack := func(lines string) string { return base58.Encode([]byte(lines)) }
	for name, c := range map[string]struct {
		offered  []string
		real     map[string]string
		protocol string // "": none
		place    string // organization, project, world, launch context; "": an error
	}{
		"in a subprotocol":       {[]string{vector}, nil, vector, "testOrg testProj  "},
		"in a list":              {[]string{"0, " + vector + " ,graphql-ws"}, nil, vector, "testOrg testProj  "},
		"in a second header":     {[]string{"0", "", vector}, nil, vector, "testOrg testProj  "},
		"real":                   {nil, map[string]string{"X-M2-Organization": "o", "x-m2-world-id": "w"}, "", "o  w "},
		"real by another name":   {[]string{vector}, map[string]string{"X-M2-Project-Id": "p"}, vector, "testOrg p  "},
		"both":                   {[]string{vector}, map[string]string{"X-M2-Organization": "o"}, vector, "o testProj  "},
		"real but empty":         {[]string{vector}, map[string]string{"X-M2-Organization": " "}, vector, "testOrg testProj  "},
		"the other spelling":     {[]string{pack("x-m2-organization-id:o\nx-m2-project-id:p\nx-m2-world-id:w\nx-m2-launch-context-id:l")}, nil, pack("x-m2-organization-id:o\nx-m2-project-id:p\nx-m2-world-id:w\nx-m2-launch-context-id:l"), "o p w l"},
		"none that is one":       {[]string{"graphql-ws"}, map[string]string{"X-M2-Organization": "o"}, "", ""},
		"nothing":                {nil, nil, "", ""},
		"no organization":        {[]string{pack("x-m2-project:p")}, nil, pack("x-m2-project:p"), ""},
		"a name that is no name": {nil, map[string]string{"X-M2-Organization": strings.Repeat("o", 129)}, "", ""},
	} {
		r := &http.Request{Header: http.Header{"Sec-Websocket-Protocol": c.offered}}
		for k, v := range c.real {
			r.Header.Set(k, v)
		}
		h, err := ReadHeaders(r)
		var at resources.Place
		if err == nil {
			at, err = h.Place()
		}
		got := strings.Join([]string{at[resources.Organization], at[resources.Project], at[resources.World], at[resources.LaunchContext]}, " ")
		if err != nil {
			got = ""
		}
		if got != c.place || h.Protocol != c.protocol {
			t.Errorf("%s: %q by %q, %v; want %q by %q", name, got, h.Protocol, err, c.place, c.protocol)
		}
	}
}

// Whatever is offered, reading it ends, and what can be read is headers.
func FuzzUnpack(f *testing.F) {
	f.Add(vector)
	f.Add(base58.Encode([]byte("authorization:Bearer a b x-m2-world:w\r\nX-M2-PROJECT:p")))
	f.Add("0OIl")
	f.Fuzz(func(t *testing.T, protocol string) {
		headers, err := unpack(protocol)
		if err == nil && len(headers) == 0 {
			t.Errorf("%q is no headers, and no error", protocol)
		}
		for k, v := range headers {
			if k == "" || strings.ToLower(k) != k || strings.ContainsAny(k+v, "\n\r\x00") || strings.TrimSpace(v) != v {
				t.Errorf("%q: %q is %q", protocol, k, v)
			}
		}
		// What was decoded as lines can be decoded again.
		if b, err := base58.Decode(protocol); err == nil && len(b) > 0 {
			_, _ = unpack(base58.Encode(b))
		}
	})
}

// The same for what is packed in it, which a random base58 hardly reaches.
func FuzzUnpackLines(f *testing.F) {
	f.Add("x-m2-organization:testOrg\nx-m2-project:testProj")
	f.Add("authorization:Bearer a b X-M2-world:w\r\n")
	f.Fuzz(func(t *testing.T, lines string) {
		headers, err := unpack(base58.Encode([]byte(lines)))
		for k, v := range headers {
			if err != nil || !strings.Contains(strings.ToLower(lines), k) || !strings.Contains(lines, v) {
				t.Errorf("%q: %q is %q", lines, k, v)
			}
		}
	})
}
