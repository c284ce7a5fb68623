package larder

import (
	"errors"
	"strings"
	"testing"
)

func TestADurabilityReachesTheStoreByEveryWrite(t *testing.T) {
	_, memory := openStore(t, "memory://")
	_, fault := openStore(t, "fault://")
	for name, store := range map[string]*Store{"memory": memory, "fault": fault} {
		revision, err := store.Put(background, []byte("k"), []byte("v"), &PutOptions{Durability: DurabilityNone})
		must(t, err)
		users := NewTypedStore(store, String[userID]{}, JSON[user]{})
		for _, durability := range []Durability{DurabilityAll, Replicas(1), Replicas(255)} {
			options := &PutOptions{Durability: durability}
			key, entries := []byte("k"), []Entry{{Key: []byte("k")}}
			for write, call := range map[string]func() error{
				"Put":         func() error { _, err := store.Put(background, key, nil, options); return err },
				"PutIfAbsent": func() error { _, err := store.PutIfAbsent(background, []byte("new"), nil, options); return err },
				"Replace":     func() error { _, err := store.Replace(background, key, nil, revision, options); return err },
				"PutMany":     func() error { _, err := store.PutMany(background, entries, options); return err },
				"typed Put":   func() error { _, err := users.Put(background, "k", user{}, options); return err },
			} {
				if err := call(); !errors.Is(err, ErrUnsupported) {
					t.Errorf("%s, %s with %d: expected ErrUnsupported, it is %v", name, write, durability, err)
				}
			}
		}
		if value, err := store.Get(background, []byte("k")); string(value) != "v" || err != nil {
			t.Errorf("%s: it is %q (%v)", name, value, err)
		}
	}
}

func TestOfManyRecordsEachHasItsDurability(t *testing.T) {
	_, store := openStore(t, "memory://")
	results, err := store.PutMany(background, []Entry{
		{Key: []byte("a"), Options: &PutOptions{Durability: DurabilityAll}},
		{Key: []byte("b"), Options: &PutOptions{Durability: DurabilityNone}},
		{Key: []byte("c")},
	}, &PutOptions{Durability: Replicas(2)})
	if !errors.Is(err, ErrUnsupported) || len(results) != 3 {
		t.Fatalf("it is %v (%v)", results, err)
	}
	if results[1].Err != nil || !errors.Is(results[0].Err, ErrUnsupported) || !errors.Is(results[2].Err, ErrUnsupported) {
		t.Errorf("it is %v", results)
	}
}

func TestANumberOfReplicasThatIsOutOfRangeIsRefused(t *testing.T) {
	_, store := openStore(t, "noop://")
	for _, durability := range []Durability{Replicas(0), Replicas(-1), Replicas(-2), Replicas(256), Replicas(1 << 40), -3} {
		options := &PutOptions{Durability: durability}
		_, err := store.Put(background, []byte("k"), nil, options)
		_, manyErr := store.PutMany(background, []Entry{{Options: options}}, nil)
		for _, err := range []error{err, manyErr} {
			if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), "Durability: ") {
				t.Errorf("%d: it is %v", durability, err)
			}
		}
	}
	for _, durability := range []Durability{0, DurabilityNone, DurabilityAll, Replicas(1), Replicas(255)} {
		_, err := store.Put(background, []byte("k"), nil, &PutOptions{Durability: durability})
		must(t, err)
	}
}

func TestAWriteWhoseOutcomeIsNotKnownMayHaveHappened(t *testing.T) {
	_, store := openStore(t, "fault://")
	key := []byte("error:AMBIGUOUS:k")
	_, err := store.Put(background, key, []byte("v"), nil)
	var failure *Error
	if !errors.Is(err, ErrAmbiguous) || !errors.As(err, &failure) || failure.Status != StatusAmbiguous || failure.Retryable {
		t.Fatalf("expected ErrAmbiguous, it is %v", err)
	}
	for _, call := range []func() error{
		func() error { _, err := store.PutIfAbsent(background, key, nil, nil); return err },
		func() error {
			_, err := store.PutMany(background, []Entry{{Key: key, Value: []byte("v")}}, nil)
			return err
		},
		func() error { _, err := store.Remove(background, []byte("error:AMBIGUOUS:other")); return err },
	} {
		if err := call(); !errors.Is(err, ErrAmbiguous) || errors.Is(err, ErrUnavailable) {
			t.Errorf("expected ErrAmbiguous, it is %v", err)
		}
	}
	// A filter that names no fault shows that the record is there.
	found := 0
	for record, err := range store.Records(background, &ListOptions{Suffix: []byte("k")}) {
		must(t, err)
		if string(record.Key) == string(key) && string(record.Value) == "v" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the record was found %d times", found)
	}
	if _, err := store.Get(background, []byte("error:AUTH:k")); !errors.Is(err, ErrAuth) {
		t.Errorf("expected ErrAuth, it is %v", err)
	}
}
