/* Makes and counts traffic: `traffic accept PORT`, `traffic connect IP PORT MS`, `traffic receive PORT`,
 * `traffic send IP PORT MS`. Those that wait for traffic print "ready", and end by SIGTERM. Each prints how much it
 * did and how many microseconds of CPU it took, in-kernel packet processing included: other load on the machine
 * changes these less than anything measured by the wall clock. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Whoever waits looks every so often: woken by each packet, it would measure the scheduler. */
#define PAUSE 1000

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static volatile sig_atomic_t over;
static void stop(int signal) { over = signal; }

static int report(uint64_t done, uint64_t since) {
  printf("%llu %llu\n", (unsigned long long)done, (unsigned long long)(cpu() - since));
  return 0;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in address(const char *ip, const char *port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) die("inet_pton");
  return a;
}

static int listening(int type, const char *port) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1, room = 16 << 20;
  struct sockaddr_in a = address("0.0.0.0", port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0) die("bind");
  if (type == SOCK_STREAM && listen(fd, 4096) < 0) die("listen");
  puts("ready");
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  uint64_t done = 0;
  if (argc >= 3 && !strcmp(argv[1], "accept")) {
    int fd = listening(SOCK_STREAM, argv[2]);
    uint64_t since = cpu();
    while (!over) {
      int c;
      while ((c = accept(fd, NULL, NULL)) >= 0) {
        close(c);
        done++;
      }
      usleep(PAUSE);
    }
    return report(done, since);
  }
  if (argc >= 3 && !strcmp(argv[1], "receive")) {
    int fd = listening(SOCK_DGRAM, argv[2]);
    uint64_t since = cpu();
    char bytes[64];
    while (!over) {
      while (recv(fd, bytes, sizeof bytes, 0) >= 0) done++;
      usleep(PAUSE);
    }
    return report(done, since);
  }
  if (argc < 5) return 2;
  struct sockaddr_in a = address(argv[2], argv[3]);
  uint64_t since = cpu(), end = now() + atoi(argv[4]) * 1000ull;
  if (!strcmp(argv[1], "connect")) {
    struct linger reset = {1, 0};
    while (now() < end) {
      int c = socket(AF_INET, SOCK_STREAM, 0);
      setsockopt(c, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      if (connect(c, (struct sockaddr *)&a, sizeof a) == 0) done++;
      else if (errno != EADDRNOTAVAIL) die("connect");
      close(c);
    }
    return report(done, since);
  }
  if (!strcmp(argv[1], "send")) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(40000)};
    char payload[22] = {0};
    bind(fd, (struct sockaddr *)&own, sizeof own);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
    while (now() < end)
      for (int i = 0; i < 32; i++)
        if (send(fd, payload, sizeof payload, 0) > 0) done++;
    return report(done, since);
  }
  return 2;
}
