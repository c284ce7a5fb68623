package larder

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestAServiceIsConfiguredByTheVariablesOfItsProduct(t *testing.T) {
	t.Setenv("OCIS_CACHE_STORE", "memory")
	t.Setenv("GRAPH_CACHE_STORE_DATABASE", "roles")
	larder, store := openStore(t, Env("ocis", "GRAPH_CACHE"))
	_, err := store.Put(context.Background(), []byte("key"), []byte("value"), nil)
	must(t, err)
	about, err := larder.Describe()
	must(t, err)
	if !strings.Contains(string(about), `"roles"`) {
		t.Errorf("it is not on the database that the variable says: %s", about)
	}
	t.Setenv("OCIS_CACHE_STORE", "memroy")
	_, err = Open(context.Background(), Env("ocis", "GRAPH_CACHE"))
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "OCIS_CACHE_STORE") {
		t.Errorf("the error does not name the variable: %v", err)
	}
}

func TestAllStoresThatVariablesNameAreOpenedTogether(t *testing.T) {
	t.Setenv("LARDER_STORE", "memory")
	t.Setenv("LARDER_SESSIONS_STORE_MAX_ENTRIES", "10")
	t.Setenv("LARDER_OFF_STORE", "noop")
	larder, err := Open(context.Background(), Env("larder", ""))
	must(t, err)
	defer larder.Close()
	for _, name := range []string{"SESSIONS", "OFF"} {
		if _, err := larder.Store(name, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAddressOfVariablesHoldsAnyName(t *testing.T) {
	for expected, address := range map[string]string{
		"env://ocis":            Env("ocis", ""),
		"env://larder/A":        Env("larder", "A"),
		"env://ocis/a%2Fb%3Fc":  Env("ocis", "a/b?c"),
		"env://o%2Fcis/service": Env("o/cis", "service"),
	} {
		if address != expected {
			t.Errorf("it is %s; expected %s", address, expected)
		}
	}
}
