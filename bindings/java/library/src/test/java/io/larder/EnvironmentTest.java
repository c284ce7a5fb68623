package io.larder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;

/**
 * Configuration by variables. This process has none of them, so the profiles' defaults hold, but those of the one service
 * whose record the program that starts the servers has made.
 */
class EnvironmentTest {
  @Test
  void aServiceOfAProfileIsOpenedByItsName() {
    try (Larder larder = Larder.open(Larder.env("ocis", "GRAPH_CACHE"))) {
      larder.store().put(Support.bytes("key"), Support.bytes("value"));
      assertArrayEquals(Support.bytes("value"), larder.store().get(Support.bytes("key")));
      assertTrue(larder.describe().contains("cache-roles"), larder.describe());
    }
    Larder.builder().environment("opencloud", "SETTINGS_CACHE").open().close();
  }

  @Test
  @EnabledIfEnvironmentVariable(named = "NOTIFICATIONS_STORE_NODES", matches = ".+")
  void aServiceReadsWhatItsGoCodeWroteToTheServer() {
    try (Larder larder = Larder.open(Larder.env("ocis", "NOTIFICATIONS_STORE"))) {
      assertArrayEquals(Support.bytes("as oCIS writes it"), larder.store().get(Support.bytes("written by go")));
      larder.store().put(Support.bytes("java"), Support.bytes("value"));
      assertArrayEquals(Support.bytes("value"), larder.store().get(Support.bytes("java")));
    }
  }

  @Test
  void anUnknownServiceOrProfileIsRefusedWithASuggestion() {
    String service = Larder.env("ocis", "GRAPH_CASH");
    ConfigurationException failure = assertThrows(ConfigurationException.class, () -> Larder.open(service));
    assertTrue(failure.getMessage().contains("did you mean \"GRAPH_CACHE\"?"), failure.getMessage());
    String profile = Larder.env("ocsi");
    failure = assertThrows(ConfigurationException.class, () -> Larder.open(profile));
    assertTrue(failure.getMessage().contains("did you mean \"ocis\"?"), failure.getMessage());
    String nothing = Larder.env("larder", "NOTHING_SAYS_ITS_TYPE");
    failure = assertThrows(ConfigurationException.class, () -> Larder.open(nothing));
    assertTrue(failure.getMessage().contains("LARDER_NOTHING_SAYS_ITS_TYPE_STORE"), failure.getMessage());
  }

  @Test
  void anAddressHoldsAnyName() {
    assertEquals("env://ocis", Larder.env("ocis"));
    assertEquals("env://ocis/a%2Fb%3Fc%20d", Larder.env("ocis", "a/b?c d"));
  }
}
