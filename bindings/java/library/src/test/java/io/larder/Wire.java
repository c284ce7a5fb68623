package io.larder;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/**
 * Stands between a client and a real server. While it is held, no byte passes: to the client, the server hangs; it accepts
 * connections, as the kernel of one that hangs does, and says nothing.
 */
final class Wire implements AutoCloseable {
  private final ServerSocket listener;
  private final String host;
  private final int port;
  private final List<Socket> open = new ArrayList<>();
  private boolean held;
  private boolean cut;

  /**
   * @param server the server, as host:port
   */
  Wire(String server) throws IOException {
    int colon = server.lastIndexOf(':');
    host = server.substring(0, colon);
    port = Integer.parseInt(server.substring(colon + 1));
    listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    start(this::accept);
  }

  String address() {
    return "127.0.0.1:" + listener.getLocalPort();
  }

  synchronized void hold(boolean held) {
    this.held = held;
    notifyAll();
  }

  @Override
  public synchronized void close() throws IOException {
    cut = true;
    listener.close();
    for (Socket socket : open) {
      socket.close();
    }
    notifyAll();
  }

  /** Waits until bytes may pass; false when none will any more. */
  private synchronized boolean passes() throws InterruptedException {
    while (held && !cut) {
      wait();
    }
    return !cut;
  }

  private synchronized void keep(Socket socket) {
    open.add(socket);
  }

  private void accept() throws IOException {
    while (true) {
      Socket client = listener.accept();
      keep(client);
      start(() -> connect(client));
    }
  }

  private void connect(Socket client) throws IOException, InterruptedException {
    if (!passes()) {
      return;
    }
    Socket server = new Socket(host, port);
    server.setTcpNoDelay(true);
    client.setTcpNoDelay(true);
    keep(server);
    start(() -> copy(client, server));
    copy(server, client);
  }

  private void copy(Socket from, Socket to) throws IOException, InterruptedException {
    byte[] buffer = new byte[1 << 16];
    try (to) {
      int count;
      while ((count = from.getInputStream().read(buffer)) >= 0 && passes()) {
        to.getOutputStream().write(buffer, 0, count);
      }
    }
  }

  private interface Work {
    void run() throws IOException, InterruptedException;
  }

  /** A connection that ends, on either side, ends its threads. */
  private static void start(Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (IOException | InterruptedException ended) {
        Thread.currentThread().interrupt();
      }
    });
    thread.setDaemon(true);
    thread.start();
  }
}
