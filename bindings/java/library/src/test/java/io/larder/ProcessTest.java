package io.larder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Virtual machines that begin and end. */
class ProcessTest {
  private record Ended(int code, String output) {}

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"in-flight", "exit", "halt"})
  void aVirtualMachineExitsWithRequestsInFlight(String how) throws Exception {
    for (int round = 0; round < 3; round++) {
      Ended ended = run(List.of("-Dlarder.library=" + library()), Map.of(), how);
      assertEquals(0, ended.code, ended.output);
    }
  }

  @Test
  void aLarderThatCouldNotBeOpenedDoesNotKeepTheLogFromTheNext() throws Exception {
    Ended ended = run(List.of("-Dlarder.library=" + library()), Map.of(), "log");
    assertEquals(0, ended.code, ended.output);
  }

  @Test
  void theNativesUseJniAsItIsMeantToBe() throws Exception {
    Ended ended = run(List.of("-Xcheck:jni", "-Dlarder.library=" + library()), Map.of(), "everything");
    assertEquals(0, ended.code, ended.output);
    assertTrue(ended.output.contains("done"), ended.output);
    assertFalse(ended.output.contains("WARNING in native method"), ended.output);
    assertFalse(ended.output.contains("FATAL ERROR in native method"), ended.output);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-XX:+UseSerialGC", "-XX:+UseParallelGC", "-XX:+UseZGC", "-Xint"})
  void everyCollectorAndTheInterpreterWork(String option) throws Exception {
    Ended ended = run(List.of(option, "-Dlarder.library=" + library()), Map.of(), "everything");
    assertEquals(0, ended.code, ended.output);
  }

  @Test
  void theLibraryIsFoundByPropertyThenVariableThenPath() throws Exception {
    Files.copy(library(), directory.resolve("liblarder.so"));
    assertEquals(0, run(List.of("-Dlarder.library=" + library()), Map.of("LARDER_LIBRARY", "/no"), "open").code);
    assertEquals(0, run(List.of(), Map.of("LARDER_LIBRARY", library().toString()), "open").code);
    assertEquals(0, run(List.of("-Djava.library.path=/no:" + directory), Map.of(), "open").code);
  }

  @Test
  void aLibraryThatIsNotFoundIsAnErrorThatSaysWhereItWasLookedFor() throws Exception {
    Ended ended = run(List.of("-Djava.library.path=/no/such"), Map.of(), "open");
    assertEquals(1, ended.code);
    assertTrue(ended.output.contains("io.larder.NativeLibraryException"), ended.output);
    for (String place : List.of("larder.library", "LARDER_LIBRARY", "/no/such/liblarder.so", "/native/linux-")) {
      assertTrue(ended.output.contains(place), () -> place + " is missing: " + ended.output);
    }
    Path text = Files.writeString(directory.resolve("text.so"), "no library");
    Ended wrong = run(List.of("-Dlarder.library=" + text), Map.of(), "open");
    assertTrue(wrong.output.contains("io.larder.NativeLibraryException"), wrong.output);
    assertTrue(wrong.output.contains("text.so"), wrong.output);
    Ended other = run(List.of("-Dlarder.library=" + otherLibrary()), Map.of(), "open");
    assertTrue(other.output.contains("no entry points for Java"), other.output);
  }

  @Test
  void theLibraryInTheJarIsCopiedIntoAPrivateDirectoryThatIsRemoved() throws Exception {
    Path resources = directory.resolve("resources");
    String architecture = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
    Path inJar = resources.resolve("native/linux-" + architecture + "/liblarder.so");
    Files.createDirectories(inJar.getParent());
    Files.copy(library(), inJar);
    Path copies = directory.resolve("copies");
    List<String> inJarOnly = List.of("-Djava.library.path=", "-Dclasses=" + resources);
    List<String> options = with("-Dlarder.directory=" + copies, inJarOnly);
    Ended ended = run(options, Map.of(), "everything");
    assertEquals(0, ended.code, ended.output);
    try (Stream<Path> left = Files.list(copies)) {
      assertEquals(List.of(), left.toList());
    }
    Path file = Files.writeString(directory.resolve("file"), "");
    Ended blocked = run(with("-Dlarder.directory=" + file, inJarOnly), Map.of(), "open");
    assertEquals(1, blocked.code, blocked.output);
    assertTrue(blocked.output.contains("larder.directory"), blocked.output);
  }

  private static List<String> with(String option, List<String> options) {
    List<String> all = new ArrayList<>(options);
    all.add(option);
    return all;
  }

  static Path library() {
    String property = System.getProperty("larder.library");
    return Path.of(property == null || property.isEmpty() ? System.getenv("LARDER_LIBRARY") : property)
        .toAbsolutePath();
  }

  /** A shared object that is not Larder's: one of the virtual machine's own. */
  private static Path otherLibrary() {
    return Path.of(System.getProperty("java.home"), "lib", "libzip.so");
  }

  private Ended run(List<String> options, Map<String, String> environment, String what) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    String more = "";
    for (String option : options) {
      if (option.startsWith("-Dclasses=")) {
        more = ":" + option.substring("-Dclasses=".length());
      } else {
        command.add(option);
      }
    }
    command.addAll(List.of("-Xmx512m", "-cp", System.getProperty("java.class.path") + more, "io.larder.Child", what));
    Path output = Files.createTempFile(directory, "output", ".txt");
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().remove("LARDER_LIBRARY");
    builder.environment().putAll(environment);
    Process process = builder.start();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      fail("it does not end: " + read(output));
    }
    return new Ended(process.exitValue(), read(output));
  }

  private static String read(Path output) throws IOException {
    return Files.readString(output);
  }
}
