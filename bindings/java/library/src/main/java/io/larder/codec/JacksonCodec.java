package io.larder.codec;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.larder.Codec;
import io.larder.CorruptException;
import java.io.IOException;

/** A codec by one of Jackson's formats. */
abstract class JacksonCodec<T> implements Codec<T> {
  private final String name;
  private final ObjectWriter writer;
  private final ObjectReader reader;

  JacksonCodec(String name, ObjectMapper mapper, TypeReference<T> type) {
    this.name = name;
    this.writer = mapper.writerFor(type);
    this.reader = mapper.readerFor(type);
  }

  JacksonCodec(String name, ObjectMapper mapper, Class<T> type) {
    this.name = name;
    this.writer = mapper.writerFor(type);
    this.reader = mapper.readerFor(type);
  }

  @Override
  public byte[] encode(T object) {
    try {
      return writer.writeValueAsBytes(object);
    } catch (JsonProcessingException failure) {
      // Jackson's message may quote the data, so it is not repeated; it is in the cause.
      throw new CorruptException(name, "the object of " + object.getClass() + " cannot be encoded", failure);
    }
  }

  @Override
  public T decode(byte[] bytes) {
    T object;
    try {
      object = reader.readValue(bytes);
    } catch (IOException failure) {
      throw new CorruptException(name, "the " + bytes.length + " bytes cannot be decoded", failure);
    }
    if (object == null) {
      throw new CorruptException(name, "the bytes say null, which is no value", null);
    }
    return object;
  }
}
