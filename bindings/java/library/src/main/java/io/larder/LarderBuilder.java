package io.larder;

import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * Describes a larder to open. One thread at a time.
 *
 * <pre>{@code
 * Larder larder = Larder.builder()
 *     .config("memory://?max_entries=10000")
 *     .executor(executor)
 *     .open();
 * }</pre>
 */
public final class LarderBuilder {
  private String config;
  private Executor executor;
  private int maximumInFlight;

  LarderBuilder() {}

  /**
   * Sets the configuration.
   *
   * @param newConfig TOML or JSON text, a URL such as {@code memory://?max_entries=10000}, or the address of a file
   * @return this builder
   */
  public LarderBuilder config(String newConfig) {
    config = Objects.requireNonNull(newConfig, "config");
    return this;
  }

  /**
   * Sets the configuration to what a file holds.
   *
   * @param file a file of TOML or JSON
   * @return this builder
   */
  public LarderBuilder file(Path file) {
    return config(file.toAbsolutePath().toUri().toString());
  }

  /**
   * Sets the configuration to what variables of the environment say.
   *
   * @param profile whose variables, as for {@link Larder#env(String, String)}
   * @param service the cache or store that is meant
   * @return this builder
   */
  public LarderBuilder environment(String profile, String service) {
    return config(Larder.env(profile, service));
  }

  /**
   * Sets where futures are completed, and with them the continuations run that were added without an executor of their
   * own; events of watches too. By default in a pool of at most 16 daemon threads that are there while they are needed.
   * A continuation that blocks takes one of these threads away; it never holds up the library.
   *
   * @param newExecutor the executor; what it refuses runs in the default pool, and where that has no thread to be had, on
   *     the thread that brings the answer
   * @return this builder
   */
  public LarderBuilder executor(Executor newExecutor) {
    executor = Objects.requireNonNull(newExecutor, "executor");
    return this;
  }

  /**
   * Sets how many requests of futures may be in flight. Further ones fail with a {@link BusyException}.
   *
   * @param newMaximum the number, at least 1; 65,536 by default
   * @return this builder
   * @throws InvalidArgumentException if it is less than 1
   */
  public LarderBuilder maximumInFlight(int newMaximum) {
    if (newMaximum < 1) {
      throw new InvalidArgumentException("maximumInFlight", "it is " + newMaximum + "; it is 1 or more");
    }
    maximumInFlight = newMaximum;
    return this;
  }

  /**
   * Opens the larder. Connects nothing: stores connect when they are first used.
   *
   * @return the larder
   * @throws ConfigurationException for a configuration that cannot be used, or none; the message names the setting
   * @throws LarderException for a file that cannot be read
   * @throws NativeLibraryException if the native library cannot be found or used
   */
  public Larder open() {
    if (config == null) {
      throw new ConfigurationException("config", "there is none; set it by config, file or environment");
    }
    return new Larder(State.open(config, executor == null ? Callbacks.pool() : executor, maximumInFlight));
  }
}
