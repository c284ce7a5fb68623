package io.larder;

/** The native library was not found or cannot be used; the message says where it was looked for. */
public final class NativeLibraryException extends LarderException {
  private static final long serialVersionUID = 1L;

  NativeLibraryException(String message, Throwable cause) {
    super(Status.IO, "larder.library", message, cause);
  }
}
