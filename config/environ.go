package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	prefix     = "GATEHOUSE_"
	fileSuffix = "_FILE"
)

// variable is one entry of the environment.
type variable struct{ name, value string }

// readEnviron makes a piece of every variable that gives a value, a section
// before the keys in it, so that the more particular one prevails.
func readEnviron(environ []string, r *report) []*piece {
	keys := variables()
	givenBy := make(map[string]string)
	var pieces []*piece
	for _, v := range ours(environ) {
		name, given := strings.ToUpper(v.name), printable(v.name)
		path, known := keys[name]
		base, inFile := strings.CutSuffix(name, fileSuffix)
		if inFile = inFile && !known; inFile {
			path, known = keys[base]
		}
		if !known {
			r.add(fromEnvironment, given, unknownKey(name), "unknown variable"+variableSuggestion(name, keys))
			continue
		}
		key := strings.Join(path, ".")
		if other := givenBy[key]; other != "" {
			r.add(fromEnvironment, given, key, "given twice, by "+other+" too; keep one")
			continue
		}
		givenBy[key] = given
		value := v.value
		if inFile {
			var err error
			if value, err = readValue(v.value, secret(path)); err != nil {
				r.add(fromEnvironment, given, key, err.Error())
				continue
			}
		}
		if p := newPiece(fromEnvironment, given, path, toJSON(value, path), r); p != nil {
			pieces = append(pieces, p)
		}
	}
	return pieces
}

// ours are the variables that are meant for the configuration, by name. Of two
// with the very same name the last counts, as it does for a process.
func ours(environ []string) []variable {
	last := make(map[string]string)
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			last[name] = value
		}
	}
	var all []variable
	for name, value := range last {
		upper := strings.ToUpper(name)
		switch {
		case !strings.HasPrefix(upper, prefix):
		case upper == prefix+"CONFIG": // names the file; the command line reads it
		case strings.HasPrefix(upper, prefix+"TEST_"):
		case isServiceLink(upper, value):
		default:
			all = append(all, variable{name, value})
		}
	}
	slices.SortFunc(all, func(a, b variable) int {
		return cmp.Or(cmp.Compare(strings.ToUpper(a.name), strings.ToUpper(b.name)), cmp.Compare(a.name, b.name))
	})
	return all
}

// Kubernetes puts such variables into every container beside a Service called
// gatehouse or gatehouse-something. Nobody wrote them, so they are no mistake.
var (
	serviceLink    = regexp.MustCompile(`^GATEHOUSE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	serviceURLLink = regexp.MustCompile(`^GATEHOUSE_([A-Z0-9_]+_)?PORT$`)
	serviceURL     = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) || serviceURLLink.MatchString(name) && serviceURL.MatchString(value)
}

// variables are the paths of all keys and sections by the name of their
// variable. The short forms of the file have none.
func variables() map[string][]string {
	all := make(map[string][]string)
	defaults := Default()
	for _, l := range leaves(&defaults) {
		path := strings.Split(l.key, ".")
		for n := 1; n <= len(path); n++ {
			all[variableName(path[:n])] = path[:n]
		}
	}
	return all
}

func variableName(path []string) string {
	return prefix + strings.ToUpper(strings.Join(path, "__"))
}

// unknownKey is the key path that an unknown variable seems to speak of.
func unknownKey(name string) string {
	key := ""
	for step := range strings.SplitSeq(strings.ToLower(strings.TrimPrefix(name, prefix)), "__") {
		key = join(key, step)
	}
	return key
}

func variableSuggestion(name string, keys map[string][]string) string {
	short := strings.TrimPrefix(name, prefix)
	var names, same []string
	for candidate, path := range keys {
		if path[len(path)-1] == strings.ToLower(short) {
			same = append(same, candidate)
		}
		names = append(names, strings.TrimPrefix(candidate, prefix))
	}
	slices.Sort(same)
	for _, candidate := range same { // of several, the one that has a short form in the file is meant
		if len(same) == 1 || slices.Contains(shortForms, strings.ToLower(short)) && keys[candidate][0] == "websocket" {
			return "; did you mean " + candidate + "?"
		}
	}
	if len(same) > 0 {
		return "; did you mean " + strings.Join(same, " or ") + "?"
	}
	if found := nearest(short, names); found != "" {
		return "; did you mean " + prefix + found + "?"
	}
	return ""
}

// readValue is the content of a file that holds one value. One newline at its
// end, as editors leave it, is not part of the value.
func readValue(path string, secret bool) (string, error) {
	if secret && strings.Contains(path, "://") {
		// Not shown: it will be the secret itself.
		return "", fmt.Errorf("holds a value; %s names a file that holds it", fileSuffix)
	}
	content, err := readBounded(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the file %q: %w", path, err)
	}
	value := strings.TrimSuffix(string(content), "\n")
	return strings.TrimSuffix(value, "\r"), nil
}
