package larder

import (
	"context"
	"errors"
	"os"
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

// What the variables say, and the record that is there, the program that starts the servers has made.
func TestAServiceReadsWhatItsGoCodeWroteToTheServer(t *testing.T) {
	if os.Getenv("NOTIFICATIONS_STORE_NODES") == "" {
		t.Skip("NOTIFICATIONS_STORE_NODES is not set; run `make test-go`")
	}
	_, store := openStore(t, Env("ocis", "NOTIFICATIONS_STORE"))
	ctx := context.Background()
	value, err := store.Get(ctx, []byte("written by go"))
	must(t, err)
	if string(value) != "as oCIS writes it" {
		t.Errorf("it is %q", value)
	}
	key := []byte("go")
	_, err = store.Put(ctx, key, []byte("value"), nil)
	must(t, err)
	value, err = store.Get(ctx, key)
	must(t, err)
	if string(value) != "value" {
		t.Errorf("it is %q", value)
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
