/** Larder and Caffeine 3, measured in one run. */
package io.larder.bench;
