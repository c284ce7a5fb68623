package io.larder.contract;

import io.larder.BatchException;
import io.larder.Entry;
import io.larder.Event;
import io.larder.LarderException;
import io.larder.Outcome;
import io.larder.Statistics;
import io.larder.Status;
import java.util.List;

/** What a step answered; what does not apply is null. */
final class Reply {
  Status status = Status.OK;
  byte[] value;
  Entry<byte[], byte[]> entry;
  Long revision;
  Long length;
  Long number;
  List<Entry<byte[], byte[]>> records;
  List<Outcome> outcomes;
  List<Event<byte[], byte[]>> events;
  Statistics statistics;
  String description;
  LarderException failure;

  static Reply ok() {
    return new Reply();
  }

  static Reply found(boolean found) {
    Reply reply = new Reply();
    reply.status = found ? Status.OK : Status.NOT_FOUND;
    return reply;
  }

  static Reply of(Outcome outcome) {
    Reply reply = new Reply();
    reply.status = outcome.status();
    reply.revision = outcome.revision();
    return reply;
  }

  static Reply revision(long revision) {
    return of(new Outcome(Status.OK, revision));
  }

  static Reply number(long number) {
    Reply reply = new Reply();
    reply.number = number;
    return reply;
  }

  static Reply entry(Entry<byte[], byte[]> entry) {
    Reply reply = revision(entry.revision());
    reply.entry = entry;
    reply.value = entry.value();
    return reply;
  }

  static Reply records(List<Entry<byte[], byte[]>> records) {
    Reply reply = new Reply();
    reply.records = records;
    return reply;
  }

  static Reply events(List<Event<byte[], byte[]>> events) {
    Reply reply = new Reply();
    reply.events = events;
    return reply;
  }

  static Reply failure(LarderException failure) {
    Reply reply = new Reply();
    reply.status = failure.status();
    reply.failure = failure;
    if (failure instanceof BatchException batch) {
      reply.outcomes = batch.outcomes();
    }
    return reply;
  }
}
