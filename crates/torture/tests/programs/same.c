// Small programs that a recorder must not change: users of ptrace, executions, signals. `same` lists their names, `same NAME`
// runs one. Each prints what it saw: words without pids and times, the same in every run.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static const char *self;
static volatile sig_atomic_t came, value_came, order[64];
static volatile int word = 1;

static void say(const char *format, ...)
{
	char line[512];
	va_list list;
	va_start(list, format);
	int len = vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	if (write(1, line, len) != len)
		_exit(99);
}

static void say_status(const char *what, int status)
{
	if (WIFEXITED(status))
		say("%s exited %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		say("%s died of %d\n", what, WTERMSIG(status));
	else if (WIFSTOPPED(status))
		say("%s stopped by %d event %d\n", what, WSTOPSIG(status), status >> 16);
	else if (WIFCONTINUED(status))
		say("%s continued\n", what);
}

static int await(const char *what, pid_t pid)
{
	int status = 0;
	if (waitpid(pid, &status, __WALL) != pid)
		say("%s: wait failed: %d\n", what, errno);
	say_status(what, status);
	return status;
}

static void handle(int number)
{
	order[came & 63] = number;
	came++;
}

static void handle_info(int number, siginfo_t *info, void *context)
{
	(void)context;
	value_came = info->si_value.sival_int;
	order[came & 63] = number;
	came++;
}

static void on(int number, int flags, void *handler)
{
	struct sigaction action = {.sa_flags = flags};
	action.sa_handler = handler;
	sigaction(number, &action, NULL);
}

static void nap(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&time, NULL);
}

static void set_mask(int how, int number)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(how, &set, NULL);
}

// ---- users of ptrace ----

// A child that asks to be traced and stops.
static pid_t traced(void (*run)(void))
{
	pid_t pid = fork();
	if (pid)
		return pid;
	if (ptrace(PTRACE_TRACEME, 0, 0, 0))
		_exit(98);
	raise(SIGSTOP);
	run();
	_exit(7);
}

static pid_t begun(void (*run)(void), long options)
{
	pid_t pid = traced(run);
	await("child", pid);
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, options))
		say("options refused: %d\n", errno);
	return pid;
}

// Silent when it works: the tracee may speak before its tracer does.
static void go(int request, pid_t pid, long signal)
{
	if (ptrace(request, pid, 0, signal))
		say("request %d refused: %d\n", request, errno);
}
static void nothing(void) {}
static void ten_calls(void)
{
	for (int i = 0; i < 10; i++)
		syscall(SYS_getppid);
}
static void run_true(void) { execl("/bin/true", "true", NULL); }
static void raise_usr1(void) { on(SIGUSR1, 0, handle); raise(SIGUSR1); say("handled %d\n", came); }
static void raise_usr2_too(void) { on(SIGUSR1, 0, handle); on(SIGUSR2, 0, handle); raise(SIGUSR1); say("first was %d\n", order[0]); }
static void fork_once(void) { pid_t pid = fork(); if (!pid) _exit(3); waitpid(pid, NULL, 0); }
static void vfork_once(void) { pid_t pid = vfork(); if (!pid) _exit(4); waitpid(pid, NULL, 0); }
static void *thread_nothing(void *unused) { return unused; }
static void thread_once(void) { pthread_t thread; pthread_create(&thread, NULL, thread_nothing, NULL); pthread_join(thread, NULL); }
static void spin(void) { for (;;) nap(1); }
static void show_word(void) { _exit(word); }
static void ask_pid(void) { say("getppid gave %s\n", syscall(SYS_getppid) == getpid() ? "own" : "other"); }
static void ask_failing(void) { long got = syscall(SYS_getppid); say("got %ld %d\n", got > 0 ? 1L : got, got < 0 ? errno : 0); }

static void p_exec(void) { pid_t pid = begun(run_true, 0); go(PTRACE_CONT, pid, 0); await("exec", pid); go(PTRACE_CONT, pid, 0); await("end", pid); }
static void p_syscalls(void)
{
	pid_t pid = begun(ten_calls, PTRACE_O_TRACESYSGOOD);
	int status, stops = 0;
	for (;;) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, &status, 0);
		if (!WIFSTOPPED(status))
			break;
		struct user_regs_struct regs;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		stops += regs.orig_rax == SYS_getppid && WSTOPSIG(status) == (SIGTRAP | 0x80);
	}
	say("stops %d\n", stops);
	say_status("end", status);
}
static void p_poke(void)
{
	pid_t pid = begun(show_word, 0);
	long there = ptrace(PTRACE_PEEKDATA, pid, &word, 0);
	say("word %d\n", (int)there);
	ptrace(PTRACE_POKEDATA, pid, &word, (there & ~0xffffffffL) | 42);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
// Runs to the entry of getppid.
static void to_getppid(pid_t pid, struct user_regs_struct *regs)
{
	do {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, NULL, 0);
		ptrace(PTRACE_GETREGS, pid, 0, regs);
	} while (regs->orig_rax != SYS_getppid);
}
static void p_other_call(void)
{
	struct user_regs_struct regs;
	pid_t pid = begun(ask_pid, PTRACE_O_TRACESYSGOOD);
	to_getppid(pid, &regs);
	regs.orig_rax = SYS_getpid;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_no_call(void)
{
	struct user_regs_struct regs;
	pid_t pid = begun(ask_failing, PTRACE_O_TRACESYSGOOD);
	to_getppid(pid, &regs);
	regs.orig_rax = -1;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	waitpid(pid, NULL, 0);
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	regs.rax = -EXDEV;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_other_result(void)
{
	struct user_regs_struct regs;
	pid_t pid = begun(ask_failing, PTRACE_O_TRACESYSGOOD);
	to_getppid(pid, &regs);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	waitpid(pid, NULL, 0);
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	regs.rax = -ESTALE;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_steps(void)
{
	pid_t pid = begun(ten_calls, 0);
	int status = 0, steps = 0;
	while (steps < 200 && !ptrace(PTRACE_SINGLESTEP, pid, 0, 0) && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		steps++;
	say("steps %d\n", steps);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static pid_t spinning(void) { pid_t pid = fork(); if (!pid) { spin(); } nap(5); return pid; }
static void p_attach(void)
{
	pid_t pid = spinning();
	say("attach %ld\n", ptrace(PTRACE_ATTACH, pid, 0, 0));
	await("attached", pid);
	say("detach %ld\n", ptrace(PTRACE_DETACH, pid, 0, 0));
	kill(pid, SIGTERM);
	await("end", pid);
}
static void p_seize(void)
{
	pid_t pid = spinning();
	say("seize %ld\n", ptrace(PTRACE_SEIZE, pid, 0, 0));
	say("interrupt %ld\n", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	await("seized", pid);
	go(PTRACE_DETACH, pid, 0);
	kill(pid, SIGKILL);
	await("end", pid);
}
static void p_listen(void)
{
	pid_t pid = spinning();
	ptrace(PTRACE_SEIZE, pid, 0, 0);
	kill(pid, SIGSTOP);
	await("signal", pid);
	go(PTRACE_CONT, pid, SIGSTOP);
	await("group stop", pid);
	go(PTRACE_LISTEN, pid, 0);
	kill(pid, SIGCONT);
	await("notified", pid);
	kill(pid, SIGKILL);
	ptrace(PTRACE_CONT, pid, 0, 0);
	await("end", pid);
}
static void follow(void (*run)(void), long option)
{
	pid_t pid = begun(run, option);
	ptrace(PTRACE_CONT, pid, 0, 0);
	int living = 1, status, events[16] = {0}, ends = 0;
	while (living > 0) {
		pid_t who = waitpid(-1, &status, __WALL);
		if (who < 0)
			break;
		if (!WIFSTOPPED(status)) {
			living--, ends++;
			continue;
		}
		int event = status >> 16;
		events[event & 15]++;
		if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
			living++;
		int signal = WSTOPSIG(status);
		ptrace(PTRACE_CONT, who, 0, event || signal == SIGSTOP || signal == SIGTRAP ? 0 : signal);
	}
	say("fork %d vfork %d clone %d exec %d vfork done %d exit %d ends %d\n", events[1], events[2], events[3], events[4], events[5],
	    events[6], ends);
}
static void p_follow_fork(void) { follow(fork_once, PTRACE_O_TRACEFORK); }
static void p_follow_vfork(void) { follow(vfork_once, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE); }
static void p_follow_clone(void) { follow(thread_once, PTRACE_O_TRACECLONE); }
static void p_event_exec(void) { follow(run_true, PTRACE_O_TRACEEXEC); }
static void p_event_exit(void) { follow(nothing, PTRACE_O_TRACEEXIT); }
static void p_exit_message(void)
{
	unsigned long message = 0;
	pid_t pid = begun(nothing, PTRACE_O_TRACEEXIT);
	ptrace(PTRACE_CONT, pid, 0, 0);
	await("exit event", pid);
	ptrace(PTRACE_GETEVENTMSG, pid, 0, &message);
	say("status %lu\n", message >> 8);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_exit_kill(void)
{
	int ends[2];
	char byte;
	if (pipe(ends))
		return;
	pid_t tracer = fork();
	if (!tracer) {
		close(ends[0]);
		pid_t pid = begun(spin, PTRACE_O_EXITKILL);
		ptrace(PTRACE_CONT, pid, 0, 0);
		_exit(0);
	}
	close(ends[1]);
	await("tracer", tracer);
	say("tracee gone: %ld\n", (long)read(ends[0], &byte, 1));
}
static void filter_getppid(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 5),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, filter};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	ten_calls();
}
static void p_seccomp(void)
{
	pid_t pid = begun(filter_getppid, PTRACE_O_TRACESECCOMP);
	int status, events = 0;
	unsigned long message = 0;
	for (ptrace(PTRACE_CONT, pid, 0, 0); waitpid(pid, &status, 0) == pid && WIFSTOPPED(status); ptrace(PTRACE_CONT, pid, 0, 0)) {
		events += status >> 16 == PTRACE_EVENT_SECCOMP;
		ptrace(PTRACE_GETEVENTMSG, pid, 0, &message);
	}
	say("events %d message %lu\n", events, message);
	say_status("end", status);
}
static void p_suppress(void) { pid_t pid = begun(raise_usr1, 0); go(PTRACE_CONT, pid, 0); await("signal", pid); go(PTRACE_CONT, pid, 0); await("end", pid); }
static void p_pass(void) { pid_t pid = begun(raise_usr1, 0); go(PTRACE_CONT, pid, 0); await("signal", pid); go(PTRACE_CONT, pid, SIGUSR1); await("end", pid); }
static void p_exchange(void) { pid_t pid = begun(raise_usr2_too, 0); go(PTRACE_CONT, pid, 0); await("signal", pid); go(PTRACE_CONT, pid, SIGUSR2); await("end", pid); }
static void p_siginfo(void)
{
	siginfo_t info = {0};
	pid_t pid = begun(raise_usr1, 0);
	go(PTRACE_CONT, pid, 0);
	await("signal", pid);
	ptrace(PTRACE_GETSIGINFO, pid, 0, &info);
	say("number %d code %d own %d\n", info.si_signo, info.si_code, info.si_pid == pid);
	go(PTRACE_KILL, pid, 0);
	await("end", pid);
}
static void p_mask(void)
{
	unsigned long mask = 1UL << (SIGUSR1 - 1), got = 0;
	pid_t pid = begun(raise_usr1, 0);
	say("set %ld\n", ptrace(PTRACE_SETSIGMASK, pid, sizeof(mask), &mask));
	ptrace(PTRACE_GETSIGMASK, pid, sizeof(got), &got);
	say("mask %lx\n", got);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_call_info(void)
{
	struct user_regs_struct regs;
	unsigned char info[128] = {0};
	pid_t pid = begun(ten_calls, PTRACE_O_TRACESYSGOOD);
	to_getppid(pid, &regs);
	long len = ptrace(0x420e, pid, sizeof(info), info);
	say("len %d op %d nr %d\n", len > 0, info[0], *(int *)(info + 24));
	go(PTRACE_KILL, pid, 0);
	await("end", pid);
}
static void p_emulate(void)
{
	pid_t pid = begun(ask_failing, 0);
	int status;
	struct user_regs_struct regs;
	do {
		ptrace(31 /* PTRACE_SYSEMU */, pid, 0, 0);
		waitpid(pid, &status, 0);
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
	} while (WIFSTOPPED(status) && regs.orig_rax != SYS_getppid);
	regs.rax = -ENOANO;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_breakpoint(void)
{
	pid_t pid = begun(show_word, 0);
	long text = ptrace(PTRACE_PEEKTEXT, pid, show_word, 0);
	struct user_regs_struct regs;
	ptrace(PTRACE_POKETEXT, pid, show_word, (text & ~0xffL) | 0xcc);
	go(PTRACE_CONT, pid, 0);
	await("breakpoint", pid);
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	say("at %d\n", regs.rip == (unsigned long)show_word + 1);
	regs.rip--;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	ptrace(PTRACE_POKETEXT, pid, show_word, text);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_nested(void)
{
	pid_t tracer = begun(p_syscalls, PTRACE_O_TRACESYSGOOD);
	int status, stops = 0;
	for (ptrace(PTRACE_SYSCALL, tracer, 0, 0); waitpid(tracer, &status, 0) == tracer && WIFSTOPPED(status);
	     ptrace(PTRACE_SYSCALL, tracer, 0, WSTOPSIG(status) == SIGCHLD ? SIGCHLD : 0))
		stops++;
	say("many stops %d\n", stops > 50);
	say_status("end", status);
}
static void p_memory(void)
{
	int there = 0;
	pid_t pid = begun(show_word, 0);
	struct iovec own = {&there, 4}, other = {(void *)&word, 4};
	say("read %ld\n", (long)process_vm_readv(pid, &own, 1, &other, 1, 0));
	there = 23;
	say("written %ld\n", (long)process_vm_writev(pid, &own, 1, &other, 1, 0));
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_twice(void)
{
	pid_t pid = begun(nothing, 0);
	pid_t other = fork();
	if (!other) {
		say("second tracer %ld %d\n", ptrace(PTRACE_ATTACH, pid, 0, 0), errno);
		_exit(0);
	}
	await("other", other);
	go(PTRACE_CONT, pid, 0);
	await("end", pid);
}
static void p_traceme_twice(void) { pid_t pid = fork(); if (!pid) { say("%ld ", ptrace(PTRACE_TRACEME, 0, 0, 0)); say("%ld %d\n", ptrace(PTRACE_TRACEME, 0, 0, 0), errno); _exit(0); } await("end", pid); }
static void p_exec_call_stops(void)
{
	pid_t pid = begun(run_true, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC);
	int status, execs = 0, ends = 0;
	for (ptrace(PTRACE_SYSCALL, pid, 0, 0); waitpid(pid, &status, 0) == pid && WIFSTOPPED(status); ptrace(PTRACE_SYSCALL, pid, 0, 0)) {
		struct user_regs_struct regs;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		execs += status >> 16 == PTRACE_EVENT_EXEC;
		ends += regs.orig_rax == SYS_execve && WSTOPSIG(status) == (SIGTRAP | 0x80);
	}
	say("execs %d stops %d\n", execs, ends);
	say_status("end", status);
}

// ---- executions ----

static void ran(const char *what, int (*run)(void))
{
	pid_t pid = fork();
	if (!pid) {
		int result = run();
		say("%s came back %d errno %d\n", what, result, errno);
		_exit(66);
	}
	await(what, pid);
}
static char path[256];
static const char *file(const char *text, int mode)
{
	snprintf(path, sizeof(path), "same.%d.tmp", getpid());
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
	if (write(fd, text, strlen(text)) < 0)
		say("no file\n");
	close(fd);
	chmod(path, mode);
	return path;
}
static int exec_true(void) { return execl("/bin/true", "true", NULL); }
static int exec_missing(void) { return execl("/nonexistent/x", "x", NULL); }
static int exec_path(void) { return execl(path, path, "one", NULL); }
static int exec_search(void) { return execlp("false", "false", NULL); }
static int exec_empty_env(void) { char *words[] = {"sh", "-c", "env | grep -v -e ^PWD= -e ^_= | wc -l", NULL}, *none[] = {NULL}; return execve("/bin/sh", words, none); }
static int exec_other_name(void) { return execl("/bin/sh", "renamed", "-c", "echo $0", NULL); }
static int exec_folder(void) { return execl("/", "/", NULL); }
static int exec_fd(void) { int fd = open("/bin/true", O_PATH | O_CLOEXEC); char *words[] = {"true", NULL}; return syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH); }
static int exec_at(void) { int fd = open("/bin", O_PATH); char *words[] = {"true", NULL}; return syscall(SYS_execveat, fd, "true", words, environ, 0); }
static int exec_script_fd(void) { int fd = open(path, O_RDONLY | O_CLOEXEC); char *words[] = {path, NULL}; return syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH); }
static int exec_memory(void)
{
	int from = open("/bin/true", O_RDONLY), to = memfd_create("copy", 0);
	char bytes[65536];
	ssize_t count;
	while ((count = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, count) != count)
			return -2;
	return fexecve(to, (char *[]){"copy", NULL}, environ);
}
static int exec_too_big(void)
{
	static char *words[5000];
	char *big = malloc(100001);
	memset(big, 'x', 100000);
	big[100000] = 0;
	for (int i = 0; i < 4999; i++)
		words[i] = big;
	return execve("/bin/true", words, environ);
}
static int exec_large(void)
{
	static char *words[500];
	char *big = malloc(1001);
	memset(big, 'x', 1000);
	big[1000] = 0;
	words[0] = "sh", words[1] = "-c", words[2] = "echo $# ${#1}", words[3] = "sh";
	for (int i = 4; i < 499; i++)
		words[i] = big;
	return execve("/bin/sh", words, environ);
}
static int exec_descriptors(void)
{
	dup2(1, 20);
	fcntl(20, F_SETFD, FD_CLOEXEC);
	dup2(1, 21);
	return execl("/bin/sh", "sh", "-c", "for n in 20 21; do test -e /proc/self/fd/$n && echo $n stays; done; true", NULL);
}
static void *exec_in_thread(void *unused) { execl("/bin/sh", "sh", "-c", "echo from a thread", NULL); return unused; }
static int exec_from_thread(void) { pthread_t thread; pthread_create(&thread, NULL, exec_in_thread, NULL); for (;;) pause(); }
static int exec_masked(void) { set_mask(SIG_BLOCK, SIGUSR1); signal(SIGUSR2, SIG_IGN); on(SIGHUP, 0, handle); return execl(self, self, "show-signals", NULL); }
static int exec_chain(void) { return execl(self, self, "chain", "20", NULL); }
static int exec_timer(void) { struct itimerval timer = {{0, 0}, {0, 30000}}; setitimer(ITIMER_REAL, &timer, NULL); return execl("/bin/sleep", "sleep", "10", NULL); }

static void e_true(void) { ran("true", exec_true); }
static void e_missing(void) { ran("missing", exec_missing); }
static void e_forbidden(void) { file("x", 0644); ran("forbidden", exec_path); unlink(path); }
static void e_no_format(void) { file("\1\2\3\4", 0755); ran("no format", exec_path); unlink(path); }
static void e_script(void) { file("#!/bin/sh\necho script $1\n", 0755); ran("script", exec_path); unlink(path); }
static void e_script_argument(void) { file("#!/bin/sh -e\necho argument $1\nfalse\necho not here\n", 0755); ran("script", exec_path); unlink(path); }
static void e_no_interpreter(void) { file("#!/nonexistent/sh\n", 0755); ran("script", exec_path); unlink(path); }
static void e_script_closed(void) { file("#!/bin/sh\n", 0755); ran("script", exec_script_fd); unlink(path); }
static void e_search(void) { ran("search", exec_search); }
static void e_empty_env(void) { ran("empty", exec_empty_env); }
static void e_other_name(void) { ran("name", exec_other_name); }
static void e_folder(void) { ran("folder", exec_folder); }
static void e_fd(void) { ran("descriptor", exec_fd); }
static void e_at(void) { ran("at", exec_at); }
static void e_memory(void) { ran("memory", exec_memory); }
static void e_too_big(void) { ran("too big", exec_too_big); }
static void e_large(void) { ran("large", exec_large); }
static void e_descriptors(void) { ran("descriptors", exec_descriptors); }
static void e_thread(void) { ran("thread", exec_from_thread); }
static void e_masked(void) { ran("masked", exec_masked); }
static void e_chain(void) { ran("chain", exec_chain); }
static void e_timer(void) { ran("timer", exec_timer); }
static void e_vfork(void) { pid_t pid = vfork(); if (!pid) { execl("/bin/false", "false", NULL); _exit(9); } await("vfork", pid); }
static void e_spawn(void) { pid_t pid = 0; char *words[] = {"false", NULL}; say("spawn %d\n", posix_spawn(&pid, "/bin/false", NULL, NULL, words, environ)); await("spawned", pid); }
static void e_spawn_missing(void) { pid_t pid = 0; char *words[] = {"x", NULL}; say("spawn %d\n", posix_spawn(&pid, "/nonexistent/x", NULL, NULL, words, environ)); }
static void e_system(void) { say_status("system", system("exit 5")); }
static void e_popen(void) { char line[64] = ""; FILE *pipe = popen("echo through a pipe; exit 3", "r"); if (!fgets(line, sizeof(line), pipe)) say("nothing\n"); say("%s", line); say_status("popen", pclose(pipe)); }

// ---- signals ----

static void s_handler(void) { on(SIGUSR1, 0, handle); for (int i = 0; i < 100; i++) raise(SIGUSR1); say("came %d\n", came); }
static void s_mask(void) { on(SIGUSR1, 0, handle); set_mask(SIG_BLOCK, SIGUSR1); for (int i = 0; i < 5; i++) raise(SIGUSR1); say("masked %d\n", came); set_mask(SIG_UNBLOCK, SIGUSR1); say("came %d\n", came); }
static void s_suspend(void) { sigset_t none; sigemptyset(&none); on(SIGUSR1, 0, handle); set_mask(SIG_BLOCK, SIGUSR1); raise(SIGUSR1); say("suspend %d %d", sigsuspend(&none), errno); say(" came %d\n", came); }
static void s_wait(void) { sigset_t set; siginfo_t info; sigemptyset(&set); sigaddset(&set, SIGRTMIN); set_mask(SIG_BLOCK, SIGRTMIN); sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 77}); int got = sigwaitinfo(&set, &info); say("got %d value %d\n", got == SIGRTMIN, info.si_value.sival_int); }
static void s_wait_timeout(void) { sigset_t set; struct timespec time = {0, 1000000}; sigemptyset(&set); sigaddset(&set, SIGUSR1); set_mask(SIG_BLOCK, SIGUSR1); int got = sigtimedwait(&set, NULL, &time); say("got %d errno %d\n", got, errno); }
static void s_signalfd(void) { sigset_t set; struct signalfd_siginfo info; sigemptyset(&set); sigaddset(&set, SIGUSR2); set_mask(SIG_BLOCK, SIGUSR2); int fd = signalfd(-1, &set, 0); raise(SIGUSR2); say("read %ld number %u\n", (long)read(fd, &info, sizeof(info)), info.ssi_signo); }
static void s_realtime(void) { for (int i = 0; i < 8; i++) { on(SIGRTMIN + i, SA_SIGINFO, handle_info); set_mask(SIG_BLOCK, SIGRTMIN + i); } for (int i = 7; i >= 0; i--) for (int n = 0; n < 3; n++) sigqueue(getpid(), SIGRTMIN + i, (union sigval){.sival_int = n}); sigset_t all, old; sigemptyset(&all); sigprocmask(SIG_SETMASK, &all, &old); say("came %d:", came); for (int i = 0; i < came; i++) say(" %d", order[i] - SIGRTMIN); say("\n"); }
static void s_queue(void) { on(SIGUSR1, SA_SIGINFO, handle_info); sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 12345}); say("value %d\n", value_came); }
static char alternate[65536];
static volatile int was_on_alternate;
static void on_alternate(int number) { char here; (void)number; was_on_alternate = &here >= alternate && &here < alternate + sizeof(alternate); }
static void s_alternate(void) { stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)}; sigaltstack(&stack, NULL); on(SIGUSR1, SA_ONSTACK, on_alternate); raise(SIGUSR1); say("alternate %d\n", was_on_alternate); }
static sigjmp_buf back;
static void jump(int number) { siglongjmp(back, number); }
static void s_segv(void) { on(SIGSEGV, 0, jump); int got = sigsetjmp(back, 1); if (!got) *(volatile int *)8 = 1; say("jumped %d\n", got); }
static void s_fpe(void) { volatile int zero = 0; on(SIGFPE, 0, jump); int got = sigsetjmp(back, 1); if (!got) zero = 1 / zero; say("jumped %d\n", got); }
static void s_ill(void) { on(SIGILL, 0, jump); int got = sigsetjmp(back, 1); if (!got) __asm__ volatile("ud2"); say("jumped %d\n", got); }
static void s_bus(void) { on(SIGBUS, 0, jump); int fd = memfd_create("x", 0); volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0); int got = sigsetjmp(back, 1); if (!got) (void)page[0]; say("jumped %d\n", got); }
static void s_trap(void) { on(SIGTRAP, 0, handle); __asm__ volatile("int3"); say("trap %d\n", came); }
static void s_pipe(void) { int ends[2]; if (pipe(ends)) return; close(ends[0]); on(SIGPIPE, 0, handle); long got = write(ends[1], "x", 1); say("wrote %ld errno %d came %d\n", got, errno, came); }
static void later(long us) { struct itimerval timer = {{0, 0}, {0, us}}; setitimer(ITIMER_REAL, &timer, NULL); }
static void s_interrupted(void) { int ends[2]; char byte; if (pipe(ends)) return; on(SIGALRM, 0, handle); later(20000); long got = read(ends[0], &byte, 1); say("read %ld errno %d came %d\n", got, errno, came); }
static int restart_ends[2];
static void feed(int number) { (void)number; came++; if (write(restart_ends[1], "y", 1) != 1) came = -1; }
static void s_restart(void) { char byte = 0; if (pipe(restart_ends)) return; on(SIGALRM, SA_RESTART, feed); later(20000); long got = read(restart_ends[0], &byte, 1); say("read %ld %c came %d\n", got, byte, came); }
static void s_sleep(void) { struct timespec time = {5, 0}, left = {0}; on(SIGALRM, 0, handle); later(20000); int got = nanosleep(&time, &left); say("slept %d errno %d left %d\n", got, errno, left.tv_sec == 4); }
static void s_restart_block(void) { struct timespec time = {0, 60000000}; pid_t pid = fork(); if (!pid) { say("slept %d\n", nanosleep(&time, NULL)); _exit(0); } nap(20); kill(pid, SIGSTOP); int status; waitpid(pid, &status, WUNTRACED); kill(pid, SIGCONT); await("end", pid); }
static void s_poll(void) { struct pollfd none = {.fd = -1}; on(SIGALRM, SA_RESTART, handle); later(20000); int got = poll(&none, 1, 5000); say("poll %d errno %d\n", got, errno); }
static void s_ppoll(void) { sigset_t set; sigemptyset(&set); on(SIGUSR1, 0, handle); set_mask(SIG_BLOCK, SIGUSR1); raise(SIGUSR1); int got = ppoll(NULL, 0, NULL, &set); say("ppoll %d errno %d came %d\n", got, errno, came); }
static void s_timer(void) { timer_t timer; struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1}; struct itimerspec time = {{0, 0}, {0, 5000000}}; on(SIGUSR1, SA_SIGINFO, handle_info); timer_create(CLOCK_MONOTONIC, &event, &timer); timer_settime(timer, 0, &time, NULL); while (!came) nap(1); say("timer %d\n", came); }
static void s_reset(void) { on(SIGUSR1, SA_RESETHAND, handle); raise(SIGUSR1); struct sigaction now; sigaction(SIGUSR1, NULL, &now); say("came %d default %d\n", came, now.sa_handler == SIG_DFL); }
static volatile int depth, deepest;
static void nest(int number) { depth++; if (depth > deepest) deepest = depth; if (depth < 5) raise(number); depth--; }
static void s_nested(void) { on(SIGUSR1, SA_NODEFER, nest); raise(SIGUSR1); say("deepest %d\n", deepest); }
static void s_child(void) { on(SIGCHLD, 0, handle); pid_t pid = fork(); if (!pid) _exit(6); while (!came) nap(1); await("child", pid); }
static void s_waitid(void) { siginfo_t info = {0}; pid_t pid = fork(); if (!pid) _exit(8); waitid(P_PID, pid, &info, WEXITED | WNOWAIT); say("code %d status %d\n", info.si_code, info.si_status); await("again", pid); }
static void s_stop(void) { pid_t pid = fork(); int status; if (!pid) spin(); kill(pid, SIGSTOP); waitpid(pid, &status, WUNTRACED); say_status("child", status); kill(pid, SIGCONT); waitpid(pid, &status, WCONTINUED); say_status("child", status); kill(pid, SIGKILL); await("child", pid); }
static void s_group(void) { pid_t pid = fork(); if (!pid) { setpgid(0, 0); for (int i = 0; i < 3; i++) if (!fork()) spin(); nap(10); kill(0, SIGTERM); _exit(1); } await("group", pid); }
static void die_of(int number) { struct rlimit none = {0, 0}; setrlimit(RLIMIT_CORE, &none); pid_t pid = fork(); if (!pid) { raise(number); _exit(1); } await("child", pid); }
static void s_deaths(void) { int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGSYS}; for (unsigned i = 0; i < sizeof(numbers) / 4; i++) die_of(numbers[i]); }
static void s_ignored(void) { pid_t pid = fork(); if (!pid) { signal(SIGTERM, SIG_IGN); raise(SIGTERM); _exit(11); } await("child", pid); }
static void s_abort(void) { struct rlimit none = {0, 0}; setrlimit(RLIMIT_CORE, &none); pid_t pid = fork(); if (!pid) { set_mask(SIG_BLOCK, SIGABRT); abort(); } await("child", pid); }
static void leave(int number) { _exit(number); }
static void s_exit_in_handler(void) { pid_t pid = fork(); if (!pid) { on(SIGUSR1, 0, leave); raise(SIGUSR1); _exit(0); } await("child", pid); }
static pthread_t main_thread;
static volatile int thread_got;
static void who(int number) { (void)number; thread_got = pthread_equal(pthread_self(), main_thread) ? 1 : 2; }
static void *wait_for_signal(void *unused) { while (!thread_got) nap(1); return unused; }
static void s_thread(void) { pthread_t thread; main_thread = pthread_self(); on(SIGUSR1, 0, who); pthread_create(&thread, NULL, wait_for_signal, NULL); pthread_kill(thread, SIGUSR1); pthread_join(thread, NULL); say("thread %d\n", thread_got); }
static void s_thread_mask(void) { pthread_t thread; main_thread = pthread_self(); on(SIGUSR1, 0, who); pthread_create(&thread, NULL, wait_for_signal, NULL); set_mask(SIG_BLOCK, SIGUSR1); kill(getpid(), SIGUSR1); pthread_join(thread, NULL); say("thread %d\n", thread_got); }
static void s_parent_death(void) { int ends[2]; char byte; if (pipe(ends)) return; pid_t pid = fork(); if (!pid) { if (!fork()) { close(ends[0]); prctl(PR_SET_PDEATHSIG, SIGKILL); if (write(ends[1], "r", 1) != 1) _exit(1); spin(); } if (read(ends[0], &byte, 1) != 1) _exit(2); _exit(0); } close(ends[1]); await("parent", pid); say("child gone %ld\n", (long)read(ends[0], &byte, 1)); }
static void s_vfork(void) { on(SIGUSR1, 0, handle); pid_t pid = vfork(); if (!pid) { kill(getppid(), SIGUSR1); _exit(12); } await("child", pid); say("came %d\n", came); }
static void s_zombie(void) { signal(SIGCHLD, SIG_IGN); pid_t pid = fork(); if (!pid) _exit(0); int got = waitpid(pid, NULL, 0); say("wait %d errno %d\n", got, errno); }
static void s_subreaper(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); pid_t pid = fork(); if (!pid) { if (!fork()) { nap(20); _exit(13); } _exit(0); } await("child", pid); int status; pid_t other = waitpid(-1, &status, 0); say("reaped %d\n", other > 0); say_status("grandchild", status); }
static void s_kill_thread_group(void) { pid_t pid = fork(); if (!pid) { pthread_t thread; for (int i = 0; i < 8; i++) pthread_create(&thread, NULL, wait_for_signal, NULL); nap(5); kill(getpid(), SIGKILL); pause(); } await("group", pid); }
static void *exit_process(void *unused) { exit(14); return unused; }
static void s_exit_from_thread(void) { pid_t pid = fork(); if (!pid) { pthread_t thread; pthread_create(&thread, NULL, exit_process, NULL); for (;;) pause(); } await("group", pid); }
static void *last_thread(void *unused) { nap(10); exit(15); return unused; }
static void s_leader_first(void) { pid_t pid = fork(); if (!pid) { pthread_t thread; pthread_create(&thread, NULL, last_thread, NULL); pthread_exit(NULL); } await("group", pid); }
static void s_seccomp_kill(void) { struct rlimit none = {0, 0}; setrlimit(RLIMIT_CORE, &none); pid_t pid = fork(); if (!pid) { prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); syscall(SYS_getppid); } await("child", pid); }
static void s_seccomp_trap(void) { struct sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}; struct sock_fprog program = {4, filter}; on(SIGSYS, 0, handle); prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program); syscall(SYS_getppid); say("trapped %d\n", came); }
static void s_seccomp_errno(void) { struct sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 95), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}; struct sock_fprog program = {4, filter}; prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program); say("%ld", syscall(SYS_getppid)); say(" %d\n", errno); }

#define ONE(name) {#name, name}
static const struct {
	const char *name;
	void (*run)(void);
} programs[] = {
	ONE(p_exec), ONE(p_syscalls), ONE(p_poke), ONE(p_other_call), ONE(p_no_call), ONE(p_other_result), ONE(p_steps), ONE(p_attach),
	ONE(p_seize), ONE(p_listen), ONE(p_follow_fork), ONE(p_follow_vfork), ONE(p_follow_clone), ONE(p_event_exec), ONE(p_event_exit),
	ONE(p_exit_message), ONE(p_exit_kill), ONE(p_seccomp), ONE(p_suppress), ONE(p_pass), ONE(p_exchange), ONE(p_siginfo), ONE(p_mask),
	ONE(p_call_info), ONE(p_emulate), ONE(p_breakpoint), ONE(p_nested), ONE(p_memory), ONE(p_twice), ONE(p_traceme_twice),
	ONE(p_exec_call_stops), ONE(e_true), ONE(e_missing), ONE(e_forbidden), ONE(e_no_format), ONE(e_script), ONE(e_script_argument),
	ONE(e_no_interpreter), ONE(e_script_closed), ONE(e_search), ONE(e_empty_env), ONE(e_other_name), ONE(e_folder), ONE(e_fd), ONE(e_at),
	ONE(e_memory), ONE(e_too_big), ONE(e_large), ONE(e_descriptors), ONE(e_thread), ONE(e_masked), ONE(e_chain), ONE(e_timer),
	ONE(e_vfork), ONE(e_spawn), ONE(e_spawn_missing), ONE(e_system), ONE(e_popen), ONE(s_handler), ONE(s_mask), ONE(s_suspend),
	ONE(s_wait), ONE(s_wait_timeout), ONE(s_signalfd), ONE(s_realtime), ONE(s_queue), ONE(s_alternate), ONE(s_segv), ONE(s_fpe),
	ONE(s_ill), ONE(s_bus), ONE(s_trap), ONE(s_pipe), ONE(s_interrupted), ONE(s_restart), ONE(s_sleep), ONE(s_restart_block), ONE(s_poll),
	ONE(s_ppoll), ONE(s_timer), ONE(s_reset), ONE(s_nested), ONE(s_child), ONE(s_waitid), ONE(s_stop), ONE(s_group), ONE(s_deaths),
	ONE(s_ignored), ONE(s_abort), ONE(s_exit_in_handler), ONE(s_thread), ONE(s_thread_mask), ONE(s_parent_death), ONE(s_vfork),
	ONE(s_zombie), ONE(s_subreaper), ONE(s_kill_thread_group), ONE(s_exit_from_thread), ONE(s_leader_first), ONE(s_seccomp_kill),
	ONE(s_seccomp_trap), ONE(s_seccomp_errno),
};

static void show_signals(void)
{
	sigset_t mask;
	struct sigaction usr2, hup;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigaction(SIGUSR2, NULL, &usr2);
	sigaction(SIGHUP, NULL, &hup);
	say("masked %d ignored %d default %d\n", sigismember(&mask, SIGUSR1), usr2.sa_handler == SIG_IGN, hup.sa_handler == SIG_DFL);
}

int main(int count, char **words)
{
	self = "/proc/self/exe";
	if (count < 2) {
		for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
			say("%s\n", programs[i].name);
		return 0;
	}
	if (!strcmp(words[1], "show-signals")) {
		show_signals();
		return 0;
	}
	if (!strcmp(words[1], "chain")) {
		int left = atoi(words[2]);
		char text[16];
		snprintf(text, sizeof(text), "%d", left - 1);
		if (left > 0)
			execl(self, self, "chain", text, NULL);
		say("end of the chain\n");
		return 17;
	}
	for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (!strcmp(words[1], programs[i].name)) {
			programs[i].run();
			return 0;
		}
	}
	return 2;
}
