/* Whether the executable was started by the name `loopback`. */
int is_loopback(const char *name);

/* Does what a runtime asks of lo and prints the result in this version; what went wrong, or NULL. */
const char *loopback(const char *command, const char *version);
