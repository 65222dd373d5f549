package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// formats are the kinds of text that the schema names with `format`. Their
// errors are shown to people as they are; that of a secret must not quote it.
var formats = []jsonschema.Format{
	{Name: "re2", Validate: text(checkRE2)},
	{Name: "host", Validate: text(checkHost)},
	{Name: "ip-or-cidr", Validate: text(checkNetwork)},
	{Name: "mongodb-uri", Validate: text(checkMongoURI)},
	{Name: "http-url", Validate: text(checkHTTPURL)},
	{Name: "mail-address", Validate: text(checkMailAddress)},
	{Name: "dotted-path", Validate: text(checkDottedPath)},
}

// text makes the check of a text one of any value. What is no text is the
// business of the schema's `type`.
func text(check func(string) error) func(any) error {
	return func(v any) error {
		if s, ok := v.(string); ok {
			return check(s)
		}
		return nil
	}
}

func checkRE2(pattern string) error {
	// regexp.Compile fails exactly where this does, at a greater cost.
	_, err := syntax.Parse(pattern, syntax.Perl)
	var bad *syntax.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &bad):
		return err
	case strings.HasPrefix(bad.Expr, "(?") && bad.Code == syntax.ErrInvalidPerlOp:
		return fmt.Errorf("is not a pattern of RE2, which has no lookaround: %s", clip(bad.Expr))
	}
	return fmt.Errorf("is not a regular expression: %s: %s", bad.Code, clip(bad.Expr))
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$`)

func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil || host == "" || hostname.MatchString(host) {
		return nil
	}
	return fmt.Errorf("must be a name or an IP address without a port and without brackets; got %q", clip(host))
}

func checkNetwork(network string) error {
	if _, err := netip.ParseAddr(network); err == nil {
		return nil
	}
	if _, err := netip.ParsePrefix(network); err == nil {
		return nil
	}
	return fmt.Errorf(`must be an IP address or a network such as "10.0.0.0/8"; got %q`, clip(network))
}

func checkMongoURI(uri string) error {
	if strings.HasPrefix(uri, "mongodb://") || strings.HasPrefix(uri, "mongodb+srv://") {
		return nil
	}
	return errors.New("must begin with mongodb:// or mongodb+srv://")
}

// checkHTTPURL accepts what a path can be appended to.
func checkHTTPURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New("must be an absolute address such as https://users.example.com")
	case u.User != nil:
		return errors.New("must have no name and no password before the host; everybody who gets a mail sees it")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(address, "#"):
		return fmt.Errorf("must have nothing from the first ? or # on; got %q", clip(address))
	}
	return nil
}

func checkMailAddress(address string) error {
	if _, err := mail.ParseAddress(address); err != nil && address != "" {
		return fmt.Errorf("must be a mail address such as no-reply@example.com or Gatehouse <no-reply@example.com>; got %q", clip(address))
	}
	return nil
}

func checkDottedPath(path string) error {
	if slices.Contains(strings.Split(path, "."), "") || strings.ContainsAny(path, "$\x00") {
		return fmt.Errorf("must be the path of a field such as customer.name; got %q", clip(path))
	}
	return nil
}

// reserved are the properties that every event has of its own.
var reserved = []string{"eventType", "id", "time", "username"}

func checkPropertyName(name string) error {
	if name == "" || slices.Contains(reserved, name) {
		return fmt.Errorf("%q is no name for a property: it must not be empty, nor one of %s", name, strings.Join(reserved, ", "))
	}
	return nil
}
