package io.larder;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What was counted since the store's backend was opened, for all its databases and tables, and its present size.
 *
 * @param hits reads that found a record
 * @param misses reads that found none
 * @param puts records written
 * @param removals records removed by callers
 * @param evictions records given up to make room
 * @param expirations records whose lifespan or max-idle ended
 * @param entries records held now, those that have expired but were not swept yet included
 * @param bytes bytes held now: headers, keys, values and metadata
 */
public record Statistics(
    long hits,
    long misses,
    long puts,
    long removals,
    long evictions,
    long expirations,
    long entries,
    long bytes) {
  /**
   * The part of the reads that found a record.
   *
   * @return a number from 0 to 1; 1 when nothing was read
   */
  public double hitRatio() {
    long reads = hits + misses;
    return reads == 0 ? 1 : (double) hits / reads;
  }

  static Statistics of(byte[] payload) {
    ByteBuffer buffer = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
    return new Statistics(
        buffer.getLong(),
        buffer.getLong(),
        buffer.getLong(),
        buffer.getLong(),
        buffer.getLong(),
        buffer.getLong(),
        buffer.getLong(),
        buffer.getLong());
  }
}
