/* Children ended by a fault, by abort, by a signal of the parent; and then the job itself by SIGTERM. */
#include "../job.h"
#include <signal.h>
#include <sys/resource.h>

static void expect_signal(pid_t child, int number)
{
    int status = wait_for(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == number);
}

int main(void)
{
    struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        *(volatile int *)8 = 1;
        _exit(99);
    }
    expect_signal(child, SIGSEGV);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        abort();
    expect_signal(child, SIGABRT);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        for (;;)
            pause();
    CHECK(kill(child, SIGKILL) == 0);
    expect_signal(child, SIGKILL);
    raise(SIGTERM);
    return 99;
}
