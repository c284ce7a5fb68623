/** Examples, each of which shows one thing. */
package io.larder.examples;
