package larder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

type user struct {
	Name string
	Age  int
}

type userID string

func TestATypedStoreReadsBackWhatItWrote(t *testing.T) {
	_, store := openStore(t, "memory://")
	users := NewTypedStore(store, String[userID]{}, JSON[user]{})
	ann, bob := user{"Ann", 34}, user{"Bob", 5}
	revision, err := users.Put(background, "ann", ann, &PutOptions{Metadata: Metadata{"m": nil}})
	must(t, err)
	if came, err := users.Get(background, "ann"); came != ann || err != nil {
		t.Errorf("it is %v (%v)", came, err)
	}
	record, err := users.GetRecord(background, "ann")
	if err != nil || record.Key != "ann" || record.Value != ann || record.Revision != revision || len(record.Metadata) != 1 {
		t.Errorf("it is %+v (%v)", record, err)
	}
	if _, err := users.PutIfAbsent(background, "ann", bob, nil); !errors.Is(err, ErrConflict) {
		t.Errorf("expected ErrConflict, it is %v", err)
	}
	next, err := users.Replace(background, "ann", bob, revision, nil)
	must(t, err)
	if _, err := users.RemoveRevision(background, "ann", revision); !errors.Is(err, ErrConflict) {
		t.Errorf("expected ErrConflict, it is %v", err)
	}
	_, err = users.RemoveRevision(background, "ann", next)
	must(t, err)
	if found, err := users.Contains(background, "ann"); found || err != nil {
		t.Errorf("it is still there (%v)", err)
	}
	_, err = users.PutMany(background, []TypedEntry[userID, user]{{Key: "ann", Value: ann}, {Key: "bob", Value: bob}}, nil)
	must(t, err)
	found, err := users.GetMany(background, []userID{"bob", "nobody", "ann"})
	if err != nil || !reflect.DeepEqual(found, map[userID]user{"ann": ann, "bob": bob}) {
		t.Errorf("it is %v (%v)", found, err)
	}
	must(t, users.Touch(background, "ann", Unlimited, 0))
	var names []userID
	for record, err := range users.Records(background, &ListOptions{Projection: KeysOnly}) {
		must(t, err)
		names = append(names, record.Key)
	}
	if !reflect.DeepEqual(names, []userID{"ann", "bob"}) {
		t.Errorf("it is %v", names)
	}
	for event, err := range users.Watch(background, &WatchOptions{Start: FromExisting}) {
		must(t, err)
		if event.Kind == Current {
			break
		}
		if event.Record.Value != ann && event.Record.Value != bob {
			t.Errorf("it is %+v", event.Record)
		}
	}
	if removed, err := users.RemoveMany(background, []userID{"ann", "nobody"}); removed != 1 || err != nil {
		t.Errorf("%d were removed (%v)", removed, err)
	}
	_, err = users.Remove(background, "bob")
	must(t, err)
	if _, err := users.Get(background, "bob"); err != ErrNotFound {
		t.Errorf("expected ErrNotFound, it is %v", err)
	}
}

func TestWhatCannotBeEncodedOrDecodedIsAnErrorWithTheCodecsOwn(t *testing.T) {
	_, store := openStore(t, "memory://")
	_, err := store.Put(background, []byte("key"), []byte("{no JSON"), nil)
	must(t, err)
	users := NewTypedStore(store, String[string]{}, JSON[user]{})
	_, err = users.Get(background, "key")
	var syntax *json.SyntaxError
	if !errors.Is(err, ErrCorrupt) || !errors.As(err, &syntax) {
		t.Errorf("expected ErrCorrupt and the codec's error, it is %v", err)
	}
	for record, err := range users.Records(background, nil) {
		if record != nil || !errors.Is(err, ErrCorrupt) {
			t.Errorf("expected ErrCorrupt, it is %v (%v)", record, err)
		}
	}
	functions := NewTypedStore(store, String[string]{}, JSON[func()]{})
	_, err = functions.Put(background, "key", func() {}, nil)
	var unsupported *json.UnsupportedTypeError
	if !errors.Is(err, ErrInvalidArgument) || !errors.As(err, &unsupported) {
		t.Errorf("expected ErrInvalidArgument and the codec's error, it is %v", err)
	}
}

func TestTheRawCodecGivesAwayItsOwnCopy(t *testing.T) {
	_, store := openStore(t, "memory://")
	raw := NewTypedStore(store, String[string]{}, Raw{})
	for _, value := range [][]byte{{}, {0xff, 0}, bytes.Repeat([]byte("x"), 10_000)} {
		_, err := raw.Put(context.Background(), "key", value, nil)
		must(t, err)
		first, err := raw.Get(background, "key")
		must(t, err)
		second, err := raw.Get(background, "key")
		must(t, err)
		for index := range first {
			first[index] = 0xee
		}
		if first == nil || !bytes.Equal(second, value) {
			t.Errorf("it is %.20q", second)
		}
	}
}
