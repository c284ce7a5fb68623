package larder

import (
	"errors"
	"fmt"
	"time"
)

// watchStep does an operation on a watch.
func (c *contractCase) watchStep(operation string, step, expect object) (handled bool, err error) {
	if operation == "watch_open" {
		return true, c.beginWatch(step, expect)
	}
	name, has := step["watch"].(string)
	if !has {
		return false, nil
	}
	watch, known := c.watches[name]
	if !known {
		return true, fmt.Errorf("there is no watch %q", name)
	}
	switch operation {
	case "watch_close":
		watch.close()
		return true, nil
	case "watch_quiet":
		next, came := watch.next(time.Now().Add(time.Duration(optionalInteger(step["ms"])) * time.Millisecond))
		if came {
			return true, fmt.Errorf("expected quiet, there came %v %v (%v)", next.event.Kind, next.event.Record, next.err)
		}
		return true, nil
	case "watch_ended":
		next, came := watch.next(waitOf(step))
		if !came || !(errors.Is(next.err, ErrClosed) || errors.Is(next.err, ErrCancelled)) {
			return true, fmt.Errorf("expected the end, there came %v (%v)", next.event, next.err)
		}
		return true, nil
	case "watch_skip_to":
		return true, c.skipTo(watch, step)
	default:
		if err := knownFields(expect, "events"); err != nil {
			return true, err
		}
		return true, c.readWatch(watch, step, expect["events"].([]any))
	}
}

func (c *contractCase) beginWatch(step, expect object) error {
	store, err := c.store(step)
	if err != nil {
		return err
	}
	options := &WatchOptions{Capacity: int(optionalInteger(step["capacity"]))}
	if options.Prefix, err = optionalBytes(step["prefix"]); err != nil {
		return err
	}
	if step["start"] == "existing" {
		options.Start = FromExisting
	}
	opened, err := c.openWatch(store, options)
	if err == nil {
		c.watches[step["watch"].(string)] = opened
	}
	return c.check(answered{err: err}, expect)
}

func waitOf(step object) time.Time {
	waitMs, given := integer(step["wait_ms"])
	if !given {
		waitMs = 20_000
	}
	return time.Now().Add(time.Duration(waitMs) * time.Millisecond)
}

func (c *contractCase) skipTo(watch *openedWatch, step object) error {
	missing, given := integer(step["count"])
	if !given {
		missing = 1
	}
	until := waitOf(step)
	for missing > 0 {
		next, came := watch.next(until)
		if !came || next.err != nil {
			return fmt.Errorf("%d events %v have not come (%v)", missing, step["kind"], next.err)
		}
		if next.event.Kind.String() == step["kind"] {
			missing--
		}
	}
	return nil
}

func (c *contractCase) readWatch(watch *openedWatch, step object, wanted []any) error {
	var came []Event
	until := waitOf(step)
	for len(came) < len(wanted) {
		next, inTime := watch.next(until)
		if !inTime || next.err != nil {
			return fmt.Errorf("expected %d events, there came %d: %v (%v)", len(wanted), len(came), came, next.err)
		}
		came = append(came, next.event)
	}
	for index, item := range wanted {
		if err := c.takeEvent(&came, item.(object), step["order"] == "any"); err != nil {
			return fmt.Errorf("event %d: %w", index, err)
		}
	}
	return nil
}

// takeEvent takes the first event that fits, or the first one of all, which has to.
func (c *contractCase) takeEvent(came *[]Event, expect object, anyOrder bool) error {
	var first error
	for index, event := range *came {
		err := c.checkEvent(event, expect)
		if err == nil {
			*came = append((*came)[:index:index], (*came)[index+1:]...)
			return nil
		}
		if first == nil {
			first = err
		}
		if !anyOrder {
			break
		}
	}
	return fmt.Errorf("none of %v fits %v: %w", *came, expect, first)
}

func (c *contractCase) checkEvent(event Event, expect object) error {
	if event.Kind.String() != expect["kind"] {
		return fmt.Errorf("expected the kind %v, it is %v", expect["kind"], event.Kind)
	}
	if initial, has := expect["initial"]; has && initial != event.Initial {
		return fmt.Errorf("expected initial %v, it is %v", initial, event.Initial)
	}
	if err := checkNumber("lost", int64(event.Lost), true, expect); err != nil {
		return err
	}
	record := object{}
	for name, value := range expect {
		if name != "kind" && name != "initial" && name != "lost" {
			record[name] = value
		}
	}
	if len(record) == 0 {
		return nil
	}
	if event.Record == nil {
		return errors.New("there is no record")
	}
	return c.checkRecord(event.Record, record)
}
