/* Faults between a server and its disk, chosen from outside.

   Loaded with LD_PRELOAD. Every call that changes something below FAULT_ROOT is counted, by call and by part of the
   data folder; at the call that the control block names, something happens to it: see `enum action`. The control block
   is a file (FAULT_CONTROL) that the harness maps too, so the counts outlive the process. `interposer.py` mirrors it.

   The power cut needs to know what is not on the disk yet: with FAULT_JOURNAL each change is kept with its undoing
   until an fsync covers it, and a cut undoes what is left, newest first. A created, renamed, linked or removed name is
   covered by an fsync of its folder, a created one by an fsync of the file too. Memory-mapped files are not undone.

   Calls are made by number (`syscall`), never by name: no symbol is looked up, nothing here can call itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call { WRITE, PWRITE, WRITEV, COPY, FSYNC, FDATASYNC, MSYNC, RENAME, LINK, UNLINK, TRUNCATE, ALLOCATE, CREATE,
            MKDIR, RMDIR, CALLS };
enum part { DATABASE, WAL, SHM, JOBS, INCOMING, ORIGINALS, INDEX, WORK, OTHER, PARTS };
/* KILL before the call; TORN: half of what it writes, then kill; FULL, BROKEN, READ_ONLY: from then on every change
   fails, as on a full or a dying disk or a file system that takes no changes any more, until the harness clears
   `failing`; CUT: power loss. */
enum action { NONE, KILL, TORN, FULL, BROKEN, CUT, READ_ONLY };
#define TRACE (1 << 17)

struct control {
  _Atomic uint64_t calls, at, fired;
  _Atomic uint32_t action, failing;
  _Atomic int64_t clock_offset; /* seconds added to the time of day */
  _Atomic uint64_t undone;
  _Atomic uint64_t counts[CALLS][PARTS];
  uint8_t trace_call[TRACE], trace_part[TRACE];
};

static struct control *control;
static char root[4096], stash[4200];
static size_t root_length;
static int journalling;

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("FAULT_ROOT"), *block = getenv("FAULT_CONTROL");
  if (!folder || !block) return;
  int file = syscall(SYS_openat, AT_FDCWD, block, O_RDWR | O_CLOEXEC, 0);
  if (file < 0) return;
  void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (at == MAP_FAILED) return;
  snprintf(root, sizeof root, "%s/", folder);
  root_length = strlen(root);
  snprintf(stash, sizeof stash, "%s.stash", folder);
  journalling = getenv("FAULT_JOURNAL") != NULL;
  control = at;
}

/* --- where a path belongs ------------------------------------------------------------------------------------- */

static int starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static enum part part_of(const char *path) {
  const char *inside = path + root_length;
  if (starts(inside, "ragkeeper.db-wal")) return WAL;
  if (starts(inside, "ragkeeper.db-shm")) return SHM;
  if (starts(inside, "ragkeeper.db")) return DATABASE;
  if (starts(inside, "jobs.db")) return JOBS;
  if (starts(inside, "files/incoming")) return INCOMING;
  if (starts(inside, "files/")) return ORIGINALS;
  if (starts(inside, "index")) return INDEX;
  if (starts(inside, "work")) return WORK;
  return OTHER;
}

static int below_root(const char *path) { return starts(path, root); }

/* The path of an open file below the root into `path`; 0 when it is elsewhere, and no path, but that of the root itself:
   an fsync of it covers the names in it. */
static int path_of(int file, char *path) {
  char name[40];
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, name, path, 4095);
  if (length <= 0) return 0;
  path[length] = 0;
  if (below_root(path)) return 1;
  if ((size_t)length + 1 != root_length || strncmp(path, root, length)) path[0] = 0;
  return 0;
}

/* The full path of a name relative to a folder; 0 when it is not below the root. */
static int full_path(int folder, const char *name, char *path) {
  if (name[0] == '/') {
    snprintf(path, 4096, "%s", name);
    return below_root(path);
  }
  char base[4096];
  if (folder == AT_FDCWD) {
    if (syscall(SYS_getcwd, base, sizeof base) < 0) return 0;
  } else {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
    if (length <= 0) return 0;
    base[length] = 0;
  }
  return (size_t)snprintf(path, 4096, "%s/%s", base, name) < 4096 && below_root(path);
}

/* --- what a power cut undoes ---------------------------------------------------------------------------------- */

enum kind { BYTES, CREATED, FOLDER_MADE, FOLDER_REMOVED, REMOVED, RENAMED };

struct undo {
  struct undo *before, *after;
  enum kind kind;
  dev_t device;
  ino_t inode;      /* of the file for BYTES and CREATED */
  int file;         /* our own descriptor, for BYTES */
  off_t offset, size;
  size_t length;
  char *old;        /* bytes that were overwritten */
  char *path, *source, *kept;
};

struct opened { dev_t device; ino_t inode; int file; };

static struct undo *newest;
static struct opened opened[8192];
static int n_opened;
static unsigned n_kept;
static pthread_mutex_t journal = PTHREAD_MUTEX_INITIALIZER;

static struct undo *note(enum kind kind) {
  struct undo *entry = calloc(1, sizeof *entry);
  entry->kind = kind;
  entry->before = newest;
  if (newest) newest->after = entry;
  return newest = entry;
}

static void forget(struct undo *entry) {
  if (entry->before) entry->before->after = entry->after;
  if (entry->after) entry->after->before = entry->before;
  else newest = entry->before;
  if (entry->kept) syscall(SYS_unlinkat, AT_FDCWD, entry->kept, 0);
  free(entry->old);
  free(entry->path);
  free(entry->source);
  free(entry->kept);
  free(entry);
}

/* A descriptor of our own, never closed: closing one of SQLite's files would drop the locks of the whole process. */
static int own_descriptor(int file, const struct stat *of) {
  for (int n = n_opened - 1; n >= 0; n--)
    if (opened[n].inode == of->st_ino && opened[n].device == of->st_dev) return opened[n].file;
  if (n_opened == 8192) return -1;
  char name[40];
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  int own = syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC, 0);
  if (own < 0) return -1;
  own = syscall(SYS_fcntl, own, F_DUPFD_CLOEXEC, 600);
  opened[n_opened++] = (struct opened){of->st_dev, of->st_ino, own};
  return own;
}

/* offset -1: where the file stands, or its end when it appends. */
static void keep_bytes(int file, off_t offset, size_t length) {
  struct stat of;
  if (!journalling || syscall(SYS_fstat, file, &of) || !S_ISREG(of.st_mode)) return;
  if (offset < 0) offset = syscall(SYS_fcntl, file, F_GETFL) & O_APPEND ? of.st_size : syscall(SYS_lseek, file, 0, SEEK_CUR);
  pthread_mutex_lock(&journal);
  int own = own_descriptor(file, &of);
  if (own >= 0) {
    struct undo *entry = note(BYTES);
    entry->device = of.st_dev, entry->inode = of.st_ino, entry->file = own;
    entry->offset = offset, entry->size = of.st_size;
    entry->length = offset >= of.st_size ? 0 : (size_t)(of.st_size - offset) < length ? (size_t)(of.st_size - offset) : length;
    if (entry->length) {
      entry->old = malloc(entry->length);
      syscall(SYS_pread64, own, entry->old, entry->length, offset);
    }
  }
  pthread_mutex_unlock(&journal);
}

static void keep_name(enum kind kind, const char *path, const char *source, const char *kept, const struct stat *of) {
  pthread_mutex_lock(&journal);
  struct undo *entry = note(kind);
  entry->path = strdup(path);
  entry->source = source ? strdup(source) : NULL;
  entry->kept = kept && *kept ? strdup(kept) : NULL;
  if (of) entry->device = of->st_dev, entry->inode = of->st_ino;
  pthread_mutex_unlock(&journal);
}

/* One more name for a file that is about to lose its own; empty when there is none. */
static void keep_file(const char *path, char *kept) {
  snprintf(kept, 4300, "%s/%d-%u", stash, getpid(), __atomic_add_fetch(&n_kept, 1, __ATOMIC_SEQ_CST));
  if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0)) kept[0] = 0;
}

static int is_in(const char *path, const char *folder) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && path[length] == '/' && !strchr(path + length + 1, '/');
}

/* After an fsync: what it covers is safe. */
static void covered(const struct stat *of, const char *path) {
  if (!journalling) return;
  pthread_mutex_lock(&journal);
  for (struct undo *entry = newest, *before; entry; entry = before) {
    before = entry->before;
    int bytes = entry->kind == BYTES || entry->kind == CREATED;
    int same = bytes && entry->inode == of->st_ino && entry->device == of->st_dev;
    int named = entry->kind != BYTES && S_ISDIR(of->st_mode) &&
                (is_in(entry->path, path) || (entry->source && is_in(entry->source, path)));
    if (same || named) forget(entry);
  }
  pthread_mutex_unlock(&journal);
}

static void undo(struct undo *entry) {
  switch (entry->kind) {
    case BYTES:
      if (entry->length) syscall(SYS_pwrite64, entry->file, entry->old, entry->length, entry->offset);
      syscall(SYS_ftruncate, entry->file, entry->size);
      break;
    case CREATED: syscall(SYS_unlinkat, AT_FDCWD, entry->path, 0); break;
    case FOLDER_MADE: syscall(SYS_unlinkat, AT_FDCWD, entry->path, AT_REMOVEDIR); break;
    case FOLDER_REMOVED: syscall(SYS_mkdirat, AT_FDCWD, entry->path, 0700); break;
    case REMOVED:
      if (entry->kept) syscall(SYS_linkat, AT_FDCWD, entry->kept, AT_FDCWD, entry->path, 0);
      break;
    case RENAMED:
      syscall(SYS_renameat2, AT_FDCWD, entry->path, AT_FDCWD, entry->source, 0);
      if (entry->kept) syscall(SYS_linkat, AT_FDCWD, entry->kept, AT_FDCWD, entry->path, 0);
      break;
  }
}

static void cut_power(void) {
  pthread_mutex_lock(&journal); /* and never let go: nobody changes anything any more */
  for (struct undo *entry = newest; entry; entry = entry->before) {
    undo(entry);
    control->undone++;
  }
}

/* --- counting and striking ------------------------------------------------------------------------------------ */

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/* Count a call; returns what is to become of it: 0 goes on, TORN, or the negative errno that it fails with. */
static int count(enum call call, enum part part) {
  uint64_t n = atomic_fetch_add(&control->calls, 1) + 1;
  control->counts[call][part]++;
  if (n <= TRACE) control->trace_call[n - 1] = call, control->trace_part[n - 1] = part;
  if (n == control->at) {
    control->fired = n;
    switch (control->action) {
      case KILL: die(); break;
      case TORN: return TORN;
      case FULL: control->failing = ENOSPC; break;
      case BROKEN: control->failing = EIO; break;
      case READ_ONLY: control->failing = EROFS; break;
      case CUT: cut_power(); die(); break;
      default: break;
    }
  }
  int failing = control->failing;
  if (failing == ENOSPC && call != FSYNC && call != FDATASYNC && call != MSYNC && call != UNLINK && call != RMDIR)
    return -ENOSPC;
  if ((failing == EIO || failing == EROFS) && part != SHM) return -failing;
  return 0;
}

#define FAIL(fate) if ((fate) < 0) { errno = -(fate); return -1; }
#define NAMED(fate) if ((fate) == TORN) die(); FAIL(fate)

static int fate_of(enum call call, int file, char *path) {
  return control && path_of(file, path) ? count(call, part_of(path)) : 0;
}

/* --- writing -------------------------------------------------------------------------------------------------- */

ssize_t write(int file, const void *bytes, size_t length) {
  char path[4096] = "";
  int fate = fate_of(WRITE, file, path);
  FAIL(fate)
  if (*path) keep_bytes(file, -1, length);
  if (fate == TORN) { syscall(SYS_write, file, bytes, length / 2); die(); }
  return syscall(SYS_write, file, bytes, length);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) {
  char path[4096] = "";
  int fate = fate_of(PWRITE, file, path);
  FAIL(fate)
  if (*path) keep_bytes(file, offset, length);
  if (fate == TORN) { syscall(SYS_pwrite64, file, bytes, length / 2, offset); die(); }
  return syscall(SYS_pwrite64, file, bytes, length, offset);
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) { return pwrite64(file, bytes, length, offset); }

static size_t total(const struct iovec *parts, int n) {
  size_t sum = 0;
  for (int i = 0; i < n; i++) sum += parts[i].iov_len;
  return sum;
}

ssize_t pwritev2(int file, const struct iovec *parts, int n, off_t offset, int flags) {
  char path[4096] = "";
  int fate = fate_of(WRITEV, file, path);
  FAIL(fate)
  if (*path) keep_bytes(file, offset, total(parts, n));
  if (fate == TORN) {
    if (n) syscall(SYS_pwritev2, file, parts, (n + 1) / 2, (long)offset, 0L, flags);
    die();
  }
  return syscall(SYS_pwritev2, file, parts, n, (long)offset, 0L, flags);
}
ssize_t pwritev64v2(int file, const struct iovec *parts, int n, off_t offset, int flags) { return pwritev2(file, parts, n, offset, flags); }
ssize_t pwritev64(int file, const struct iovec *parts, int n, off_t offset) { return pwritev2(file, parts, n, offset, 0); }
ssize_t pwritev(int file, const struct iovec *parts, int n, off_t offset) { return pwritev2(file, parts, n, offset, 0); }
ssize_t writev(int file, const struct iovec *parts, int n) {
  char path[4096] = "";
  int fate = fate_of(WRITEV, file, path);
  FAIL(fate)
  if (*path) keep_bytes(file, -1, total(parts, n));
  if (fate == TORN) { syscall(SYS_writev, file, parts, (n + 1) / 2); die(); }
  return syscall(SYS_writev, file, parts, n);
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t length, unsigned flags) {
  char path[4096] = "";
  int fate = fate_of(COPY, out, path);
  FAIL(fate)
  if (*path) keep_bytes(out, out_at ? *out_at : -1, length > 1 << 26 ? 1 << 26 : length);
  if (fate == TORN) { syscall(SYS_copy_file_range, in, in_at, out, out_at, length / 2, flags); die(); }
  return syscall(SYS_copy_file_range, in, in_at, out, out_at, length, flags);
}
ssize_t sendfile64(int out, int in, off_t *in_at, size_t length) {
  char path[4096] = "";
  int fate = fate_of(COPY, out, path);
  FAIL(fate)
  if (*path) keep_bytes(out, -1, length > 1 << 26 ? 1 << 26 : length);
  if (fate == TORN) { syscall(SYS_sendfile, out, in, in_at, length / 2); die(); }
  return syscall(SYS_sendfile, out, in, in_at, length);
}
ssize_t sendfile(int out, int in, off_t *in_at, size_t length) { return sendfile64(out, in, in_at, length); }

int ftruncate64(int file, off_t length) {
  char path[4096] = "";
  int fate = fate_of(TRUNCATE, file, path);
  NAMED(fate)
  if (*path) keep_bytes(file, length, SIZE_MAX / 2);
  return syscall(SYS_ftruncate, file, length);
}
int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

int fallocate64(int file, int mode, off_t offset, off_t length) {
  char path[4096] = "";
  int fate = fate_of(ALLOCATE, file, path);
  NAMED(fate)
  if (*path) keep_bytes(file, offset, 0);
  return syscall(SYS_fallocate, file, mode, offset, length);
}
int fallocate(int file, int mode, off_t offset, off_t length) { return fallocate64(file, mode, offset, length); }

/* --- syncing -------------------------------------------------------------------------------------------------- */

static int sync_file(enum call call, long number, int file) {
  char path[4096] = "";
  int fate = fate_of(call, file, path);
  NAMED(fate)
  int done = syscall(number, file);
  struct stat of;
  if (*path && done == 0 && syscall(SYS_fstat, file, &of) == 0) covered(&of, path);
  return done;
}
int fsync(int file) { return sync_file(FSYNC, SYS_fsync, file); }
int fdatasync(int file) { return sync_file(FDATASYNC, SYS_fdatasync, file); }

/* The path and the inode of the file that is mapped at an address; 0 when none below the root is. */
static int mapped_at(const void *address, char *path, struct stat *of) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[4400];
  int found = 0;
  while (maps && !found && fgets(line, sizeof line, maps)) {
    uintptr_t first, end;
    int name = 0;
    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &first, &end, &name) != 2 || !name) continue;
    if ((uintptr_t)address < first || (uintptr_t)address >= end) continue;
    line[strcspn(line, "\n")] = 0;
    snprintf(path, 4096, "%s", line + name);
    found = below_root(path) && stat(path, of) == 0;
    break;
  }
  if (maps) fclose(maps);
  return found;
}

int msync(void *start, size_t length, int flags) {
  char path[4096];
  struct stat of;
  int inside = control && mapped_at(start, path, &of);
  int fate = inside ? count(MSYNC, part_of(path)) : 0;
  NAMED(fate)
  int done = syscall(SYS_msync, start, length, flags);
  if (inside && done == 0 && flags & MS_SYNC) covered(&of, path);
  return done;
}

/* --- names ---------------------------------------------------------------------------------------------------- */

static int rename_at(int from, const char *old, int to, const char *new, unsigned flags) {
  char source[4096], path[4096], kept[4300] = "";
  int inside = control && full_path(to, new, path) && full_path(from, old, source);
  int fate = inside ? count(RENAME, part_of(path)) : 0;
  NAMED(fate)
  if (inside && journalling) keep_file(path, kept);
  int done = syscall(SYS_renameat2, from, old, to, new, flags);
  if (inside && journalling && done == 0) keep_name(RENAMED, path, source, kept, NULL);
  return done;
}
int rename(const char *old, const char *new) { return rename_at(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return rename_at(from, old, to, new, 0); }
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) { return rename_at(from, old, to, new, flags); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
  char path[4096];
  int inside = control && full_path(to, new, path);
  int fate = inside ? count(LINK, part_of(path)) : 0;
  NAMED(fate)
  int done = syscall(SYS_linkat, from, old, to, new, flags);
  /* No inode: syncing the bytes, which have another name, does not cover this one. */
  if (inside && journalling && done == 0) keep_name(CREATED, path, NULL, NULL, NULL);
  return done;
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int folder, const char *name, int flags) {
  char path[4096], kept[4300] = "";
  int inside = control && full_path(folder, name, path);
  int fate = inside ? count(flags & AT_REMOVEDIR ? RMDIR : UNLINK, part_of(path)) : 0;
  NAMED(fate)
  if (inside && journalling && !(flags & AT_REMOVEDIR)) keep_file(path, kept);
  int done = syscall(SYS_unlinkat, folder, name, flags);
  if (inside && journalling && done == 0)
    keep_name(flags & AT_REMOVEDIR ? FOLDER_REMOVED : REMOVED, path, NULL, kept, NULL);
  return done;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t mode) {
  char path[4096];
  int inside = control && full_path(folder, name, path);
  int fate = inside ? count(MKDIR, part_of(path)) : 0;
  NAMED(fate)
  int done = syscall(SYS_mkdirat, folder, name, mode);
  if (inside && journalling && done == 0) keep_name(FOLDER_MADE, path, NULL, NULL, NULL);
  return done;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static int open_at(int folder, const char *name, int flags, mode_t mode) {
  char path[4096];
  int inside = control && (flags & (O_CREAT | O_TRUNC)) && full_path(folder, name, path);
  int there = inside && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
  if (inside && !there && (flags & O_CREAT)) {
    int fate = count(CREATE, part_of(path));
    NAMED(fate)
  }
  if (there && (flags & O_TRUNC) && journalling) {
    int old = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (old >= 0) { keep_bytes(old, 0, SIZE_MAX / 2); syscall(SYS_close, old); }
  }
  int file = syscall(SYS_openat, folder, name, flags, mode);
  struct stat of;
  if (inside && !there && file >= 0 && journalling && syscall(SYS_fstat, file, &of) == 0)
    keep_name(CREATED, path, NULL, NULL, &of);
  return file;
}
#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); }
int open(const char *name, int flags, ...) { MODE return open_at(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return open_at(AT_FDCWD, name, flags, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE return open_at(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE return open_at(folder, name, flags, mode); }

/* --- the time of day ------------------------------------------------------------------------------------------ */

int clock_gettime(clockid_t which, struct timespec *now) {
  int done = syscall(SYS_clock_gettime, which, now);
  if (done == 0 && control && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += control->clock_offset;
  return done;
}
int gettimeofday(struct timeval *now, void *zone) {
  struct timespec found;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &found);
  now->tv_sec = found.tv_sec;
  now->tv_usec = found.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *into) {
  struct timespec found;
  clock_gettime(CLOCK_REALTIME, &found);
  if (into) *into = found.tv_sec;
  return found.tv_sec;
}
