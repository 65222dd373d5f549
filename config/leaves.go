package config

import "reflect"

// leaf is one key of the configuration that is not a section, with its value.
type leaf struct {
	key   string // such as websocket.tls.cert
	live  bool   // a running server takes it over without a restart
	value reflect.Value
}

// leaves are the keys of a configuration in the order of their declaration.
func leaves(c *Config) []leaf {
	return appendLeaves(nil, "", reflect.ValueOf(c).Elem())
}

func appendLeaves(all []leaf, prefix string, section reflect.Value) []leaf {
	for i := range section.NumField() {
		field, value := section.Type().Field(i), section.Field(i)
		key := prefix + field.Tag.Get("json")
		if value.Kind() == reflect.Struct {
			all = appendLeaves(all, key+".", value)
			continue
		}
		all = append(all, leaf{key, field.Tag.Get("reload") == "live", value})
	}
	return all
}

// RestartOnly lists the keys that differ between two configurations and take
// effect at a restart only, in the order of their declaration. It is empty
// where a running server can take over every difference.
func RestartOnly(old, new *Config) []string {
	var keys []string
	before, after := leaves(old), leaves(new)
	for i, l := range before {
		if !l.live && !equal(l.value, after[i].value) {
			keys = append(keys, l.key)
		}
	}
	return keys
}

// equal compares two values of a key. A list that is absent is an empty one.
func equal(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
