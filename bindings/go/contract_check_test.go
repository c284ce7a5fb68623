package larder

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

func statusOf(err error) Status {
	if err == nil {
		return StatusOK
	}
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Status
	}
	return StatusInternal
}

// check compares an answer with what is expected of it.
func (c *contractCase) check(answer answered, expect object) error {
	known := []string{"status", "value", "metadata", "revision", "revision_above", "expires_in_ms", "max_idle_ms", "length",
		"number", "records", "outcomes", "statistics", "description", "source", "message_contains"}
	if err := knownFields(expect, known...); err != nil {
		return err
	}
	if err := checkStatus(answer.err, expect); err != nil {
		return err
	}
	if wanted, has := expect["value"]; has {
		if err := checkBytes("value", answer.value, answer.hasValue, wanted); err != nil {
			return err
		}
	}
	if err := c.checkRevision(answer.revision, answer.hasRevision, expect); err != nil {
		return err
	}
	if answer.record != nil {
		record := onlyThese(expect, "metadata", "expires_in_ms", "max_idle_ms")
		if err := c.checkRecord(answer.record, record); err != nil {
			return err
		}
	} else if len(onlyThese(expect, "metadata", "expires_in_ms", "max_idle_ms")) > 0 {
		return errors.New("there is no record")
	}
	if err := checkNumber("length", int64(answer.length), answer.hasLength, expect); err != nil {
		return err
	}
	if err := checkNumber("number", int64(answer.number), answer.hasNumber, expect); err != nil {
		return err
	}
	if err := c.checkRecords(answer, expect); err != nil {
		return err
	}
	if err := c.checkOutcomes(answer.results, expect); err != nil {
		return err
	}
	return checkDescribed(answer, expect)
}

func checkStatus(err error, expect object) error {
	wanted := []any{"OK"}
	switch status := expect["status"].(type) {
	case string:
		wanted = []any{status}
	case []any:
		wanted = status
	}
	came := statusOf(err).String()
	fits := false
	for _, name := range wanted {
		if !isStatus(name) {
			return fmt.Errorf("there is no status %v", name)
		}
		fits = fits || name == came
	}
	if !fits {
		return fmt.Errorf("expected the status %v, it is %s (%v)", wanted, came, err)
	}
	var failure *Error
	errors.As(err, &failure)
	if source, has := expect["source"]; has && (failure == nil || failure.Source != source) {
		return fmt.Errorf("expected the source %v, the error is %#v", source, failure)
	}
	if part, has := expect["message_contains"].(string); has && (failure == nil || !strings.Contains(failure.Error(), part)) {
		return fmt.Errorf("expected a message with %q, it is %v", part, err)
	}
	return nil
}

func isStatus(name any) bool {
	for _, known := range statusNames {
		if name == known {
			return true
		}
	}
	return false
}

func checkBytes(name string, came []byte, has bool, wanted any) error {
	expected, err := bytesOf(wanted)
	if err != nil {
		return err
	}
	if !has || !bytes.Equal(came, expected) {
		return fmt.Errorf("expected the %s %.60q (%d bytes), it is %.60q (%d bytes)", name, expected, len(expected), came, len(came))
	}
	return nil
}

func (c *contractCase) checkRevision(came uint64, has bool, expect object) error {
	if wanted, given := expect["revision"]; given {
		expected, err := c.revisionOf(wanted)
		if err != nil {
			return err
		}
		if !has || came != expected {
			return fmt.Errorf("expected the revision %d, it is %d", expected, came)
		}
	}
	if wanted, given := expect["revision_above"]; given {
		expected, err := c.revisionOf(wanted)
		if err != nil {
			return err
		}
		if !has || came <= expected {
			return fmt.Errorf("expected a revision above %d, it is %d", expected, came)
		}
	}
	return nil
}

func checkNumber(name string, came int64, has bool, expect object) error {
	wanted, given := expect[name]
	if !given {
		return nil
	}
	if !has {
		return fmt.Errorf("there is no %s", name)
	}
	if exact, isNumber := integer(wanted); isNumber {
		if came != exact {
			return fmt.Errorf("expected the %s %d, it is %d", name, exact, came)
		}
		return nil
	}
	bounds, isObject := wanted.(object)
	if !isObject || !onlyFields(bounds, "least", "most") {
		return fmt.Errorf("%v is no number", wanted)
	}
	if least, given := integer(bounds["least"]); given && came < least {
		return fmt.Errorf("expected a %s of at least %d, it is %d", name, least, came)
	}
	if most, given := integer(bounds["most"]); given && came > most {
		return fmt.Errorf("expected a %s of at most %d, it is %d", name, most, came)
	}
	return nil
}

func (c *contractCase) checkRecord(came *Record, expect object) error {
	known := []string{"key", "value", "metadata", "revision", "revision_above", "expires_in_ms", "max_idle_ms"}
	if err := knownFields(expect, known...); err != nil {
		return err
	}
	if wanted, has := expect["key"]; has {
		if err := checkBytes("key", came.Key, true, wanted); err != nil {
			return err
		}
	}
	if wanted, has := expect["value"]; has {
		if err := checkBytes("value", came.Value, true, wanted); err != nil {
			return err
		}
	}
	if wanted, has := expect["metadata"]; has {
		expected, err := metadataOf(wanted)
		if err != nil {
			return err
		}
		if !maps.EqualFunc(expected, came.Metadata, bytes.Equal) {
			return fmt.Errorf("expected the metadata %q, it is %q", expected, came.Metadata)
		}
	}
	if err := checkNumber("expires_in_ms", millisecondsOf(came.ExpiresIn), true, expect); err != nil {
		return err
	}
	if err := checkNumber("max_idle_ms", millisecondsOf(came.MaxIdle), true, expect); err != nil {
		return err
	}
	return c.checkRevision(came.Revision, true, expect)
}

func millisecondsOf(duration time.Duration) int64 {
	if duration == Unlimited {
		return -1
	}
	return duration.Milliseconds()
}

func (c *contractCase) checkRecords(answer answered, expect object) error {
	wanted, has := expect["records"].([]any)
	if !has {
		return nil
	}
	if !answer.hasRecords || len(answer.records) != len(wanted) {
		return fmt.Errorf("expected %d records, there are %d", len(wanted), len(answer.records))
	}
	for index, item := range wanted {
		came := answer.records[index]
		if (item == nil) != (came == nil) {
			return fmt.Errorf("record %d: expected %v, it is %v", index, item, came)
		}
		if item == nil {
			continue
		}
		if err := c.checkRecord(came, item.(object)); err != nil {
			return fmt.Errorf("record %d: %w", index, err)
		}
	}
	return nil
}

func (c *contractCase) checkOutcomes(results []PutResult, expect object) error {
	wanted, has := expect["outcomes"].([]any)
	if !has {
		return nil
	}
	if len(results) != len(wanted) {
		return fmt.Errorf("expected %d outcomes, there are %d", len(wanted), len(results))
	}
	for index, item := range wanted {
		expected := item.(object)
		if err := knownFields(expected, "status", "revision", "revision_above"); err != nil {
			return err
		}
		if err := checkStatus(results[index].Err, expected); err != nil {
			return fmt.Errorf("outcome %d: %w", index, err)
		}
		if err := c.checkRevision(results[index].Revision, true, expected); err != nil {
			return fmt.Errorf("outcome %d: %w", index, err)
		}
	}
	return nil
}

func checkDescribed(answer answered, expect object) error {
	if wanted, has := expect["statistics"].(object); has {
		if answer.statistics == nil {
			return errors.New("there are no statistics")
		}
		counted := map[string]uint64{
			"hits": answer.statistics.Hits, "misses": answer.statistics.Misses, "puts": answer.statistics.Puts,
			"removals": answer.statistics.Removals, "evictions": answer.statistics.Evictions,
			"expirations": answer.statistics.Expirations, "entries": answer.statistics.Entries, "bytes": answer.statistics.Bytes,
		}
		for name := range wanted {
			count, known := counted[name]
			if err := checkNumber(name, int64(count), known, wanted); err != nil {
				return err
			}
		}
	}
	if wanted, has := expect["description"].(object); has {
		for name, value := range wanted {
			if answer.description[name] != value {
				return fmt.Errorf("expected the description's %s %v, it is %v", name, value, answer.description[name])
			}
		}
	}
	return nil
}

// onlyThese are the fields of an expectation that have these names.
func onlyThese(expect object, names ...string) object {
	chosen := object{}
	for _, name := range names {
		if value, has := expect[name]; has {
			chosen[name] = value
		}
	}
	return chosen
}
