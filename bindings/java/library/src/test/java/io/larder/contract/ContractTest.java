package io.larder.contract;

import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The contract of a store, which is the same in every language: {@code tests/contract} of the repository. */
@Execution(ExecutionMode.CONCURRENT)
class ContractTest {
  private static final Set<String> CASE = Set.of("name", "types", "except", "settings", "handles", "steps");

  @TestFactory
  List<DynamicTest> everyCaseHoldsForEachTypeInEachWay() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    Optional<JsonNode> servers = Kind.servers();
    try (Stream<Path> files = Files.list(directory())) {
      for (Path file : files.filter(path -> path.toString().endsWith(".json")).sorted().toList()) {
        JsonNode document = new ObjectMapper().readTree(file.toFile());
        Values.known(document, Set.of("format", "about", "cases"));
        for (JsonNode example : document.get("cases")) {
          tests.addAll(tests(file.getFileName().toString(), example, servers));
        }
      }
    }
    assertFalse(tests.isEmpty(), "there are no cases in " + directory());
    return tests;
  }

  private static Path directory() {
    String named = System.getenv("LARDER_CONTRACT");
    return Path.of(named == null ? System.getProperty("larder.contract") : named);
  }

  private static List<DynamicTest> tests(String file, JsonNode example, Optional<JsonNode> servers) {
    Values.known(example, CASE);
    List<DynamicTest> tests = new ArrayList<>();
    for (Kind kind : Kind.ofCase(example, servers)) {
      for (Way way : Way.values()) {
        String name = file + ": " + example.get("name").textValue() + " (" + kind.name() + ", " + way + ")";
        tests.add(DynamicTest.dynamicTest(name, () -> run(way, kind, example)));
      }
    }
    return tests;
  }

  private static void run(Way way, Kind kind, JsonNode example) throws Exception {
    try (Runner runner = new Runner(way, kind, example)) {
      int index = 0;
      for (JsonNode step : example.get("steps")) {
        try {
          runner.step(step);
        } catch (AssertionError | Exception failure) {
          throw new AssertionError("step " + index + ", " + step + ": " + failure.getMessage(), failure);
        }
        index++;
      }
    }
  }
}
