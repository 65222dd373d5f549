package gate_test

import (
	"fmt"

	"gatehouse/server/gate"
)

func Example() {
	g, err := gate.New([]string{`^localhost$`, `^example\.com$`})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.Judge([]string{"https://example.com"}, gate.RejectMissing))
	fmt.Println(g.Judge([]string{"https://evil.example"}, gate.RejectMissing))
	fmt.Println(g.Judge(nil, gate.RejectMissing))
	// Output:
	// https://example.com is approved by "^example\\.com$" (pattern 2), which matches its host "example.com"
	// https://evil.example is not approved: no pattern matches it as sent, its host and port "evil.example:443" or its host "evil.example"
	// no Origin was sent, and one is needed here
}

func ExampleForms() {
	for _, f := range gate.Forms("https://Example.com") {
		fmt.Printf("%s: %s\n", f.Form, f.Text)
	}
	// Output:
	// as sent: https://Example.com
	// host and port: example.com:443
	// host: example.com
}

func ExampleGate_Lint() {
	g, err := gate.New([]string{`^example\.com$`, `localhost`, `^www.example.com$`})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range g.Lint() {
		fmt.Printf("%d: %v\n", w.Index, w)
	}
	// Output:
	// 1: "localhost" also approves http://localhost.evil.example; anchor it: ^localhost$
	// 2: "^www.example.com$" also approves https://wwwxexample.com, as a bare dot stands for any character; escape it: "^www\\.example\\.com$"
}

func ExampleNew() {
	_, err := gate.New([]string{`^example\.com$`, `[a-z`})
	fmt.Println(err)
	// Output:
	// pattern 2, "[a-z", is not a regular expression: error parsing regexp: missing closing ]: `[a-z`
}
