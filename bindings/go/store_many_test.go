package larder

import (
	"encoding/binary"
	"errors"
	"testing"
)

// outcomesOf are the outcomes of many writes as the library tells them.
func outcomesOf(statuses ...Status) []byte {
	var told []byte
	for _, status := range statuses {
		told = binary.LittleEndian.AppendUint32(told, uint32(status))
		told = append(told, make([]byte, 12)...)
	}
	return told
}

func TestTheFirstRecordThatWasNotWrittenHasTheReason(t *testing.T) {
	reason := &Error{Status: StatusUnavailable, Operation: "put many", Source: "redis", Message: "why", Retryable: true}
	results := resultsOf(outcomesOf(StatusOK, StatusUnavailable, StatusUnavailable, StatusAmbiguous, -1234), reason)
	expected := []*Error{
		nil,
		reason,
		{Status: StatusUnavailable, Operation: "put many", Retryable: true},
		{Status: StatusAmbiguous, Operation: "put many"},
		{Status: StatusInternal, Operation: "put many"},
	}
	for index, result := range results {
		told, _ := result.Err.(*Error)
		if told == nil && expected[index] == nil {
			continue
		}
		if told == nil || expected[index] == nil || *told != *expected[index] {
			t.Errorf("record %d: expected %v, it is %v", index, expected[index], result.Err)
		}
	}
}

func TestManyWritesToAServerThatIsNotThereSayWhy(t *testing.T) {
	_, store := openStore(t, "redis://127.0.0.1:1?timeout=200ms")
	results, err := store.PutMany(background, []Entry{{Key: []byte("a")}, {Key: []byte("b")}}, nil)
	var told *Error
	if !errors.As(err, &told) || told.Status != StatusUnavailable || !told.Retryable || told.Message == "" || told.Source == "" {
		t.Fatalf("expected why, it is %#v", err)
	}
	if len(results) == 0 {
		return
	}
	if results[0].Err != err {
		t.Errorf("expected %v of the first, it is %v", err, results[0].Err)
	}
	if second, isError := results[1].Err.(*Error); !isError || second.Status != StatusUnavailable || !second.Retryable {
		t.Errorf("expected that it is unavailable, it is %#v", results[1].Err)
	}
}

func TestManyWritesToMemoryGiveTheReasonToTheFirstThatFailed(t *testing.T) {
	_, store := openStore(t, "memory://?max_bytes=64KiB")
	large := make([]byte, 1<<20)
	results, err := store.PutMany(background, []Entry{{Key: []byte("a"), Value: large}, {Key: []byte("b"), Value: large}}, nil)
	if !errors.Is(err, ErrTooLarge) || len(results) != 2 {
		t.Fatalf("expected ErrTooLarge and two results, it is %v and %v", err, results)
	}
	first, second := results[0].Err.(*Error), results[1].Err.(*Error)
	if first.Message == "" || second.Message != "" || second.Status != StatusTooLarge {
		t.Errorf("expected the reason of the first only, it is %v and %v", first, second)
	}
}
