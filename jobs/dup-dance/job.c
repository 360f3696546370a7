/* One open file under many numbers: dup, dup2, dup3, fcntl, fork, and a descriptor table shared by clone. */
#include "../job.h"
#include <sched.h>

static int shared_fd;

/* Runs in the table of the parent: what it closes is closed for both. */
static int close_in_shared_table(void *stack)
{
    (void)stack;
    CHECK(write(shared_fd, "clone", 5) == 5);
    CHECK(close(shared_fd) == 0);
    return 0;
}

int main(void)
{
    static char stack[65536];
    int a = open("a", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(a >= 0);
    int b = dup(a);
    CHECK(dup2(a, 100) == 100);
    CHECK(dup3(b, 101, O_CLOEXEC) == 101);
    int c = fcntl(100, F_DUPFD, 200);
    CHECK(c == 200);
    int d = fcntl(101, F_DUPFD_CLOEXEC, 201);
    CHECK(d == 201);
    CHECK(dup2(a, a) == a);
    /* Six numbers, one open file: each write goes on where the last one ended. */
    CHECK(write(a, "1", 1) == 1 && write(b, "22", 2) == 2 && write(100, "333", 3) == 3);
    CHECK(write(101, "4444", 4) == 4 && write(c, "55555", 5) == 5 && write(d, "666666", 6) == 6);
    CHECK(close(a) == 0 && close(b) == 0 && close(100) == 0 && close(101) == 0 && close(c) == 0);

    /* The child of a fork writes through its copy, and closing that one leaves ours open. */
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(write(d, "fork", 4) == 4);
        CHECK(close(d) == 0);
        _exit(0);
    }
    CHECK(wait_for(child) == 0);
    CHECK(write(d, "again", 5) == 5);

    shared_fd = d;
    child = clone(close_in_shared_table, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);
    CHECK(child >= 0);
    CHECK(wait_for(child) == 0);
    CHECK(write(d, "x", 1) == -1 && errno == EBADF);
    return 0;
}
