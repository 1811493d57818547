/* The bad habits of a shared disk, for one process: load it with LD_PRELOAD; tests/shared_disk.py says how.

   Below SHARED_DISK this process is a client of a file server that trusts what it knew of a name.

   SHARED_DISK_LATE=s    What others create, replace or remove shows after s seconds: until then a name is what it was. Once
                         its folder is listed, a name is asked for again. What this process does itself it sees at once, and
                         link, mkdir and open(O_EXCL) are decided by the server.
   SHARED_DISK_STALE=s   A listing is answered from one that is up to s seconds old, unless this process has changed the folder.
   SHARED_DISK_NOLOCKS=1 flock, fcntl and lockf succeed for everyone.
   SHARED_DISK_CLOCK=s   This machine's clock is s seconds ahead of the clock that gives files their times.
   SHARED_DISK_HOST=name The name of this machine.  */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum state { UNKNOWN, FRESH, ABSENT, OLD };

struct name { /* what this process knows of a path */
  struct name *next;
  char *path;
  enum state state;
  double when;             /* since when it is known */
  int fd;                  /* of the file that the name stood for: OLD */
  int seen;                /* it has stood for a file before */
  unsigned long long own;  /* the inode that this process has put there */
  double listed;           /* of a folder: when it was listed last */
  struct listing *listing; /* and what that said */
};

struct listing {
  double when;
  size_t count;
  struct dirent64 *entries;
};

struct reading { /* a folder that is being read */
  struct reading *next;
  DIR *dir;
  struct listing *listing;
  size_t at;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct name *names[4096];
static struct reading *readings;
static char root[PATH_MAX];
static double late, stale, ahead;
static int nolocks;
static const char *host;
static uintptr_t python_start, python_end;

static int find_python(struct dl_phdr_info *info, size_t size, void *unused) {
  const char *file = strrchr(info->dlpi_name, '/');
  (void)size, (void)unused;
  if (*info->dlpi_name && strncmp(file ? file + 1 : info->dlpi_name, "libpython", 9)) return 0;
  if (!*info->dlpi_name && python_start) return 0; /* the program itself, where Python is not in a library */
  python_start = UINTPTR_MAX, python_end = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, end = start + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    if (start < python_start) python_start = start;
    if (end > python_end) python_end = end;
  }
  return 0;
}

static double number(const char *name) { return getenv(name) ? atof(getenv(name)) : 0.0; }

__attribute__((constructor)) static void begin(void) {
  if (getenv("SHARED_DISK")) snprintf(root, sizeof root, "%s", getenv("SHARED_DISK"));
  late = number("SHARED_DISK_LATE"), stale = number("SHARED_DISK_STALE"), ahead = number("SHARED_DISK_CLOCK");
  nolocks = number("SHARED_DISK_NOLOCKS") != 0.0;
  host = getenv("SHARED_DISK_HOST");
  dl_iterate_phdr(find_python, NULL);
}

static double now(void) { /* by the clock of the disk */
  struct timespec time;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* ---- what this process knows */

static int below(char *whole, int dirfd, const char *path) { /* whether it is on the shared disk; its whole path */
  char base[PATH_MAX] = "";
  if (!*root || !path) return 0;
  if (*path != '/') {
    char link[64];
    if (dirfd == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
      ssize_t length = readlink(link, base, sizeof base - 1);
      if (length < 0) return 0;
      base[length] = 0;
    }
  }
  if (strlen(base) + strlen(path) + 2 > PATH_MAX) return 0;
  char *end = whole;
  for (const char *part = (strcat(strcat(base, "/"), path)); *part;) {
    size_t length = strcspn(part, "/");
    if (length && !(length == 1 && *part == '.')) {
      *end++ = '/';
      memcpy(end, part, length);
      end += length;
    }
    part += length + (part[length] == '/');
  }
  *end = 0;
  size_t length = strlen(root);
  return !strncmp(whole, root, length) && (!whole[length] || whole[length] == '/');
}

static struct name *name_of(const char *path) {
  unsigned hash = 5381;
  for (const char *letter = path; *letter; letter++) hash = hash * 33 + (unsigned char)*letter;
  struct name **place = &names[hash % 4096];
  for (struct name *each = *place; each; each = each->next)
    if (!strcmp(each->path, path)) return each;
  struct name *made = calloc(1, sizeof *made);
  made->path = strdup(path), made->next = *place, made->fd = -1;
  return *place = made;
}

static struct name *parent_of(const char *path) {
  char parent[PATH_MAX];
  strcpy(parent, path);
  *strrchr(parent, '/') = 0;
  return name_of(parent);
}

static void forget(struct name *name) {
  if (name->fd >= 0) syscall(SYS_close, name->fd);
  name->fd = -1, name->state = UNKNOWN;
}

static enum state look(struct name *name) { /* what the name is, as far as this process is told; locked */
  if (late <= 0 || !strcmp(name->path, root)) return FRESH;
  double time = now();
  if (name->state != UNKNOWN && time - name->when >= late) forget(name);
  if (name->state != UNKNOWN) return name->state;
  struct statx found;
  if (syscall(SYS_statx, AT_FDCWD, name->path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &found)) {
    name->when = time;
    return name->state = ABSENT;
  }
  double born = found.stx_btime.tv_sec + found.stx_btime.tv_nsec / 1e9;
  if (found.stx_ino != name->own && !name->seen && born + late > time && parent_of(name->path)->listed < born) {
    name->when = born;
    return name->state = ABSENT;
  }
  name->seen = 1;
  if (!S_ISREG(found.stx_mode)) return FRESH;
  int fd = syscall(SYS_openat, AT_FDCWD, name->path, O_PATH | O_CLOEXEC, 0);
  if (fd < 0) return FRESH;
  name->fd = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 400);
  syscall(SYS_close, fd);
  name->when = time;
  return name->state = OLD;
}

static enum state look_up(int dirfd, const char *path, int *fd) {
  char whole[PATH_MAX];
  if (!below(whole, dirfd, path)) return FRESH;
  pthread_mutex_lock(&lock);
  struct name *name = name_of(whole);
  enum state state = look(name);
  *fd = name->fd;
  pthread_mutex_unlock(&lock);
  if (state == ABSENT) errno = ENOENT;
  return state;
}

static void changed(int dirfd, const char *path, int result) { /* this process has asked the server about the name */
  char whole[PATH_MAX];
  int error = errno;
  if ((result >= 0 || error == EEXIST) && below(whole, dirfd, path)) {
    pthread_mutex_lock(&lock);
    struct name *name = name_of(whole), *parent = parent_of(whole);
    struct statx found;
    forget(name);
    name->own = syscall(SYS_statx, AT_FDCWD, whole, AT_SYMLINK_NOFOLLOW, STATX_INO, &found) ? 0 : found.stx_ino;
    if (result >= 0) parent->listing = NULL;
    pthread_mutex_unlock(&lock);
  }
  errno = error;
}

/* ---- reading */

static int open_late(int dirfd, const char *path, int flags, mode_t mode) {
  int old, result;
  if (!(flags & (O_CREAT | O_DIRECTORY))) {
    switch (look_up(dirfd, path, &old)) {
      case ABSENT: return -1;
      case OLD:
        if ((flags & O_ACCMODE) == O_RDONLY) {
          char link[64];
          snprintf(link, sizeof link, "/proc/self/fd/%d", old);
          return syscall(SYS_openat, AT_FDCWD, link, flags & ~O_NOFOLLOW, 0);
        }
      default: break;
    }
  }
  result = syscall(SYS_openat, dirfd, path, flags, mode);
  if (flags & O_CREAT) changed(dirfd, path, result);
  return result;
}

#define MODE(flags, last) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, last); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { MODE(flags, flags) return open_late(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return open_late(AT_FDCWD, path, flags, mode); }
int openat(int dirfd, const char *path, int flags, ...) { MODE(flags, flags) return open_late(dirfd, path, flags, mode); }
int openat64(int dirfd, const char *path, int flags, ...) { MODE(flags, flags) return open_late(dirfd, path, flags, mode); }

static int stat_late(int dirfd, const char *path, struct stat64 *found, int flags) {
  int old;
  switch (path && *path ? look_up(dirfd, path, &old) : FRESH) {
    case ABSENT: return -1;
    case OLD: return REAL(fstatat64)(old, "", found, AT_EMPTY_PATH);
    default: return REAL(fstatat64)(dirfd, path, found, flags);
  }
}

int stat64(const char *path, struct stat64 *found) { return stat_late(AT_FDCWD, path, found, 0); }
int lstat64(const char *path, struct stat64 *found) { return stat_late(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW); }
int fstatat64(int dirfd, const char *path, struct stat64 *found, int flags) { return stat_late(dirfd, path, found, flags); }

static int access_late(int dirfd, const char *path, int mode) {
  int old;
  switch (look_up(dirfd, path, &old)) {
    case ABSENT: return -1;
    case OLD: return 0;
    default: return syscall(SYS_faccessat, dirfd, path, mode);
  }
}

int access(const char *path, int mode) { return access_late(AT_FDCWD, path, mode); }
int faccessat(int dirfd, const char *path, int mode, int flags) { (void)flags; return access_late(dirfd, path, mode); }

/* ---- changing */

static int link_late(int from, const char *old, int to, const char *new, int flags) {
  int result = syscall(SYS_linkat, from, old, to, new, flags);
  changed(to, new, result);
  return result;
}

int link(const char *old, const char *new) { return link_late(AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from, const char *old, int to, const char *new, int flags) { return link_late(from, old, to, new, flags); }

static int rename_late(int from, const char *old, int to, const char *new) {
  int result = syscall(SYS_renameat2, from, old, to, new, 0);
  changed(from, old, result);
  changed(to, new, result);
  return result;
}

int rename(const char *old, const char *new) { return rename_late(AT_FDCWD, old, AT_FDCWD, new); }
int renameat(int from, const char *old, int to, const char *new) { return rename_late(from, old, to, new); }

static int mkdir_late(int dirfd, const char *path, mode_t mode) {
  int result = syscall(SYS_mkdirat, dirfd, path, mode);
  changed(dirfd, path, result);
  return result;
}

int mkdir(const char *path, mode_t mode) { return mkdir_late(AT_FDCWD, path, mode); }
int mkdirat(int dirfd, const char *path, mode_t mode) { return mkdir_late(dirfd, path, mode); }

static int unlink_late(int dirfd, const char *path, int flags) {
  int old;
  if (!(flags & AT_REMOVEDIR) && look_up(dirfd, path, &old) == ABSENT) return -1;
  int result = syscall(SYS_unlinkat, dirfd, path, flags);
  changed(dirfd, path, result);
  return result;
}

int unlink(const char *path) { return unlink_late(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlink_late(AT_FDCWD, path, AT_REMOVEDIR); }
int unlinkat(int dirfd, const char *path, int flags) { return unlink_late(dirfd, path, flags); }

/* ---- listing */

static DIR *listed(DIR *dir) {
  char path[PATH_MAX];
  if (!dir || !below(path, dirfd(dir), ".")) return dir;
  pthread_mutex_lock(&lock);
  struct name *folder = name_of(path);
  double time = now();
  if (!folder->listing || time - folder->listing->when >= stale) {
    struct listing *made = calloc(1, sizeof *made); /* kept: somebody may be reading the one before */
    made->when = time;
    for (struct dirent64 *entry; (entry = REAL(readdir64)(dir));) {
      made->entries = realloc(made->entries, (made->count + 1) * sizeof *entry);
      memcpy(&made->entries[made->count++], entry, entry->d_reclen);
    }
    folder->listing = made;
  }
  struct reading *reading = calloc(1, sizeof *reading);
  reading->dir = dir, reading->listing = folder->listing, reading->next = readings;
  readings = reading;
  folder->listed = time;
  for (size_t i = 0; i < 4096; i++)
    for (struct name *each = names[i]; each; each = each->next)
      if (strrchr(each->path, '/') - each->path == (long)strlen(path) && !strncmp(each->path, path, strlen(path))) forget(each);
  pthread_mutex_unlock(&lock);
  return dir;
}

DIR *opendir(const char *path) {
  int old;
  return look_up(AT_FDCWD, path, &old) == ABSENT ? NULL : listed(REAL(opendir)(path));
}

DIR *fdopendir(int fd) { return listed(REAL(fdopendir)(fd)); }

static struct reading **reading_of(DIR *dir) {
  struct reading **place = &readings;
  while (*place && (*place)->dir != dir) place = &(*place)->next;
  return place;
}

struct dirent64 *readdir64(DIR *dir) {
  pthread_mutex_lock(&lock);
  struct reading *reading = *reading_of(dir);
  struct dirent64 *entry = NULL;
  if (reading && reading->at < reading->listing->count) entry = &reading->listing->entries[reading->at++];
  pthread_mutex_unlock(&lock);
  return reading ? entry : REAL(readdir64)(dir);
}

void rewinddir(DIR *dir) {
  pthread_mutex_lock(&lock);
  struct reading *reading = *reading_of(dir);
  if (reading) reading->at = 0;
  pthread_mutex_unlock(&lock);
  if (!reading) REAL(rewinddir)(dir);
}

int closedir(DIR *dir) {
  pthread_mutex_lock(&lock);
  struct reading **place = reading_of(dir), *ended = *place;
  if (ended) *place = ended->next, free(ended);
  pthread_mutex_unlock(&lock);
  return REAL(closedir)(dir);
}

/* ---- locks */

int flock(int fd, int operation) { return nolocks ? 0 : syscall(SYS_flock, fd, operation); }

static int fcntl_late(int fd, int command, long argument) {
  int is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
  return nolocks && is_lock ? 0 : syscall(SYS_fcntl, fd, command, argument);
}

#define ARGUMENT va_list more; va_start(more, command); long argument = va_arg(more, long); va_end(more);
int fcntl(int fd, int command, ...) { ARGUMENT return fcntl_late(fd, command, argument); }
int fcntl64(int fd, int command, ...) { ARGUMENT return fcntl_late(fd, command, argument); }
int lockf64(int fd, int command, off64_t length) { return nolocks ? 0 : REAL(lockf64)(fd, command, length); }

/* ---- the machine: its clock, as Python asks for it (what waits in C would wait an hour), and its name */

#define IS_PYTHON ((uintptr_t)__builtin_return_address(0) >= python_start && (uintptr_t)__builtin_return_address(0) < python_end)

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (clock == CLOCK_REALTIME && IS_PYTHON) time->tv_sec += (time_t)ahead;
  return result;
}

int gethostname(char *name, size_t size) {
  if (!host) return REAL(gethostname)(name, size);
  snprintf(name, size, "%s", host);
  return 0;
}
