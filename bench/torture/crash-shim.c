/*
 * Ends the process at its n-th change to the disk. Preloaded into the service and its engine:
 *   CRASH_SHIM_CONTROL  file of 1 KiB shared with the bench, laid out as struct control
 *   CRASH_SHIM_UNDER    only files whose path begins with this count
 * While armed, every call below counts; the one whose number is the target is not made, and its process dies instead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
  atomic_int armed;
  atomic_int count;
  atomic_int target;
  atomic_int died;
  char what[1008];
};

static struct control *control;
static const char *under;
static size_t under_length;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("CRASH_SHIM_CONTROL");
  under = getenv("CRASH_SHIM_UNDER");
  if (path == NULL || under == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *shared = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  under_length = strlen(under);
  if (shared != MAP_FAILED) control = shared;
}

static void point(const char *call, const char *path) {
  if (strncmp(path, under, under_length) != 0) return;
  int number = atomic_fetch_add(&control->count, 1) + 1;
  if (number != atomic_load(&control->target)) return;
  atomic_store(&control->armed, 0);
  snprintf(control->what, sizeof control->what, "%s %s", call, path + under_length);
  atomic_store(&control->died, (int)getpid());
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void at_path(const char *call, const char *path) {
  if (control != NULL && atomic_load(&control->armed) && path != NULL) point(call, path);
}

static void at_file(const char *call, int fd) {
  if (control == NULL || !atomic_load(&control->armed)) return;
  char link[32], path[900];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  point(call, path);
}

#define REAL(name) static __typeof__(&name) real; if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int rename(const char *from, const char *to) { REAL(rename); at_path("rename", to); return real(from, to); }
int renameat(int a, const char *from, int b, const char *to) { REAL(renameat); at_path("rename", to); return real(a, from, b, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { REAL(renameat2); at_path("rename", to); return real(a, from, b, to, flags); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); at_path("mkdir", path); return real(path, mode); }
int rmdir(const char *path) { REAL(rmdir); at_path("rmdir", path); return real(path); }
int unlink(const char *path) { REAL(unlink); at_path("unlink", path); return real(path); }
int unlinkat(int fd, const char *path, int flags) { REAL(unlinkat); at_path("unlink", path); return real(fd, path, flags); }
int fsync(int fd) { REAL(fsync); at_file("fsync", fd); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); at_file("fdatasync", fd); return real(fd); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); at_file("truncate", fd); return real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); at_file("truncate", fd); return real(fd, size); }
ssize_t write(int fd, const void *data, size_t size) { REAL(write); at_file("write", fd); return real(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { REAL(pwrite); at_file("write", fd); return real(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { REAL(pwrite64); at_file("write", fd); return real(fd, data, size, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { REAL(writev); at_file("write", fd); return real(fd, parts, count); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { REAL(pwritev); at_file("write", fd); return real(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { REAL(pwritev64); at_file("write", fd); return real(fd, parts, count, at); }

#define OPEN(name)                                        \
  int name(const char *path, int flags, ...) {            \
    REAL(name);                                           \
    va_list rest;                                         \
    va_start(rest, flags);                                \
    mode_t mode = va_arg(rest, mode_t);                   \
    va_end(rest);                                         \
    if (flags & (O_CREAT | O_TRUNC)) at_path("create", path); \
    return real(path, flags, mode);                       \
  }
OPEN(open)
OPEN(open64)
