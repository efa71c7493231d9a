/*
 * Asks a program of ours on its unix socket, as probe.ts does, which serves where no compiler was there when the image was
 * built; one table of tests runs against both. A kubelet starts this every few seconds for each container, so it must cost a
 * millisecond and not the start of a Node.
 *
 *   probe SOCKET PATH [FIELD [MS]]   prints the page; exit code 0: answered 200, and FIELD is true in it; 1: not; 2: bad usage
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ANSWER = 8 << 20 };

static char answer[MAX_ANSWER + 1];
static const char *socket_path;
static long patience_ms = 4000;

static int ill(const char *what) {
  printf("%s: %s\n", socket_path, what);
  return 1;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* Asks and reads to the end; the size of the answer, or -1 and errno (ETIME: too late). */
static long ask(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(socket_path) >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  strcpy(address.sun_path, socket_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return -1;
  static char request[4096];
  /* HTTP/1.0: the page as it is, without chunks, and its end is the end of the connection. */
  int size = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
  if (size < 0 || size >= (int)sizeof request) return errno = ENAMETOOLONG, -1;
  if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size) return -1;
  long end = now_ms() + patience_ms, got = 0;
  while (got < MAX_ANSWER) {
    long left = end - now_ms();
    if (left <= 0) return errno = ETIME, -1;
    struct timeval wait = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ssize_t n = recv(fd, answer + got, (size_t)(MAX_ANSWER - got), 0);
    if (n == 0) break;
    if (n > 0) got += n;
    else if (errno == EAGAIN || errno == EWOULDBLOCK) return errno = ETIME, -1;
    else if (errno != EINTR) return -1;
  }
  answer[got] = 0;
  return got;
}

/* The text after `"field":` of the outermost object; NULL where there is none. Names of ours need no escapes. */
static const char *value_of(const char *json, const char *field) {
  int depth = 0;
  size_t length = strlen(field);
  for (const char *at = json; *at != 0; at++) {
    if (*at == '{' || *at == '[') depth++;
    if (*at == '}' || *at == ']') depth--;
    if (*at != '"') continue;
    const char *name = ++at;
    while (*at != 0 && *at != '"') at += at[0] == '\\' && at[1] != 0 ? 2 : 1;
    if (*at == 0) return NULL;
    const char *after = at + 1 + strspn(at + 1, " \t\r\n");
    if (depth == 1 && *after == ':' && (size_t)(at - name) == length && strncmp(name, field, length) == 0)
      return after + 1 + strspn(after + 1, " \t\r\n");
  }
  return NULL;
}

int main(int count, char **args) {
  if (count < 3) {
    fputs("probe SOCKET PATH [FIELD [MS]]   prints the page; exit code 0: answered 200, and FIELD is true in it\n", stderr);
    return 2;
  }
  socket_path = args[1];
  if (count > 4) patience_ms = strtol(args[4], NULL, 10);
  long size = ask(args[2]);
  if (size < 0 && errno == ETIME) {
    printf("%s: no answer within %ld ms\n", socket_path, patience_ms);
    return 1;
  }
  if (size < 0) return ill(strerrorname_np(errno));
  char *body = strstr(answer, "\r\n\r\n");
  if (strncmp(answer, "HTTP/1.", 7) != 0 || body == NULL) return ill("it answered something that is no HTTP");
  for (body += 4; size > 0 && strchr(" \t\r\n", answer[size - 1]) != NULL && answer + size > body; size--) answer[size - 1] = 0;
  if (strncmp(answer + 8, " 200", 4) != 0) {
    printf("%s: it answered %.3s: %s\n", socket_path, answer + 9, body);
    return 1;
  }
  if (count > 3 && args[3][0] != 0) {
    if (*body != '{') return ill("it answered something that is no JSON");
    const char *value = value_of(body, args[3]);
    if (value == NULL || strncmp(value, "true", 4) != 0 || strchr(",} \t\r\n", value[4]) == NULL) {
      int shown = value == NULL ? 9 : (int)strcspn(value, ",}\r\n");
      printf("%s: %s is %.*s\n", socket_path, args[3], shown, value == NULL ? "undefined" : value);
      return 1;
    }
  }
  puts(body);
  return 0;
}
