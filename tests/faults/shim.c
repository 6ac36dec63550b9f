/* Makes calls of the C library fail as a bad disk, a full one or a kill at that moment would: preloaded (LD_PRELOAD)
 * into the program under test, which knows nothing of it. FAULTS holds one rule a line:
 *
 *     CALL NTH ACTION PATH
 *
 * CALL    open read write sync rename link unlink mkdir lock unlock truncate chmod
 *         stat list close thread
 * NTH     3: the third such call on such a path alone; 3+: this and every later one; 3*: every third; counted from 1
 *         over all threads
 * ACTION  an error by name (ENOSPC), KILL: SIGKILL before the call, SHORT: half of the bytes are read or written,
 *         SLEEP: the call takes 20 ms longer, STOP: SIGSTOP before the call
 * PATH    how the path begins that the call names, or that its descriptor has (pipe: for pipes); nothing for every path
 *
 * Every rule that acts appends "CALL ACTION PATH" to the file FAULTS_LOG, if that is set. FAULTS_CLOCK=100: a second
 * of the program's own clock, which no result may depend on, passes in a hundredth of one. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 4096
enum { PASS, SHORT, FAIL };

struct rule {
  char call[16], action[16], path[PATH_BYTES];
  long nth;
  char repeat;
  int error;
  long calls;
};

static struct rule rules[8];
static int rule_count;

static const struct { const char *name; int error; } errors[] = {
    {"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR},   {"EIO", EIO},
    {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"ENOLCK", ENOLCK}, {"ENOSPC", ENOSPC}, {"ENOSYS", ENOSYS},
    {"ENOTSUP", ENOTSUP}, {"EPERM", EPERM}, {"EROFS", EROFS},   {"ESTALE", ESTALE}, {"EINVAL", EINVAL},
};

/* A rule that is not understood would let a test pass without its fault. */
static void refuse(const char *line) {
  fprintf(stderr, "shim: not a rule: %s\n", line);
  _exit(99);
}

static long clock_factor = 1;
static struct timespec clock_start;

__attribute__((constructor)) static void read_rules(void) {
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &clock_start);
  if (getenv("FAULTS_CLOCK")) clock_factor = atol(getenv("FAULTS_CLOCK"));
  const char *text = getenv("FAULTS");
  for (const char *line = text; line && *line;) {
    size_t length = strcspn(line, "\n");
    char nth[16];
    int used = 0;
    struct rule *rule = &rules[rule_count];
    int words = sscanf(line, "%15s %15s %15s%n", rule->call, nth, rule->action, &used);
    if (words != 3 || rule_count == 8 || length >= PATH_BYTES) refuse(line);
    const char *path = line + used + (line[used] == ' ');
    memcpy(rule->path, path, line + length - path);
    char *end;
    rule->nth = strtol(nth, &end, 10);
    rule->repeat = *end;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
      if (!strcmp(errors[i].name, rule->action)) rule->error = errors[i].error;
    if (rule->nth < 1 || !strchr("+*", *end) || (!rule->error && !strstr("KILL SHORT SLEEP STOP", rule->action))) refuse(line);
    rule_count++;
    line += length + (line[length] == '\n');
  }
}

static void tell(const struct rule *rule, const char *path) {
  const char *log = getenv("FAULTS_LOG");
  if (!log) return;
  char line[PATH_BYTES + 64];
  int length = snprintf(line, sizeof line, "%s %s %s\n", rule->call, rule->action, path);
  int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd >= 0) {
    syscall(SYS_write, fd, line, length);
    syscall(SYS_close, fd);
  }
}

/* What happens to this call. FAIL: errno is set. */
static int act(const char *call, const char *path) {
  int outcome = PASS;
  for (struct rule *rule = rules; rule < rules + rule_count && outcome == PASS; rule++) {
    if (strcmp(rule->call, call) || strncmp(rule->path, path, strlen(rule->path))) continue;
    long n = __atomic_add_fetch(&rule->calls, 1, __ATOMIC_SEQ_CST);
    int hit = rule->repeat == '*' ? n % rule->nth == 0 : rule->repeat == '+' ? n >= rule->nth : n == rule->nth;
    if (!hit) continue;
    tell(rule, path);
    if (!strcmp(rule->action, "KILL")) kill(getpid(), SIGKILL);
    if (!strcmp(rule->action, "STOP")) raise(SIGSTOP);
    if (!strcmp(rule->action, "SLEEP")) nanosleep(&(struct timespec){0, 20000000}, NULL);
    if (!strcmp(rule->action, "SHORT")) outcome = SHORT;
    if (rule->error) {
      errno = rule->error;
      outcome = FAIL;
    }
  }
  return outcome;
}

static int act_fd(const char *call, int fd) {
  if (!rule_count) return PASS;
  char link[32], path[PATH_BYTES];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int before = errno;
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  errno = before;
  path[length < 0 ? 0 : length] = 0;
  return act(call, path);
}

/* The C library's own function of this name, with the type of ours. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name, declared, passed)                                        \
  int name declared {                                                       \
    va_list list;                                                           \
    va_start(list, flags);                                                  \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
    va_end(list);                                                           \
    return act("open", path) == FAIL ? -1 : NEXT(name) passed;              \
  }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
OPEN(openat64, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))

/* Transfers of bytes: half of them, or none. */
#define TRANSFER(call, name, declared, passed)     \
  ssize_t name declared {                          \
    int outcome = act_fd(call, fd);                \
    if (outcome == FAIL) return -1;                \
    if (outcome == SHORT && size > 1) size /= 2;   \
    return NEXT(name) passed;                      \
  }
TRANSFER("read", read, (int fd, void *data, size_t size), (fd, data, size))
TRANSFER("read", pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
TRANSFER("read", pread64, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))
TRANSFER("read", readv, (int fd, const struct iovec *data, int size), (fd, data, size))
TRANSFER("write", write, (int fd, const void *data, size_t size), (fd, data, size))
TRANSFER("write", pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
TRANSFER("write", pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
TRANSFER("write", writev, (int fd, const struct iovec *data, int size), (fd, data, size))
TRANSFER("write", copy_file_range, (int from, off64_t *at, int fd, off64_t *to, size_t size, unsigned flags),
         (from, at, fd, to, size, flags))

#define BY_FD(call, name, declared, passed) \
  int name declared { return act_fd(call, fd) == FAIL ? -1 : NEXT(name) passed; }
BY_FD("sync", fsync, (int fd), (fd))
BY_FD("sync", fdatasync, (int fd), (fd))
BY_FD(operation & LOCK_UN ? "unlock" : "lock", flock, (int fd, int operation), (fd, operation))
BY_FD("truncate", ftruncate, (int fd, off_t size), (fd, size))
BY_FD("truncate", ftruncate64, (int fd, off64_t size), (fd, size))
BY_FD("chmod", fchmod, (int fd, mode_t mode), (fd, mode))
BY_FD("stat", fstat, (int fd, struct stat *found), (fd, found))
BY_FD("stat", fstat64, (int fd, struct stat64 *found), (fd, found))

#define BY_PATH(call, name, declared, passed, path) \
  int name declared { return act(call, path) == FAIL ? -1 : NEXT(name) passed; }
BY_PATH("rename", rename, (const char *from, const char *to), (from, to), to)
BY_PATH("rename", renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), to)
BY_PATH("rename", renameat2, (int a, const char *from, int b, const char *to, unsigned how), (a, from, b, to, how), to)
BY_PATH("link", link, (const char *from, const char *to), (from, to), to)
BY_PATH("link", linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), to)
BY_PATH("unlink", unlink, (const char *path), (path), path)
BY_PATH("unlink", unlinkat, (int dir, const char *path, int flags), (dir, path, flags), path)
BY_PATH("mkdir", mkdir, (const char *path, mode_t mode), (path, mode), path)
BY_PATH("chmod", chmod, (const char *path, mode_t mode), (path, mode), path)
BY_PATH("stat", stat, (const char *path, struct stat *found), (path, found), path)
BY_PATH("stat", stat64, (const char *path, struct stat64 *found), (path, found), path)
BY_PATH("stat", lstat, (const char *path, struct stat *found), (path, found), path)
BY_PATH("stat", lstat64, (const char *path, struct stat64 *found), (path, found), path)

/* By descriptor where the path is empty. Rust's library first asks with no path whether there is such a call; volatile,
 * since the compiler believes that a path is always given. */
int statx(int fd, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
  const char *volatile given = path;
  int outcome = !given ? PASS : *path ? act("stat", path) : act_fd("stat", fd);
  return outcome == FAIL ? -1 : NEXT(statx)(fd, path, flags, mask, found);
}

/* The descriptor is closed in any case, as Linux does it. */
int close(int fd) {
  int outcome = act_fd("close", fd), error = errno;
  int closed = NEXT(close)(fd);
  if (outcome == FAIL) errno = error;
  return outcome == FAIL ? -1 : closed;
}

/* No part of `open`: an interrupted one is not begun again by Rust's library. */
DIR *opendir(const char *path) { return act("list", path) == FAIL ? NULL : NEXT(opendir)(path); }

struct dirent *readdir(DIR *dir) { return act_fd("list", dirfd(dir)) == FAIL ? NULL : NEXT(readdir)(dir); }

struct dirent64 *readdir64(DIR *dir) { return act_fd("list", dirfd(dir)) == FAIL ? NULL : NEXT(readdir64)(dir); }

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  return act("thread", "") == FAIL ? errno : NEXT(pthread_create)(thread, attributes, start, argument);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int got = NEXT(clock_gettime)(clock, now);
  if (clock != CLOCK_MONOTONIC || clock_factor == 1 || got) return got;
  const long long second = 1000000000;
  long long since = (now->tv_sec - clock_start.tv_sec) * second + now->tv_nsec - clock_start.tv_nsec;
  long long told = clock_start.tv_sec * second + clock_start.tv_nsec + since * clock_factor;
  *now = (struct timespec){told / second, told % second};
  return 0;
}
