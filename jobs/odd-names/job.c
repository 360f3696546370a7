/* Names that are no UTF-8, that hold line ends, quotation marks, escapes of a terminal, and what looks like a trace. */
#include "../job.h"

static const char *const names[] = {
    "\xff\xfe", "caf\xe9", "line\nend", "\x1b]0;title\a", "quote\"'\\", "<x>(deleted)", "a) = 3 <0.1>", " ", "-rf",
};

int main(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = open(names[i], O_WRONLY | O_CREAT | O_EXCL, 0600);
        CHECK(fd >= 0 && write(fd, "1234567890", i + 1) == (ssize_t)i + 1 && close(fd) == 0);
    }
    CHECK(rename("\xff\xfe", "moved\xff") == 0);
    CHECK(unlink("caf\xe9") == 0);
    CHECK(open("missing\xff", O_RDONLY) == -1 && errno == ENOENT);
    return 0;
}
