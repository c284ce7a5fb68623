/**
 * Codecs that need a library of their own, which this one does not bring: Jackson for
 * {@link io.larder.codec.JsonCodec}, Jackson and {@code org.msgpack:jackson-dataformat-msgpack} for
 * {@link io.larder.codec.MessagePackCodec}.
 */
package io.larder.codec;
