package io.larder;

/**
 * What a read into a buffer came to.
 *
 * @param status {@link Status#OK}; {@link Status#BUFFER_TOO_SMALL}, and then nothing was written to the buffer;
 *     {@link Status#NOT_FOUND}
 * @param length bytes of the value, also when the buffer is too small; 0 when there is no record
 * @param revision the record's revision; 0 when there is none
 */
public record Reading(Status status, int length, long revision) {
  static final Reading MISS = new Reading(Status.NOT_FOUND, 0, 0);

  /**
   * Whether the value was written to the buffer.
   *
   * @return true for {@link Status#OK}
   */
  public boolean isRead() {
    return status == Status.OK;
  }

  static Reading of(byte[] value, long revision, byte[] buffer) {
    if (value.length > buffer.length) {
      return new Reading(Status.BUFFER_TOO_SMALL, value.length, revision);
    }
    System.arraycopy(value, 0, buffer, 0, value.length);
    return new Reading(Status.OK, value.length, revision);
  }
}
