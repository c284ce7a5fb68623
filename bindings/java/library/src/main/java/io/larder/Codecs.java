package io.larder;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** The codecs that need no other library. */
public final class Codecs {
  private Codecs() {}

  /**
   * Bytes as they are.
   *
   * @return the codec
   */
  public static Codec<byte[]> bytes() {
    return Bytes.INSTANCE;
  }

  /**
   * Text as UTF-8. Bytes that are not UTF-8, and text with half a surrogate pair, are a {@link CorruptException} and are
   * never replaced by question marks.
   *
   * @return the codec
   */
  public static Codec<String> string() {
    return Text.INSTANCE;
  }

  private enum Bytes implements Codec<byte[]> {
    INSTANCE;

    @Override
    public byte[] encode(byte[] object) {
      return object;
    }

    @Override
    public byte[] decode(byte[] bytes) {
      return bytes;
    }
  }

  private enum Text implements Codec<String> {
    INSTANCE;

    @Override
    public byte[] encode(String text) {
      try {
        ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
        byte[] bytes = new byte[encoded.remaining()];
        encoded.get(bytes);
        return bytes;
      } catch (CharacterCodingException failure) {
        throw new CorruptException("string", "the text has half a surrogate pair, which UTF-8 cannot say", failure);
      }
    }

    @Override
    public String decode(byte[] bytes) {
      try {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      } catch (CharacterCodingException failure) {
        throw new CorruptException("string", "the bytes are not UTF-8 text", failure);
      }
    }
  }
}
