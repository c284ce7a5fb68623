package io.larder;

/**
 * What a conditional write or a remove came to.
 *
 * @param status {@link Status#OK} when it was done; {@link Status#CONFLICT} when there is a record that the condition
 *     does not allow; {@link Status#NOT_FOUND} when there is none; in a {@link BatchException} also an error
 * @param revision when done, the record's new revision, after a remove the one that it had; for a conflict the revision
 *     of the record that is there; otherwise 0
 */
public record Outcome(Status status, long revision) {
  /**
   * Whether it was done.
   *
   * @return true when the record was written or removed
   */
  public boolean isDone() {
    return status == Status.OK;
  }
}
