package io.larder;

import java.lang.ref.Reference;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;

/**
 * An opened larder: the stores of one configuration. Any thread may use it.
 *
 * <p>It is closed by {@link #close()}; one that is neither reachable nor in use any more, and none of whose stores is, is
 * closed and freed by the garbage collector some time later.
 *
 * <p>The library starts daemon threads only: none keeps the virtual machine from exiting.
 */
public final class Larder implements AutoCloseable {
  /** The name of the store that a configuration of one store describes. */
  public static final String DEFAULT_STORE = "default";

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(30);

  private final State state;

  Larder(State state) {
    this.state = state;
  }

  /**
   * Opens a larder. Reads the configuration and connects nothing: stores connect when they are first used.
   *
   * @param config TOML or JSON text, a URL such as {@code memory://?max_entries=10000}, the address of a file such as
   *     {@code file:///etc/larder.toml}, or what {@link #env(String, String)} gives
   * @return the larder
   * @throws ConfigurationException for a configuration that cannot be used; the message names the setting
   * @throws LarderException for a file that cannot be read
   * @throws NativeLibraryException if the native library cannot be found or used
   */
  public static Larder open(String config) {
    return builder().config(config).open();
  }

  /**
   * Opens a larder of a file of TOML or JSON.
   *
   * @param file the file
   * @return the larder
   * @throws ConfigurationException for a configuration that cannot be used; the message names the setting
   * @throws LarderException for a file that cannot be read
   * @throws NativeLibraryException if the native library cannot be found or used
   */
  public static Larder open(Path file) {
    return builder().file(file).open();
  }

  /**
   * The configuration that variables of the environment say, as a text for {@link #open(String)}. The larder has one
   * store, {@link #DEFAULT_STORE}. The variables are read when it is opened; the exception for a malformed one names it.
   *
   * <pre>{@code
   * Larder larder = Larder.open(Larder.env("ocis", "STORAGE_USERS_FILEMETADATA_CACHE"));
   * }</pre>
   *
   * @param profile whose variables: {@code ocis}, {@code opencloud}, or {@code larder} for {@code LARDER_STORE},
   *     {@code LARDER_<NAME>_STORE} and their settings
   * @param service the cache or store that is meant; the command {@code larder config services} lists them
   * @return the address of the configuration
   */
  public static String env(String profile, String service) {
    return env(profile) + "/" + escaped(Objects.requireNonNull(service, "service"));
  }

  /**
   * The configuration that variables say for all services of a profile, each a store of its name.
   *
   * @param profile as for {@link #env(String, String)}
   * @return the address of the configuration
   */
  public static String env(String profile) {
    return "env://" + escaped(Objects.requireNonNull(profile, "profile"));
  }

  private static String escaped(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /**
   * Begins to describe a larder.
   *
   * @return a builder
   */
  public static LarderBuilder builder() {
    return new LarderBuilder();
  }

  /**
   * The version of the native library.
   *
   * @return the version, such as {@code 0.1.0}
   * @throws NativeLibraryException if the native library cannot be found or used
   */
  public static String version() {
    NativeLibrary.load();
    return new String(Native.version(), StandardCharsets.UTF_8);
  }

  /**
   * The store of a configuration of one store.
   *
   * @return the store called {@link #DEFAULT_STORE}
   * @throws NoSuchStoreException if the configuration has none of that name
   * @throws ClosedException if the larder was closed
   */
  public Store store() {
    return store(DEFAULT_STORE);
  }

  /**
   * A store, on the database and table that the configuration gives it. Stores of the same name are on the same records.
   *
   * @param name the name that the configuration gives it
   * @return the store
   * @throws NoSuchStoreException if the configuration has none of that name; the message suggests the closest one
   * @throws ClosedException if the larder was closed
   */
  public Store store(String name) {
    return store(name, null, null);
  }

  /**
   * A store, on another database and table of it.
   *
   * @param name the name that the configuration gives it
   * @param database the database; null for the configured one
   * @param table the table; null for the configured one
   * @return the store
   * @throws NoSuchStoreException if the configuration has none of that name; the message suggests the closest one
   * @throws InvalidArgumentException for a database or table that the store cannot hold
   * @throws ClosedException if the larder was closed
   */
  public Store store(String name, String database, String table) {
    byte[] utf8 = utf8(Objects.requireNonNull(name, "name"), "name");
    byte[] databaseUtf8 = utf8(database, "database");
    byte[] tableUtf8 = utf8(table, "table");
    try {
      byte[] answer = Native.openStore(state.handle.pointer, utf8, databaseUtf8, tableUtf8);
      return Store.of(state, new Handle(Answer.checked(answer).number(), state.handle, Native::freeStore));
    } finally {
      Reference.reachabilityFence(state.handle);
    }
  }

  /**
   * What the larder is: version, stores, their types and settings.
   *
   * @return a JSON object without secrets
   */
  public String describe() {
    try {
      return new String(Answer.checked(Native.describeLarder(state.handle.pointer)).payload(), StandardCharsets.UTF_8);
    } finally {
      Reference.reachabilityFence(state.handle);
    }
  }

  /**
   * How many requests of futures are in flight.
   *
   * @return the number
   */
  public long inFlight() {
    return state.inFlight();
  }

  /**
   * Whether it was closed.
   *
   * @return true after a call of close
   */
  public boolean isClosed() {
    return state.isClosed();
  }

  /**
   * Closes it: each later call on it and on its stores throws a {@link ClosedException}, watches end, and futures in
   * flight complete with that exception. Idempotent. Waits for connections to end, at most 30 seconds.
   *
   * @throws DeadlineException if it goes on ending in the background
   */
  @Override
  public void close() {
    close(CLOSE_LIMIT);
  }

  /**
   * As {@link #close()}, with a limit of one's own.
   *
   * @param limit how long to wait for connections to end; zero for not at all
   * @throws DeadlineException if it goes on ending in the background
   * @throws InvalidArgumentException if the limit is negative
   */
  public void close(Duration limit) {
    state.close(limit.isZero() ? 0 : Terms.milliseconds(limit, "limit"));
  }

  private static byte[] utf8(String text, String name) {
    if (text == null) {
      return null;
    }
    try {
      return Codecs.string().encode(text);
    } catch (CorruptException failure) {
      throw new InvalidArgumentException(name, failure.detail());
    }
  }

  @Override
  public String toString() {
    return "Larder[closed=" + isClosed() + "]";
  }
}
