/** Larder's stores on servers beside the clients that Java programs use: jnats and Lettuce. */
package io.larder.bench.network;
