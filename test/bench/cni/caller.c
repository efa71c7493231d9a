/* Calls CNI plugins as a container runtime does: a native program with a thread for each call under way, so that whoever
 * measures is not the queue. It works in the network namespace that it was started in.
 *
 * In, a burst:   "<calls> <at most so many at a time>\n", then for each call its executable, what its standard input gets
 *                and its environment's NAME=value, with tabs between, and "\n".
 * Out, for each: "<µs> <exit code, 128 and the signal, or -1 if it did not start> <what it printed, in one line>\n".
 *
 * Time is from before the process is started until it has ended and all that it printed is read. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_VARIABLES = 32, MAX_ANSWER = 64 << 10 };

struct call {
  char *line, *executable, *input;
  char *environment[MAX_VARIABLES + 1];
  char answer[MAX_ANSWER + 1];
  uint64_t microseconds;
  int code;
};

static struct call *calls;
static int call_count;
static atomic_int next_call;
static posix_spawnattr_t attributes;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* One call, from before its start to its end. */
static void make(struct call *call) {
  int in[2], out[2], status;
  pid_t pid;
  char *words[] = {call->executable, NULL};
  posix_spawn_file_actions_t actions;
  uint64_t begun = now();
  if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) die("pipe2");
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  int failed = posix_spawn(&pid, call->executable, &actions, &attributes, words, call->environment);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  if (failed) {
    call->code = -1;
    snprintf(call->answer, sizeof call->answer, "%s: %s", call->executable, strerror(failed));
  } else {
    /* A configuration fits into the pipe. Who ends without having read it has not failed. */
    if (write(in[1], call->input, strlen(call->input)) < 0 && errno != EPIPE) die("write");
    close(in[1]);
    in[1] = -1;
    size_t got = 0;
    ssize_t n;
    while ((n = read(out[0], call->answer + got, MAX_ANSWER - got)) > 0 || (n < 0 && errno == EINTR))
      if (n > 0) got += (size_t)n;
    call->answer[got] = 0;
    while (waitpid(pid, &status, 0) < 0)
      if (errno != EINTR) die("waitpid");
    call->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  call->microseconds = now() - begun;
  if (in[1] >= 0) close(in[1]);
  close(out[0]);
}

static void *work(void *unused) {
  (void)unused;
  for (int i; (i = atomic_fetch_add(&next_call, 1)) < call_count;) make(&calls[i]);
  return NULL;
}

static void read_call(struct call *call) {
  size_t room = 0;
  call->line = NULL;
  ssize_t length = getline(&call->line, &room, stdin);
  if (length <= 0 || call->line[length - 1] != '\n') die("half a burst");
  call->line[length - 1] = 0;
  char *rest = call->line;
  call->executable = strsep(&rest, "\t");
  call->input = strsep(&rest, "\t");
  if (call->input == NULL) die("half a call");
  int count = 0;
  for (char *word; (word = strsep(&rest, "\t")) != NULL;) {
    if (count == MAX_VARIABLES) die("too many variables");
    call->environment[count++] = word;
  }
  call->environment[count] = NULL;
}

static void burst(int parallel) {
  calls = malloc((size_t)call_count * sizeof *calls);
  pthread_t *threads = malloc((size_t)parallel * sizeof *threads);
  if (calls == NULL || threads == NULL) die("malloc");
  for (int i = 0; i < call_count; i++) read_call(&calls[i]);
  atomic_store(&next_call, 0);
  for (int i = 0; i < parallel; i++)
    if (pthread_create(&threads[i], NULL, work, NULL) != 0) die("pthread_create");
  for (int i = 0; i < parallel; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < call_count; i++) {
    struct call *call = &calls[i];
    for (char *at = call->answer; *at; at++)
      if (*at == '\n') *at = ' ';
    printf("%llu %d %s\n", (unsigned long long)call->microseconds, call->code, call->answer);
    free(call->line);
  }
  fflush(stdout);
  free(threads);
  free(calls);
}

int main(void) {
  sigset_t usual;
  int parallel;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  while (scanf("%d %d", &call_count, &parallel) == 2 && getchar() == '\n') burst(parallel);
  return 0;
}
