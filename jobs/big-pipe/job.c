/* Ten megabytes through a pipe, in writes that the reader takes apart as it likes. */
#include "../job.h"

#define TOTAL 10485760

int main(void)
{
    static char buffer[65536];
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        long total = 0;
        ssize_t count;
        CHECK(close(ends[1]) == 0);
        int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        CHECK(out >= 0);
        while ((count = read(ends[0], buffer, 50000)) > 0) {
            total += count;
            CHECK(write(out, buffer, count) == count);
        }
        CHECK(total == TOTAL);
        _exit(0);
    }
    CHECK(close(ends[0]) == 0);
    for (long sent = 0; sent < TOTAL; sent += sizeof buffer)
        CHECK(write(ends[1], buffer, sizeof buffer) == sizeof buffer);
    CHECK(close(ends[1]) == 0);
    return WEXITSTATUS(wait_for(child));
}
