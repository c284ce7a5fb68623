package io.larder;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Finds and loads the native library, once for each class loader that holds these classes. It is looked for, in this
 * order, and the first place that names one counts:
 *
 * <ol>
 *   <li>the file that the system property {@code larder.library} names;
 *   <li>the file that the environment variable {@code LARDER_LIBRARY} names;
 *   <li>{@code liblarder.so} in a directory of {@code java.library.path};
 *   <li>{@code /native/<os>-<architecture>/liblarder.so} in the jar, copied into a private directory.
 * </ol>
 *
 * <p>A library can be loaded by one class loader only, so a second one loads a private copy. Copies lie in a directory of
 * their own (mode 0700) below the one that {@code larder.directory} names, by default {@code java.io.tmpdir}, and are
 * removed as soon as they are loaded.
 */
final class NativeLibrary {
  private static boolean loaded;

  private NativeLibrary() {}

  /** Loads the library if that was not done yet. */
  static synchronized void load() {
    if (loaded) {
      return;
    }
    List<String> tried = new ArrayList<>();
    if (!find(tried)) {
      throw new NativeLibraryException(
          "liblarder.so was not found; looked at " + String.join(", ", tried)
              + "; set the system property larder.library to its path",
          null);
    }
    check();
    loaded = true;
  }

  private static boolean find(List<String> tried) {
    String property = System.getProperty("larder.library");
    if (property != null && !property.isEmpty()) {
      loadFile(Path.of(property).toAbsolutePath(), "the system property larder.library");
      return true;
    }
    tried.add("the system property larder.library (not set)");
    String variable = System.getenv("LARDER_LIBRARY");
    if (variable != null && !variable.isEmpty()) {
      loadFile(Path.of(variable).toAbsolutePath(), "the environment variable LARDER_LIBRARY");
      return true;
    }
    tried.add("the environment variable LARDER_LIBRARY (not set)");
    return findInPath(tried) || findInJar(tried);
  }

  private static boolean findInPath(List<String> tried) {
    String name = System.mapLibraryName("larder");
    for (String directory : System.getProperty("java.library.path", "").split(File.pathSeparator)) {
      if (directory.isEmpty()) {
        continue;
      }
      Path file = Path.of(directory, name).toAbsolutePath();
      if (Files.isRegularFile(file)) {
        loadFile(file, "java.library.path");
        return true;
      }
      tried.add(file + " (java.library.path)");
    }
    return false;
  }

  private static boolean findInJar(List<String> tried) {
    String resource = "/native/" + platform() + "/liblarder.so";
    try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
      if (library == null) {
        tried.add(resource + " (in the jar, which was built without one)");
        return false;
      }
      loadCopy(library, resource);
      return true;
    } catch (IOException failure) {
      throw new NativeLibraryException(resource + " in the jar could not be read", failure);
    }
  }

  private static void loadFile(Path file, String named) {
    if (!Files.isRegularFile(file)) {
      throw new NativeLibraryException(file + " is no file, but " + named + " names it", null);
    }
    try {
      System.load(file.toString());
    } catch (UnsatisfiedLinkError failure) {
      if (!isLoadedElsewhere(failure)) {
        throw new NativeLibraryException(file + " could not be loaded, named by " + named, failure);
      }
      try (InputStream library = Files.newInputStream(file)) {
        loadCopy(library, file.toString());
      } catch (IOException reading) {
        throw new NativeLibraryException(file + " could not be read", reading);
      }
    }
  }

  private static boolean isLoadedElsewhere(UnsatisfiedLinkError failure) {
    String message = failure.getMessage();
    return message != null && message.contains("already loaded in another classloader");
  }

  private static void loadCopy(InputStream library, String origin) {
    String parent = System.getProperty("larder.directory", System.getProperty("java.io.tmpdir"));
    Path directory = null;
    try {
      var onlyOwner = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
      Files.createDirectories(Path.of(parent));
      directory = Files.createTempDirectory(Path.of(parent).toAbsolutePath(), "larder-", onlyOwner);
      Path copy = directory.resolve("liblarder.so");
      Files.copy(library, copy, StandardCopyOption.REPLACE_EXISTING);
      System.load(copy.toString());
    } catch (IOException | UnsatisfiedLinkError failure) {
      throw new NativeLibraryException(
          "a private copy of " + origin + " below " + parent + " could not be made and loaded; set the system property"
              + " larder.directory to a directory on a file system with room that may hold programs",
          failure);
    } finally {
      remove(directory);
    }
  }

  /** The mapped file stays usable without its name. */
  private static void remove(Path directory) {
    if (directory == null) {
      return;
    }
    try {
      Files.deleteIfExists(directory.resolve("liblarder.so"));
      Files.deleteIfExists(directory);
    } catch (IOException left) {
      directory.toFile().deleteOnExit();
    }
  }

  private static void check() {
    int version;
    try {
      version = Native.initialize();
    } catch (UnsatisfiedLinkError failure) {
      throw new NativeLibraryException("the library that was loaded has no entry points for Java", failure);
    }
    if (version < Native.ABI_VERSION) {
      throw new NativeLibraryException(
          "the library that was loaded has ABI " + version + ", but this version of the jar needs "
              + Native.ABI_VERSION + " or a later one",
          null);
    }
  }

  private static String platform() {
    String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String architecture = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    return (system.startsWith("linux") ? "linux" : system.replace(' ', '-')) + "-"
        + switch (architecture) {
          case "amd64", "x86-64" -> "x86_64";
          case "arm64" -> "aarch64";
          default -> architecture;
        };
  }
}
