/**
 * Larder: one cache and store for Go, Java and C services.
 *
 * <p>A {@link io.larder.Larder} is opened from one configuration and gives named {@linkplain io.larder.Store stores} of
 * byte keys and values, or {@linkplain io.larder.TypedStore typed ones} by a {@link io.larder.Codec}:
 *
 * <pre>{@code
 * try (Larder larder = Larder.open("memory://?max_entries=10000")) {
 *   TypedStore<String, String> names = larder.store().typed(Codecs.string(), Codecs.string());
 *   names.put("de", "Deutschland", PutOptions.lifespan(Duration.ofMinutes(5)));
 *   String name = names.get("de"); // null when there is none
 * }
 * }</pre>
 *
 * <p>Conventions that hold everywhere:
 *
 * <ul>
 *   <li>A method never answers null but where it says so, and takes null nowhere but where it says so.
 *   <li>A miss is null from a plain {@code get}, an empty {@link java.util.Optional} from {@code getEntry}.
 *   <li>Arrays that are passed are copied before a method returns; arrays that are answered belong to the caller.
 *   <li>Each operation on one record is atomic. An operation on many is not one transaction.
 *   <li>Every method may be called by any thread, also after the close, which it answers by a
 *       {@link io.larder.ClosedException}.
 *   <li>A synchronous call blocks its thread until the answer or the store's {@linkplain io.larder.Store#withTimeout
 *       timeout}; a memory store never blocks. Interrupts are not noticed. On a virtual thread it holds the carrier
 *       thread: prefer {@link io.larder.Store#async()} for stores that are not
 *       {@linkplain io.larder.Store#isImmediate() immediate}.
 *   <li>Failures are {@link io.larder.LarderException}s, which are unchecked.
 * </ul>
 */
package io.larder;
