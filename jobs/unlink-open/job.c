/* A file that lives on after its name is gone, and another one that takes the name meanwhile. */
#include "../job.h"

int main(void)
{
    char text[16];
    int fd = open("scratch", O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, "before", 6) == 6);
    CHECK(unlink("scratch") == 0);
    CHECK(write(fd, "after", 5) == 5);
    int second = open("scratch", O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(second >= 0 && write(second, "second", 6) == 6 && close(second) == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, sizeof text) == 11);
    CHECK(memcmp(text, "beforeafter", 11) == 0);
    CHECK(close(fd) == 0);
    int gone = open("gone", O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(gone >= 0 && write(gone, "x", 1) == 1 && close(gone) == 0);
    CHECK(unlink("gone") == 0);
    CHECK(unlink("gone") == -1 && errno == ENOENT);
    return 0;
}
