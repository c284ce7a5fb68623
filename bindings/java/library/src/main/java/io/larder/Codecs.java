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
      byte[] quick = text.getBytes(StandardCharsets.UTF_8);
      // What cannot be said in UTF-8 was replaced by a question mark: without one the text came over whole.
      for (byte one : quick) {
        if (one == '?') {
          return encodeStrictly(text);
        }
      }
      return quick;
    }

    private static byte[] encodeStrictly(String text) {
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
      String quick = new String(bytes, StandardCharsets.UTF_8);
      // What is not UTF-8 was replaced by this character, which may also stand in the text itself.
      return quick.indexOf('\ufffd') < 0 ? quick : decodeStrictly(bytes);
    }

    private static String decodeStrictly(byte[] bytes) {
      try {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      } catch (CharacterCodingException failure) {
        throw new CorruptException("string", "the bytes are not UTF-8 text", failure);
      }
    }
  }
}
