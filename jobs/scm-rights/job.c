/* A descriptor sent to another process, which reads the file that it never opened. */
#include "../job.h"
#include <sys/socket.h>

static struct msghdr message(struct iovec *data, char *control, size_t length)
{
    struct msghdr header = {.msg_iov = data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = length};
    return header;
}

int main(void)
{
    char byte = 'd', control[CMSG_SPACE(sizeof(int))] = {0}, text[64];
    struct iovec data = {&byte, 1};
    int ends[2], fd;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(close(ends[0]) == 0);
        struct msghdr header = message(&data, control, sizeof control);
        CHECK(recvmsg(ends[1], &header, 0) == 1);
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof fd);
        CHECK(read(fd, text, sizeof text) == 12);
        int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        CHECK(out >= 0 && write(out, text, 12) == 12);
        _exit(0);
    }
    CHECK(close(ends[1]) == 0);
    /* Opened after the fork: the child can have it only by the message. */
    fd = open("secret-of-parent", O_RDONLY);
    CHECK(fd >= 0);
    struct msghdr header = message(&data, control, sizeof control);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    CHECK(sendmsg(ends[0], &header, 0) == 1);
    CHECK(close(fd) == 0);
    return WEXITSTATUS(wait_for(child));
}
