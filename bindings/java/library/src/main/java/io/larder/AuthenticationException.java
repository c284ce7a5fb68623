package io.larder;

/** The store refused the credentials. */
public final class AuthenticationException extends LarderException {
  private static final long serialVersionUID = 1L;

  AuthenticationException(String source, String message) {
    super(Status.AUTH, source, message, null);
  }
}
