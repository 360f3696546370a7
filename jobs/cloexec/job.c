/* Which descriptors an exec closes. */
#include "../job.h"

int main(int argc, char **argv)
{
    if (argc > 1) {
        /* After the exec: 50 was marked at open, 52 by fcntl, 51 not at all, 53 no longer. */
        CHECK(write(50, "x", 1) == -1 && errno == EBADF);
        CHECK(write(52, "x", 1) == -1 && errno == EBADF);
        CHECK(write(51, "after", 5) == 5);
        CHECK(write(53, "after", 5) == 5);
        return 0;
    }
    int marked = open("marked-at-open", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(marked >= 0 && dup3(marked, 50, O_CLOEXEC) == 50 && close(marked) == 0);
    int kept = open("kept", O_WRONLY | O_CREAT, 0600);
    CHECK(kept >= 0 && dup2(kept, 51) == 51 && close(kept) == 0);
    int later = open("marked-later", O_WRONLY | O_CREAT, 0600);
    CHECK(later >= 0 && dup2(later, 52) == 52 && close(later) == 0);
    CHECK(fcntl(52, F_SETFD, FD_CLOEXEC) == 0);
    int unmarked = open("unmarked", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    /* dup2 clears the mark on the new number. */
    CHECK(unmarked >= 0 && dup2(unmarked, 53) == 53);
    CHECK(write(50, "1", 1) == 1 && write(51, "22", 2) == 2 && write(52, "333", 3) == 3 && write(53, "4444", 4) == 4);
    execl(argv[0], argv[0], "after", (char *)NULL);
    CHECK(0);
}
