#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Connections on either side, in pairs: 2n is the client's, 2n + 1 the server's. */
#define MOST 128

struct wire {
  pthread_mutex_t lock;
  pthread_t thread;
  struct sockaddr_in own;
  struct sockaddr_in server;
  char address[32];
  int listener;
  int ends[MOST];
  bool held;
  bool ended;
};

static int listen_on(struct sockaddr_in *own) {
  int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t length = sizeof *own;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)own, sizeof *own) == 0 && listen(listener, MOST) == 0 &&
      getsockname(listener, (struct sockaddr *)own, &length) == 0) {
    return listener;
  }
  close(listener);
  return -1;
}

static void break_pair(wire_t *wire, int end) {
  int first = end & ~1;
  for (int i = first; i < first + 2; i++) {
    close(wire->ends[i]);
    wire->ends[i] = -1;
  }
}

static void take(wire_t *wire) {
  int on = 1;
  int client = accept4(wire->listener, NULL, NULL, SOCK_CLOEXEC);
  int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int place = 0;
  while (place < MOST && wire->ends[place] >= 0) place += 2;
  if (client < 0 || place == MOST || connect(server, (struct sockaddr *)&wire->server, sizeof wire->server) != 0) {
    if (client >= 0) close(client);
    close(server);
    return;
  }
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  wire->ends[place] = client;
  wire->ends[place + 1] = server;
}

static void pass(wire_t *wire, int end) {
  char bytes[1 << 14];
  ssize_t count = recv(wire->ends[end], bytes, sizeof bytes, 0);
  ssize_t sent = 0;
  while (sent < count) {
    ssize_t more = send(wire->ends[end ^ 1], bytes + sent, (size_t)(count - sent), MSG_NOSIGNAL);
    if (more <= 0) break;
    sent += more;
  }
  if (count <= 0 || sent < count) break_pair(wire, end);
}

/* What can pass now. */
static void round_of(wire_t *wire) {
  struct pollfd ready[MOST + 1];
  for (int i = 0; i < MOST; i++) ready[i] = (struct pollfd){.fd = wire->ends[i], .events = POLLIN};
  ready[MOST] = (struct pollfd){.fd = wire->listener, .events = POLLIN};
  if (poll(ready, MOST + 1, 0) <= 0) return;
  for (int i = 0; i < MOST; i++) {
    if (ready[i].revents && wire->ends[i] >= 0) pass(wire, i);
  }
  if (ready[MOST].revents) take(wire);
}

static void *run(void *argument) {
  wire_t *wire = argument;
  for (bool ended = false; !ended;) {
    pthread_mutex_lock(&wire->lock);
    if (!wire->held) round_of(wire);
    ended = wire->ended;
    pthread_mutex_unlock(&wire->lock);
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
  }
  return NULL;
}

wire_t *wire_open(const char *server) {
  const char *colon = strrchr(server, ':');
  wire_t *wire = calloc(1, sizeof *wire);
  wire->own = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  wire->server = wire->own;
  wire->server.sin_port = htons((uint16_t)atoi(colon ? colon + 1 : ""));
  for (int i = 0; i < MOST; i++) wire->ends[i] = -1;
  pthread_mutex_init(&wire->lock, NULL);
  wire->listener = listen_on(&wire->own);
  if (wire->listener < 0 || pthread_create(&wire->thread, NULL, run, wire) != 0) {
    free(wire);
    return NULL;
  }
  snprintf(wire->address, sizeof wire->address, "127.0.0.1:%u", (unsigned)ntohs(wire->own.sin_port));
  return wire;
}

const char *wire_address(const wire_t *wire) {
  return wire->address;
}

void wire_hold(wire_t *wire, bool held) {
  pthread_mutex_lock(&wire->lock);
  wire->held = held;
  pthread_mutex_unlock(&wire->lock);
}

void wire_kill(wire_t *wire) {
  pthread_mutex_lock(&wire->lock);
  close(wire->listener);
  wire->listener = -1;
  for (int i = 0; i < MOST; i += 2) {
    if (wire->ends[i] >= 0) break_pair(wire, i);
  }
  pthread_mutex_unlock(&wire->lock);
}

bool wire_revive(wire_t *wire) {
  pthread_mutex_lock(&wire->lock);
  wire->listener = listen_on(&wire->own);
  bool is_there = wire->listener >= 0;
  pthread_mutex_unlock(&wire->lock);
  return is_there;
}

void wire_close(wire_t *wire) {
  wire_kill(wire);
  pthread_mutex_lock(&wire->lock);
  wire->ended = true;
  pthread_mutex_unlock(&wire->lock);
  pthread_join(wire->thread, NULL);
  pthread_mutex_destroy(&wire->lock);
  free(wire);
}
