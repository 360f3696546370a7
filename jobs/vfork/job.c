/* Two children of vfork: one becomes /bin/true, one ends at once. */
#include "../job.h"

int main(void)
{
    pid_t child = vfork();
    CHECK(child >= 0);
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(99);
    }
    CHECK(wait_for(child) == 0);
    child = vfork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(3);
    int status = wait_for(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    return 0;
}
