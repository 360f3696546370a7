// Small jobs, each of one corner of process life. They exit 0 when what they expect came true.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *self;

static int run_vfork(void) {
    for (int i = 0; i < 50; i++) {
        pid_t pid = vfork();
        if (pid == 0) { execl("/bin/true", "true", (char *)0); _exit(9); }
        int status;
        if (waitpid(pid, &status, 0) != pid || status != 0) return 1;
    }
    return 0;
}

static void *spin(void *unused) { for (;;) getppid(); }
static void *exec_here(void *unused) { execl(self, self, "exit", "7", (char *)0); _exit(9); }
static int run_execthread(void) {
    pthread_t thread;
    for (int i = 0; i < 3; i++) pthread_create(&thread, 0, spin, 0);
    pthread_create(&thread, 0, exec_here, 0);
    for (;;) pause();
}

static int run_orphan(const char *file) {
    if (fork() == 0) {
        if (fork() == 0) {
            setsid();
            for (int i = 0; i < 20; i++) usleep(10000);
            int fd = open(file, O_CREAT | O_WRONLY, 0600);
            return fd < 0 || write(fd, "orphan", 6) != 6;
        }
        _exit(0);
    }
    wait(0);
    return 0;
}

static int run_untraced(int with_clone3) {
    for (int i = 0; i < 20; i++) {
        long pid;
        struct clone_args args = { .flags = CLONE_UNTRACED, .exit_signal = SIGCHLD };
        if (with_clone3) pid = syscall(SYS_clone3, &args, sizeof args);
        else pid = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
        if (args.flags != CLONE_UNTRACED) _exit(8);
        if (pid == 0) { for (int k = 0; k < 3; k++) getppid(); _exit(3); }
        int status;
        if (waitpid(pid, &status, 0) != pid || status != 3 << 8) return 1;
    }
    return 0;
}

static int run_stop(void) {
    volatile int *progress = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) { for (;;) { usleep(1000); ++*progress; } }
    for (int i = 0; i < 10; i++) {
        int status;
        kill(pid, SIGSTOP);
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP) return 1;
        if (waitpid(pid, &status, WNOHANG) != 0) return 2;
        kill(pid, SIGCONT);
        if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status)) return 3;
        for (int before = *progress; *progress < before + 2;) usleep(1000);
    }
    kill(pid, SIGKILL);
    int status;
    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 4;
}

static volatile sig_atomic_t got, right = 1;
static void on_signal(int number, siginfo_t *info, void *context) {
    got++;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid() || info->si_value.sival_int != 4711) right = 0;
}
static int run_signals(int count) {
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
    sigaction(SIGRTMIN + 5, &action, 0);
    for (int i = 0; i < count; i++) sigqueue(getpid(), SIGRTMIN + 5, (union sigval){ .sival_int = 4711 });
    return got == count && right ? 0 : 1;
}

static int run_exitgroup(void) {
    pthread_t thread;
    for (int i = 0; i < 8; i++) pthread_create(&thread, 0, spin, 0);
    usleep(20000);
    exit(5);
}

static void *count_calls(void *counter) { for (;;) { getppid(); __atomic_fetch_add((uint64_t *)counter, 1, __ATOMIC_RELAXED); } }
static uint64_t counters[16][8];
/* Is inside a vfork nearly all the time; a byte of output for each child that ended. */
static int run_vforks(int calls) {
    for (;;) {
        pid_t child = vfork();
        if (child == 0) {
            for (int i = 0; i < calls; i++) syscall(SYS_getppid);
            _exit(0);
        }
        if (child < 0 || waitpid(child, NULL, 0) != child || write(1, ".", 1) != 1) return 1;
    }
}

static int run_busy(int threads, const char *file) {
    pthread_t thread;
    for (int i = 0; i < threads; i++) pthread_create(&thread, 0, count_calls, counters[i]);
    for (;;) {
        usleep(20000);
        FILE *out = fopen(file, "w");
        for (int i = 0; i < threads; i++) fprintf(out, "%llu\n", (unsigned long long)counters[i][0]);
        fclose(out);
    }
}

static int run_net(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    if (bind(listener, (void *)&address, len) || listen(listener, 1) || getsockname(listener, (void *)&address, &len)) return 1;
    if (fork() == 0) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&address, len)) _exit(1);
        _exit(write(fd, "hello", 5) != 5);
    }
    char buffer[16];
    int fd = accept(listener, 0, 0);
    if (read(fd, buffer, sizeof buffer) != 5) return 2;
    printf("%d\n", ntohs(address.sin_port));
    int status;
    wait(&status);
    return status;
}

static int run_rights(const char *file) {
    int pair[2], fds[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return 1;
    char data = 'x', control[CMSG_SPACE(sizeof(int))];
    struct iovec vector = { &data, 1 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET; header->cmsg_type = SCM_RIGHTS; header->cmsg_len = CMSG_LEN(sizeof(int));
    int fd = open(file, O_RDONLY);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(pair[0], &message, 0) != 1 || recvmsg(pair[1], &message, 0) != 1) return 2;
    memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    printf("%d\n", fds[0]);
    return 0;
}

// exit_group is refused once, by a filter of its own; what comes behind it counts too.
static int run_refused_exit(void) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof lines / sizeof *lines, lines };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) return 1;
    if (syscall(SYS_exit_group, 2) != -1 || errno != EPERM) return 3;
    static char bytes[50000];
    int fd = open("/dev/null", O_WRONLY);
    if (write(fd, bytes, sizeof bytes) != sizeof bytes) return 4;
    return syscall(SYS_exit, 0);
}

// Two messages, the second of two pieces, in one call, and back.
static int run_messages(void) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends)) return 1;
    struct iovec out[3] = { { "hello", 5 }, { "wor", 3 }, { "ld!", 3 } };
    struct mmsghdr sent[2] = { { .msg_hdr = { .msg_iov = out, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = out + 1, .msg_iovlen = 2 } } };
    if (sendmmsg(ends[0], sent, 2, 0) != 2) return 2;
    char room[2][64];
    struct iovec in[2] = { { room[0], 64 }, { room[1], 64 } };
    struct mmsghdr got[3] = { { .msg_hdr = { .msg_iov = in, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = in + 1, .msg_iovlen = 1 } } };
    return recvmmsg(ends[1], got, 2, 0, 0) == 2 ? 0 : 3;
}

static int run_state(void) {
    char path[64], target[4096];
    for (int number = 1; number < 65; number++) {
        struct sigaction action;
        if (sigaction(number, 0, &action) == 0 && action.sa_handler != SIG_DFL) printf("signal %d ignored or handled\n", number);
    }
    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(path, target, sizeof target - 1);
        if (len >= 0) { target[len] = 0; printf("fd %d flags %x %s\n", fd, fcntl(fd, F_GETFL), fd == 1 ? "-" : target); }
    }
    for (int limit = 0; limit < 16; limit++) {
        struct rlimit value;
        if (getrlimit(limit, &value) == 0) printf("limit %d %llx %llx\n", limit, (unsigned long long)value.rlim_cur, (unsigned long long)value.rlim_max);
    }
    printf("group %d session %d umask %o nice %d policy %d\n", getpgrp(), getsid(0), umask(0), getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
    printf("cwd %s\n", getcwd(target, sizeof target));
    for (char **entry = environ; *entry; entry++) puts(*entry);
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(target, sizeof target, status))
        if (!strncmp(target, "Sig", 3) || !strncmp(target, "Shd", 3) || !strncmp(target, "Cap", 3) || !strncmp(target, "NoNew", 5) ||
            !strncmp(target, "Seccomp", 7) || !strncmp(target, "Cpus_allowed", 12) || !strncmp(target, "Uid", 3) || !strncmp(target, "Groups", 6))
            if (strncmp(target, "SigQ", 4)) fputs(target, stdout);
    return 0;
}

int main(int count, char **words) {
    self = words[0];
    const char *job = count > 1 ? words[1] : "", *word = count > 2 ? words[2] : "0";
    if (!strcmp(job, "exit")) return atoi(word);
    if (!strcmp(job, "kill")) { raise(atoi(word)); return 0; }
    if (!strcmp(job, "vfork")) return run_vfork();
    if (!strcmp(job, "vforks")) return run_vforks(atoi(word));
    if (!strcmp(job, "execthread")) return run_execthread();
    if (!strcmp(job, "orphan")) return run_orphan(word);
    if (!strcmp(job, "untraced")) return run_untraced(0);
    if (!strcmp(job, "untraced3")) return run_untraced(1);
    if (!strcmp(job, "stop")) return run_stop();
    if (!strcmp(job, "signals")) return run_signals(atoi(word));
    if (!strcmp(job, "exitgroup")) return run_exitgroup();
    if (!strcmp(job, "busy")) return run_busy(atoi(word), words[3]);
    if (!strcmp(job, "net")) return run_net();
    if (!strcmp(job, "rights")) return run_rights(word);
    if (!strcmp(job, "refusedexit")) return run_refused_exit();
    if (!strcmp(job, "messages")) return run_messages();
    if (!strcmp(job, "state")) return run_state();
    if (!strcmp(job, "calls")) { for (int i = 0; i < atoi(word); i++) getppid(); return 0; }
    return 99;
}
