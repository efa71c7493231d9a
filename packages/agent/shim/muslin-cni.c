/*
 * The CNI executable of Muslin: passes the request to the agent's socket and prints the answer. Nothing else.
 *
 * Same behaviour as src/cni/shim.ts, which serves where no compiler was there when the image was built; one table of
 * tests runs against both. Plain C99 and POSIX, made to be linked statically: it starts in about a millisecond.
 *
 * Started by the name `loopback` it is that plugin (loopback.c).
 *
 * Beside the executable stands `<executable>.conf`:  socket=/run/muslin/cni.sock  and  queue=/var/lib/muslin/cni-queue
 *
 * Request:  "MSLCNI1\0", each CNI_* variable as "NAME=value\0", "\0", then standard input to its end.
 * Answer:   "<exit code> <length>\n" and that many bytes for standard output.
 */
#define _GNU_SOURCE
#include "loopback.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/*
 * MOST_KEPT bounds the queue: where no agent answers for days, runtimes try pods again and again, and send DELs for each try.
 */
enum { MOST_INPUT = 1 << 20, MOST_ANSWER = 1 << 20, ANSWER_SECONDS = 120, MOST_KEPT = 10000 };

static const char *const NAMES[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME",
                                    "CNI_ARGS",    "CNI_PATH",        "CNI_NETNS_OVERRIDE"};
static const char VERSIONS[] =
    "[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]";

static char socket_path[108] = "/run/muslin/cni.sock";
static char queue_path[512] = "/var/lib/muslin/cni-queue";
static char input[MOST_INPUT + 1];
static size_t input_size;
static char request[MOST_INPUT + 65536];
static size_t request_size;
static char answer[MOST_ANSWER + 64];

static void put(const void *bytes, size_t count) {
  if (request_size + count > sizeof request) return;
  memcpy(request + request_size, bytes, count);
  request_size += count;
}

/* The config's cniVersion, for error answers; only digits and dots can come out. */
static const char *cni_version(void) {
  static char version[16];
  const char *at = strstr(input, "\"cniVersion\"");
  if (at == NULL) return "1.1.0";
  at += strlen("\"cniVersion\"");
  at += strspn(at, " \t\r\n");
  if (*at++ != ':') return "1.1.0";
  at += strspn(at, " \t\r\n");
  if (*at++ != '"') return "1.1.0";
  size_t n = strspn(at, "0123456789.");
  if (n == 0 || n >= sizeof version || at[n] != '"') return "1.1.0";
  memcpy(version, at, n);
  version[n] = 0;
  return version;
}

static int refuse(int code, const char *message, const char *details) {
  printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s\",\"details\":\"%s\"}\n", cni_version(), code, message, details);
  return 1;
}

/* A path that does not fit is ignored: half a path would be another path. */
static void copy(char *to, size_t room, const char *from) {
  if (strlen(from) < room) strcpy(to, from);
}

static void read_conf(void) {
  char path[4096 + 8], line[1024];
  ssize_t n = readlink("/proc/self/exe", path, 4096);
  if (n <= 0) return;
  strcpy(path + n, ".conf");
  FILE *file = fopen(path, "re");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\r\n")] = 0;
    if (strncmp(line, "socket=", 7) == 0) copy(socket_path, sizeof socket_path, line + 7);
    if (strncmp(line, "queue=", 6) == 0) copy(queue_path, sizeof queue_path, line + 6);
  }
  fclose(file);
}

static int read_input(void) {
  for (;;) {
    ssize_t n = read(0, input + input_size, MOST_INPUT - input_size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) return 0;
    input_size += (size_t)n;
    if (input_size >= MOST_INPUT) return -1;
  }
}

static void build_request(void) {
  put("MSLCNI1", 8);
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    const char *value = getenv(NAMES[i]);
    if (value == NULL || strlen(value) > 8000) continue;
    put(NAMES[i], strlen(NAMES[i]));
    put("=", 1);
    put(value, strlen(value) + 1);
  }
  put("", 1);
  put(input, input_size);
}

static int connect_agent(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval limit = {.tv_sec = ANSWER_SECONDS};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  strcpy(address.sun_path, socket_path);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

/* 0 and the exit code in *code when the agent gave a whole answer. */
static int ask_agent(int fd, int *code) {
  size_t sent = 0, got = 0;
  while (sent < request_size) {
    ssize_t n = send(fd, request + sent, request_size - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    sent += (size_t)n;
  }
  shutdown(fd, SHUT_WR);
  while (got < sizeof answer - 1) {
    ssize_t n = read(fd, answer + got, sizeof answer - 1 - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    got += (size_t)n;
  }
  answer[got] = 0;
  char *body = memchr(answer, '\n', got);
  unsigned long length;
  if (body == NULL || sscanf(answer, "%d %lu", code, &length) != 2) return -1;
  /* Others would wrap round, 256 to success. */
  if (*code < 0 || *code > 255) return -1;
  body++;
  if ((size_t)(answer + got - body) < length) return -1;
  for (size_t out = 0; out < length;) {
    ssize_t n = write(1, body + out, length - out);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out += (size_t)n;
  }
  return 0;
}

/* Makes the folder of kept DELs with all that it lies in. */
static void make_queue(void) {
  char path[sizeof queue_path];
  strcpy(path, queue_path);
  for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
    *at = 0;
    mkdir(path, 0755);
    *at = '/';
  }
  mkdir(path, 0700);
}

/* Whether the queue has room for one more. */
static int has_room(void) {
  int count = 0;
  DIR *folder = opendir(queue_path);
  if (folder == NULL) return 1;
  while (count < MOST_KEPT + 2 && readdir(folder) != NULL) count++;
  closedir(folder);
  /* Among them are . and .. */
  return count < MOST_KEPT + 2;
}

/* Keeps a DEL for the agent's return: written whole, synced, then renamed into place. NULL, or why not. */
static const char *queue_request(void) {
  char temporary[768], final[768];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  snprintf(temporary, sizeof temporary, "%s/.%ld.%09ld.%d", queue_path, (long)now.tv_sec, now.tv_nsec, (int)getpid());
  snprintf(final, sizeof final, "%s/%ld.%09ld.%d.del", queue_path, (long)now.tv_sec, now.tv_nsec, (int)getpid());
  make_queue();
  if (!has_room()) return "10000 DELs are kept already";
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return strerror(errno);
  errno = ENOSPC;
  int good = write(fd, request, request_size) == (ssize_t)request_size && fsync(fd) == 0;
  int why = errno;
  close(fd);
  if (good && rename(temporary, final) == 0) return NULL;
  if (good) why = errno;
  unlink(temporary);
  return strerror(why);
}

int main(int count, char **words) {
  const char *command = getenv("CNI_COMMAND");
  if (command == NULL || *command == 0) {
    fprintf(stderr, "Muslin CNI plugin; supports CNI versions 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n");
    return 0;
  }
  if (strcmp(command, "VERSION") == 0) {
    printf("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":%s}\n", VERSIONS);
    return 0;
  }
  if (read_input() != 0) return refuse(5, "cannot read the network configuration from standard input", "");
  if (count > 0 && is_loopback(words[0])) {
    const char *why = loopback(command, cni_version());
    return why == NULL ? 0 : refuse(5, "lo can't be brought up in the pod's network namespace", why);
  }
  read_conf();
  build_request();
  int code = 1;
  int fd = connect_agent();
  if (fd >= 0 && ask_agent(fd, &code) == 0) return code;
  if (strcmp(command, "DEL") == 0) {
    const char *why = queue_request();
    if (why == NULL) return 0;
    return refuse(11, "the Muslin agent is not there and the DEL could not be queued; try again", why);
  }
  if (strcmp(command, "STATUS") == 0) return refuse(50, "the Muslin agent of this node is not running", "");
  return refuse(11, "the Muslin agent of this node is not running; try again", "");
}
