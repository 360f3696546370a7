/* A grandchild that outlives its parent. The pipe makes the order certain: nobody waits for a clock. */
#include "../job.h"

int main(void)
{
    int alive[2], orphaned[2];
    char byte;
    CHECK(pipe(alive) == 0 && pipe(orphaned) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pid_t grandchild = fork();
        CHECK(grandchild >= 0);
        if (grandchild > 0)
            _exit(5);
        CHECK(close(orphaned[1]) == 0 && close(alive[0]) == 0);
        /* Ends when the main process, which has waited for our parent, closes its end. */
        CHECK(read(orphaned[0], &byte, 1) == 0);
        int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        CHECK(out >= 0 && write(out, "orphan", 6) == 6);
        _exit(6);
    }
    int status = wait_for(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    CHECK(close(alive[1]) == 0 && close(orphaned[1]) == 0);
    /* Ends when the orphan does. */
    CHECK(read(alive[0], &byte, 1) == 0);
    return 0;
}
