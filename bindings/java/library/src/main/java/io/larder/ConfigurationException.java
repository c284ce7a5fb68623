package io.larder;

/** The configuration cannot be used; {@link #source()} names the setting. */
public final class ConfigurationException extends LarderException {
  private static final long serialVersionUID = 1L;

  ConfigurationException(String source, String message) {
    super(Status.CONFIG, source, message, null);
  }
}
