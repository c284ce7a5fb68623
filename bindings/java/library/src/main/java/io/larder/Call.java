package io.larder;

import java.lang.ref.Reference;
import java.util.function.Function;

/**
 * One call on a store, cursor or watch: what is asked, of whom, and how the answer reads. It is carried out on this
 * thread or submitted to a {@link Dispatcher}.
 */
record Call<T>(Handle target, byte[] request, byte[] value, Function<Answer, T> reader) {
  static <T> Call<T> of(Handle target, Request request, Function<Answer, T> reader) {
    return new Call<>(target, request.bytes(), request.apart(), reader);
  }

  /** The same call with its answer changed. */
  <U> Call<U> then(Function<? super T, ? extends U> change) {
    return new Call<>(target, request, value, answer -> change.apply(reader.apply(answer)));
  }

  /** Carries it out and waits for the answer. */
  T now(boolean isImmediate) {
    // A call that may wait does not hold a slot meanwhile.
    if (isImmediate && value == null && request.length <= Slots.PART) {
      int slot = Slots.lock();
      if (slot >= 0) {
        return reader.apply(inSlot(slot));
      }
    }
    try {
      return reader.apply(Answer.checked(Native.call(target.pointer, request, value)));
    } finally {
      Reference.reachabilityFence(target);
    }
  }

  private Answer inSlot(int slot) {
    try {
      Slots.write(slot, 0, request);
      int length = Native.callInSlot(target.pointer, slot, request.length);
      if (length < 0) {
        throw Slots.error(slot, length);
      }
      return Answer.checked(Slots.read(slot, 0, length));
    } finally {
      Slots.unlock(slot);
      Reference.reachabilityFence(target);
    }
  }
}
