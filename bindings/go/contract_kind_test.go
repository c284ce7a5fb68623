package larder

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// contractKind is a type of a case: in the library, or on servers that the file of LARDER_TEST_STORES names.
type contractKind struct {
	name     string
	settings object
	prefixed string // "database" or "table": the name that keeps a run apart from others, if any.
}

// contractNames are how a run's databases and tables are called on servers that other runs use too.
type contractNames struct {
	prefixed string
	prefix   string
}

// contractServers is how server types are reached, nil when nothing says it.
func contractServers(t *testing.T) object {
	path := os.Getenv("LARDER_TEST_STORES")
	if path == "" {
		fmt.Println("left out what needs servers: LARDER_TEST_STORES is not set")
		return nil
	}
	text, err := os.ReadFile(path)
	must(t, err)
	var servers object
	must(t, json.Unmarshal(text, &servers))
	return servers
}

// kindsOfCase are the types that a case is run for: those that it names, and the variants of each that it does not except.
// Those that need servers are left out where there are none.
func kindsOfCase(described, servers object) ([]contractKind, error) {
	excepted := map[string]bool{}
	exceptions, _ := described["except"].(object)
	for _, variants := range exceptions {
		for _, variant := range variants.([]any) {
			excepted[variant.(string)] = true
		}
	}
	var kinds []contractKind
	for _, item := range described["types"].([]any) {
		name := item.(string)
		kind, has, err := findKind(name, servers)
		if err != nil {
			return nil, err
		}
		if has {
			kinds = append(kinds, kind)
		}
		for _, variant := range variantsOf(name, servers) {
			if excepted[variant] {
				delete(excepted, variant)
				continue
			}
			kind, _, err := findKind(variant, servers)
			if err != nil {
				return nil, err
			}
			kinds = append(kinds, kind)
		}
	}
	if servers != nil && len(excepted) > 0 {
		return nil, fmt.Errorf("no variants of the case's types are excepted: %v", excepted)
	}
	return kinds, nil
}

// variantsOf are the types that say of themselves that they are variants of one.
func variantsOf(name string, servers object) []string {
	var variants []string
	for variant, entry := range servers {
		if entry.(object)["variant_of"] == name {
			variants = append(variants, variant)
		}
	}
	slices.Sort(variants)
	return variants
}

// findKind says whether the type can be run; it fails for one that nothing knows although servers do run.
func findKind(name string, servers object) (contractKind, bool, error) {
	switch name {
	case "memory", "fault", "noop":
		return contractKind{name: name, settings: object{"type": name}}, true, nil
	}
	if servers == nil {
		return contractKind{}, false, nil
	}
	entry, has := servers[name].(object)
	if !has {
		return contractKind{}, false, fmt.Errorf("there is no type %q", name)
	}
	return contractKind{name, entry["settings"].(object), entry["prefixed"].(string)}, true, nil
}

// section is the store's section in the configuration of one run, with the case's settings over the type's.
func (k contractKind) section(settings object) (object, contractNames) {
	section := maps.Clone(k.settings)
	maps.Copy(section, settings)
	if k.prefixed == "" {
		return section, contractNames{}
	}
	names := contractNames{k.prefixed, fmt.Sprintf("c%012x-", rand.Int64N(1<<48))}
	given, _ := section[k.prefixed].(string)
	section[k.prefixed] = names.name(k.prefixed, given)
	return section, names
}

// name is how a database or table that the case names is called.
func (n contractNames) name(field, given string) string {
	if field == n.prefixed {
		return n.prefix + given
	}
	return given
}
