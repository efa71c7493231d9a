/*
 * The CNI plugin `loopback`: brings up lo of a pod. Runtimes start it by that name for each sandbox, beside the pod's own
 * network, so a node without it starts no pod at all. The executable is it when it is started under that name.
 *
 * Runtimes start it alone, never in a list of several: prevResult is not passed on.
 */
#define _GNU_SOURCE
#include "loopback.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int is_loopback(const char *name) {
  const char *slash = strrchr(name, '/');
  return strcmp(slash == NULL ? name : slash + 1, "loopback") == 0;
}

/* Enters the sandbox and reads lo's flags; a socket for more, or -1 with errno. */
static int open_lo(const char *netns, struct ifreq *lo) {
  int there = open(netns, O_RDONLY | O_CLOEXEC);
  if (there < 0) return -1;
  int entered = setns(there, CLONE_NEWNET);
  close(there);
  if (entered != 0) return -1;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  memset(lo, 0, sizeof *lo);
  strcpy(lo->ifr_name, "lo");
  return ioctl(fd, SIOCGIFFLAGS, lo) == 0 ? fd : -1;
}

/* Whether lo has ::1: a kernel or a pod may be without IPv6. Fields of if_inet6: address, ..., name. */
static int has_ipv6(void) {
  char line[128];
  int found = 0;
  FILE *file = fopen("/proc/self/net/if_inet6", "re");
  if (file == NULL) return 0;
  while (!found && fgets(line, sizeof line, file) != NULL)
    found = strncmp(line, "00000000000000000000000000000001 ", 33) == 0;
  fclose(file);
  return found;
}

/* Results before 0.3.0 have no interfaces; before 1.0.0 addresses say their family. */
static void print_result(const char *version, const char *netns) {
  int ipv6 = has_ipv6();
  if (strncmp(version, "0.1.", 4) == 0 || strncmp(version, "0.2.", 4) == 0) {
    printf("{\"cniVersion\":\"%s\",\"ip4\":{\"ip\":\"127.0.0.1/8\"}", version);
    puts(ipv6 ? ",\"ip6\":{\"ip\":\"::1/128\"}}" : "}");
    return;
  }
  int old = version[0] == '0';
  printf("{\"cniVersion\":\"%s\",\"interfaces\":[{\"name\":\"lo\",\"mac\":\"00:00:00:00:00:00\",\"sandbox\":\"", version);
  for (const char *at = netns; *at != 0; at++) {
    if (*at == '"' || *at == '\\') putchar('\\');
    putchar(*at);
  }
  printf("\"}],\"ips\":[{%s\"address\":\"127.0.0.1/8\",\"interface\":0}", old ? "\"version\":\"4\"," : "");
  if (ipv6) printf(",{%s\"address\":\"::1/128\",\"interface\":0}", old ? "\"version\":\"6\"," : "");
  puts("]}");
}

const char *loopback(const char *command, const char *version) {
  const char *netns = getenv("CNI_NETNS");
  int adds = strcmp(command, "ADD") == 0;
  /* What DEL would take away goes with the sandbox. */
  if (!adds && strcmp(command, "CHECK") != 0) return NULL;
  if (netns == NULL || *netns == 0) return "CNI_NETNS is missing";
  struct ifreq lo;
  int fd = open_lo(netns, &lo);
  if (fd < 0) return strerror(errno);
  int up = (lo.ifr_flags & IFF_UP) != 0;
  if (!adds) return up ? NULL : "lo is down";
  lo.ifr_flags |= IFF_UP;
  if (!up && ioctl(fd, SIOCSIFFLAGS, &lo) != 0) return strerror(errno);
  print_result(version, netns);
  return NULL;
}
