/* Shaded tiles of changed sheets: tiler CONFIG SHEETS; writes the names of finished tiles. */
#define _GNU_SOURCE
#include "shade.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHEETS = 64, GRID = SIDE / TILE };

struct task {
    int sheet, level, x, y;
};
struct settings {
    int workers, azimuth, memory;
};

static char names[SHEETS][32];
static struct settings settings = {1, 315, 64};
static atomic_int *done; /* shared by the workers */
static short *arena;     /* decoded sheet of this worker */

static void die(const char *what)
{
    fprintf(stderr, "tiler: %s: %s\n", what, strerror(errno));
    exit(5);
}

static void configure(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        die(path);
    char line[200];
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "workers = %d", &settings.workers);
        sscanf(line, "azimuth = %d", &settings.azimuth);
        sscanf(line, "memory = %d", &settings.memory);
    }
    fclose(file);
}

static int read_names(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        die(path);
    int count = 0;
    while (count < SHEETS && fscanf(file, "%31s", names[count]) == 1)
        count++;
    fclose(file);
    return count;
}

/* Heights of a sheet, sea where there is none. */
static void decode(int sheet)
{
    static int held = -1;
    if (held == sheet)
        return;
    held = sheet;
    char path[80];
    snprintf(path, sizeof path, "dem/%s.hgt", names[sheet]);
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        fprintf(stderr, "tiler: %s: %s: taken as sea\n", path, strerror(errno));
        memset(arena, 0, SIDE * SIDE * sizeof *arena);
        return;
    }
    size_t size = SIDE * SIDE * sizeof(short);
    const unsigned short *raw = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (raw == MAP_FAILED)
        die(path);
    for (int i = 0; i < SIDE * SIDE; i++)
        arena[i] = (short)ntohs(raw[i]);
    munmap((void *)raw, size);
    close(fd);
}

static void tile_name(const struct task *task, char *name, size_t size)
{
    snprintf(name, size, "%d/%s/%d-%d.pgm", task->level, names[task->sheet], task->x, task->y);
}

static void copy(const char *from, const char *to)
{
    char buffer[512];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (in < 0 || out < 0)
        die(to);
    for (ssize_t got; (got = read(in, buffer, sizeof buffer)) > 0;)
        if (write(out, buffer, got) != got)
            die(to);
    close(in);
    close(out);
    unlink(from);
}

static void make_folders(const char *path)
{
    char folder[160];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        mkdir(folder, 0755);
    }
}

static void publish(const struct task *task, const unsigned char *pixels)
{
    char name[80], stage[160], final[160];
    tile_name(task, name, sizeof name);
    snprintf(stage, sizeof stage, "var/stage/%d.pgm", getpid());
    snprintf(final, sizeof final, "out/tiles/%s", name);
    FILE *file = fopen(stage, "w");
    if (!file)
        die(stage);
    fprintf(file, "P5 %d %d 255\n", TILE, TILE);
    fwrite(pixels, 1, TILE * TILE, file);
    if (fclose(file))
        die(stage);
    make_folders(final);
    if (rename(stage, final)) {
        if (errno != EXDEV)
            die(final);
        copy(stage, final);
    }
}

/* A tile of level 1 is the shaded sheet, one of level 0 the mean of 4 by 4 tiles. */
static void make_tile(const struct task *task)
{
    unsigned char pixels[TILE * TILE], part[TILE * TILE];
    decode(task->sheet);
    if (task->level == 1)
        shade_tile(arena, task->x * TILE, task->y * TILE, settings.azimuth, pixels);
    else
        for (int tile = 0; tile < GRID * GRID; tile++) {
            int left = tile % GRID, top = tile / GRID;
            shade_tile(arena, left * TILE, top * TILE, settings.azimuth, part);
            for (int i = 0; i < TILE / GRID * TILE / GRID; i++) {
                int x = i % (TILE / GRID), y = i / (TILE / GRID);
                pixels[(top * TILE / GRID + y) * TILE + left * TILE / GRID + x] = part[y * GRID * TILE + x * GRID];
            }
        }
    publish(task, pixels);
}

static void work(int tasks, int finished)
{
    arena = mmap(NULL, (size_t)settings.memory << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED)
        die("memory of a worker");
    struct task task;
    while (read(tasks, &task, sizeof task) == sizeof task) {
        make_tile(&task);
        if (write(finished, &task, sizeof task) != sizeof task)
            die("pipe");
        atomic_fetch_add(done, 1);
    }
    exit(0);
}

static void *watch(void *total)
{
    while (atomic_load(done) < *(int *)total) {
        usleep(100000);
        fprintf(stderr, "tiler: %d of %d\n", atomic_load(done), *(int *)total);
    }
    return NULL;
}

static void feed(int tasks, int sheets)
{
    for (int sheet = 0; sheet < sheets; sheet++)
        for (int tile = 0; tile <= GRID * GRID; tile++) {
            struct task task = {sheet, tile < GRID * GRID, tile % GRID, tile / GRID % GRID};
            if (write(tasks, &task, sizeof task) != sizeof task)
                die("pipe");
        }
    close(tasks);
}

int main(int count, char **words)
{
    if (count != 3) {
        fprintf(stderr, "tiler CONFIG SHEETS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    configure(words[1]);
    int sheets = read_names(words[2]), total = sheets * (GRID * GRID + 1), tasks[2], finished[2];
    done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED || pipe(tasks) || pipe(finished))
        die("start");
    fcntl(finished[1], F_SETPIPE_SZ, 1 << 17);
    fcntl(tasks[1], F_SETPIPE_SZ, 1 << 17);
    for (int worker = 0; worker < settings.workers; worker++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            close(tasks[1]);
            close(finished[0]);
            work(tasks[0], finished[1]);
        }
    }
    close(tasks[0]);
    close(finished[1]);
    pthread_t watcher;
    if (pthread_create(&watcher, NULL, watch, &total))
        die("thread");
    feed(tasks[1], sheets);
    struct task task;
    char name[80];
    while (read(finished[0], &task, sizeof task) == sizeof task) {
        tile_name(&task, name, sizeof name);
        puts(name);
    }
    int bad = 0, status;
    for (pid_t child; (child = wait(&status)) > 0;)
        if (status) {
            bad = 1;
            fprintf(stderr, "tiler: worker %d: status %d\n", child, status);
        }
    if (!bad)
        pthread_join(watcher, NULL);
    return bad;
}
