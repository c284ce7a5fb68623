package io.larder.codec;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * Objects as MessagePack, by Jackson. Any thread may use it.
 *
 * @param <T> the type of the objects
 */
public final class MessagePackCodec<T> extends JacksonCodec<T> {
  private MessagePackCodec(ObjectMapper mapper, TypeReference<T> type) {
    super("messagepack", mapper, type);
  }

  private MessagePackCodec(ObjectMapper mapper, Class<T> type) {
    super("messagepack", mapper, type);
  }

  /**
   * A codec of a class, with Jackson's defaults.
   *
   * @param type the class
   * @param <T> the type of the objects
   * @return the codec
   */
  public static <T> MessagePackCodec<T> of(Class<T> type) {
    return of(type, mapper());
  }

  /**
   * A codec of a generic type, with Jackson's defaults.
   *
   * @param type the type, such as {@code new TypeReference<List<String>>() {}}
   * @param <T> the type of the objects
   * @return the codec
   */
  public static <T> MessagePackCodec<T> of(TypeReference<T> type) {
    return of(type, mapper());
  }

  /**
   * A codec of a class, by a mapper of one's own.
   *
   * @param type the class
   * @param mapper a mapper that is configured and for MessagePack
   * @param <T> the type of the objects
   * @return the codec
   */
  public static <T> MessagePackCodec<T> of(Class<T> type, ObjectMapper mapper) {
    return new MessagePackCodec<>(mapper, type);
  }

  /**
   * A codec of a generic type, by a mapper of one's own.
   *
   * @param type the type, such as {@code new TypeReference<List<String>>() {}}
   * @param mapper a mapper that is configured and for MessagePack
   * @param <T> the type of the objects
   * @return the codec
   */
  public static <T> MessagePackCodec<T> of(TypeReference<T> type, ObjectMapper mapper) {
    return new MessagePackCodec<>(mapper, type);
  }

  private static ObjectMapper mapper() {
    return new ObjectMapper(new org.msgpack.jackson.dataformat.MessagePackFactory());
  }
}
