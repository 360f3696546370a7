// Programs that print their truth as one line of JSON: `hard rewrite N` opens a name that another thread rewrites all the time,
// `hard ring N` writes and reads a file through an io_uring, `hard ring-names` does there what has names, `hard mix THREADS CALLS` floods and does a few things that count,
// `hard slow CALLS WAITS` reads quickly and then waits for bytes. `hard calm THREADS` calls now and then until it is killed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile char name[] = "a-file";
static volatile int is_over;

static void *rewrite(void *unused)
{
	while (!is_over) {
		name[0] = 'b';
		for (volatile int i = 0; i < 20; i++)
			;
		name[0] = 'a';
		for (volatile int i = 0; i < 20; i++)
			;
	}
	return unused;
}

static int open_rewritten(int times)
{
	pthread_t thread;
	struct stat of_a, found;
	int counts[2] = {0, 0};
	close(open("b-file", O_CREAT | O_WRONLY, 0600));
	int made = open("a-file", O_CREAT | O_WRONLY, 0600);
	fstat(made, &of_a);
	close(made);
	pthread_create(&thread, NULL, rewrite, NULL);
	for (int i = 0; i < times; i++) {
		int fd = open((const char *)name, O_RDONLY);
		if (fd < 0 || fstat(fd, &found))
			return 1;
		counts[found.st_ino != of_a.st_ino]++;
		close(fd);
	}
	is_over = 1;
	pthread_join(thread, NULL);
	printf("{\"a\": %d, \"b\": %d}\n", counts[0] + 1, counts[1] + 1);
	return 0;
}

// An io_uring, with one operation under way at most.
static struct {
	int fd;
	unsigned *tail, *mask, *array, *head, *end, *done_mask;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *results;
} ring;

// 0: made; 77: this kernel has none.
static int make_ring(void)
{
	struct io_uring_params params = {0};
	ring.fd = syscall(SYS_io_uring_setup, 8, &params);
	if (ring.fd < 0) {
		fprintf(stderr, "skipped: no io_uring: %d\n", errno);
		return 77;
	}
	size_t given_len = params.sq_off.array + params.sq_entries * 4, done_len = params.cq_off.cqes + params.cq_entries * 16;
	char *given = mmap(NULL, given_len, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
	char *done = mmap(NULL, done_len, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_CQ_RING);
	ring.entries =
		mmap(NULL, params.sq_entries * sizeof(*ring.entries), PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES);
	if (given == MAP_FAILED || done == MAP_FAILED || ring.entries == MAP_FAILED)
		return 1;
	ring.tail = (unsigned *)(given + params.sq_off.tail);
	ring.mask = (unsigned *)(given + params.sq_off.ring_mask);
	ring.array = (unsigned *)(given + params.sq_off.array);
	ring.head = (unsigned *)(done + params.cq_off.head);
	ring.end = (unsigned *)(done + params.cq_off.tail);
	ring.done_mask = (unsigned *)(done + params.cq_off.ring_mask);
	ring.results = (struct io_uring_cqe *)(done + params.cq_off.cqes);
	return 0;
}

// Gives an operation to the ring and waits for its result.
static int operate(struct io_uring_sqe entry)
{
	unsigned at = *ring.tail & *ring.mask;
	ring.entries[at] = entry;
	ring.array[at] = at;
	__atomic_store_n(ring.tail, *ring.tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		exit(1);
	while (*ring.head == __atomic_load_n(ring.end, __ATOMIC_ACQUIRE))
		;
	int result = ring.results[*ring.head & *ring.done_mask].res;
	__atomic_store_n(ring.head, *ring.head + 1, __ATOMIC_RELEASE);
	return result;
}

static int use_ring(int times)
{
	int failed = make_ring();
	if (failed)
		return failed;
	int fd = open("ring-file", O_CREAT | O_RDWR | O_TRUNC, 0600);
	char bytes[64] = "0123456789012345678901234567890123456789012345678901234567890";
	long moved[2] = {0, 0};
	for (int i = 0; i < times; i++) {
		int result = operate((struct io_uring_sqe){
			.opcode = i % 2 ? IORING_OP_READ : IORING_OP_WRITE,
			.fd = fd,
			.addr = (unsigned long)bytes,
			.len = 1 + i % 32,
		});
		if (result < 0)
			return 1;
		moved[i % 2] += result;
	}
	operate((struct io_uring_sqe){.opcode = IORING_OP_CLOSE, .fd = fd});
	printf("{\"operations\": %d, \"written\": %ld, \"read\": %ld}\n", times, moved[0], moved[1]);
	return 0;
}

// Makes, renames and removes files and connects through a ring, with no call that would tell the names.
static int name_by_ring(void)
{
	int failed = make_ring();
	if (failed)
		return failed;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		return 1;
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)"made", .len = 0640};
	entry.open_flags = O_CREAT | O_RDWR;
	int made = operate(entry);
	entry = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)"missing"};
	int missing = operate(entry);
	entry = (struct io_uring_sqe){.opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, .addr = (unsigned long)"made", .len = AT_FDCWD};
	entry.off = (unsigned long)"renamed";
	int renamed = operate(entry);
	int removed = operate((struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (unsigned long)"renamed"});
	int folder = operate(
		(struct io_uring_sqe){.opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD, .addr = (unsigned long)"folder", .len = 0750});
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int connected = operate((struct io_uring_sqe){
		.opcode = IORING_OP_CONNECT, .fd = client, .addr = (unsigned long)&address, .off = sizeof(address)});
	int server = operate((struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = listener});
	int sent = operate((struct io_uring_sqe){.opcode = IORING_OP_SEND, .fd = client, .addr = (unsigned long)"hello", .len = 5});
	if (made < 0 || missing != -ENOENT || renamed || removed || folder || connected || server < 0 || sent != 5)
		return 1;
	printf("{\"port\": %d}\n", ntohs(address.sin_port));
	return 0;
}

static int flood_calls;

static void *flood(void *unused)
{
	char byte;
	int fd = open("/dev/zero", O_RDONLY);
	for (int i = 0; i < flood_calls; i++)
		if (read(fd, &byte, 1) != 1)
			abort();
	return unused;
}

// Threads flood; meanwhile processes come and go and files are made, which nobody may lose.
static int mix(int threads, int calls)
{
	pthread_t flooding[64];
	flood_calls = calls;
	for (int i = 0; i < threads && i < 64; i++)
		pthread_create(&flooding[i], NULL, flood, NULL);
	int made = 0, children = 0;
	for (int i = 0; i < 50; i++) {
		char path[32];
		snprintf(path, sizeof(path), "made-%02d", i);
		int fd = open(path, O_CREAT | O_WRONLY, 0600);
		made += fd >= 0;
		close(fd);
		pid_t pid = fork();
		if (!pid) {
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
		children++;
		usleep(20000);
	}
	for (int i = 0; i < threads && i < 64; i++)
		pthread_join(flooding[i], NULL);
	printf("{\"made\": %d, \"children\": %d, \"reads\": %ld}\n", made, children, (long)threads * calls);
	return 0;
}

static void *call_now_and_then(void *unused)
{
	for (;;) {
		for (int i = 0; i < 20; i++)
			syscall(SYS_getppid);
		usleep(1000);
	}
	return unused;
}

static int be_calm(int threads)
{
	pthread_t thread;
	for (int i = 1; i < threads; i++)
		pthread_create(&thread, NULL, call_now_and_then, NULL);
	call_now_and_then(NULL);
	return 0;
}

static long long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

// Bytes that are there at once and bytes that come after 20 ms, from one pipe; many quick reads before, from a file.
static int read_slowly(int calls, int waits)
{
	char bytes[1000] = "";
	int ends[2], zero = open("/dev/zero", O_RDONLY);
	if (pipe(ends) || write(ends[1], bytes, sizeof(bytes)) != sizeof(bytes))
		return 1;
	long long begun = now_ns();
	for (int i = 0; i < calls; i++)
		if (read(zero, bytes, 1) != 1)
			return 1;
	long long quick = now_ns() - begun;
	pid_t pid = fork();
	if (!pid) {
		for (int i = 0; i < waits; i++) {
			usleep(20000);
			if (write(ends[1], "x", 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	for (unsigned i = 0; i < sizeof(bytes); i++)
		if (read(ends[0], bytes, 1) != 1)
			return 1;
	begun = now_ns();
	for (int i = 0; i < waits; i++)
		if (read(ends[0], bytes, 1) != 1)
			return 1;
	long long slow = now_ns() - begun;
	waitpid(pid, NULL, 0);
	printf("{\"quick_ns\": %lld, \"slow_ns\": %lld, \"slow_reads\": %d}\n", quick, slow, waits + (int)sizeof(bytes));
	return 0;
}

int main(int count, char **words)
{
	if (count == 3 && !strcmp(words[1], "rewrite"))
		return open_rewritten(atoi(words[2]));
	if (count == 3 && !strcmp(words[1], "ring"))
		return use_ring(atoi(words[2]));
	if (count == 2 && !strcmp(words[1], "ring-names"))
		return name_by_ring();
	if (count == 4 && !strcmp(words[1], "mix"))
		return mix(atoi(words[2]), atoi(words[3]));
	if (count == 4 && !strcmp(words[1], "slow"))
		return read_slowly(atoi(words[2]), atoi(words[3]));
	if (count == 3 && !strcmp(words[1], "calm"))
		return be_calm(atoi(words[2]));
	return 2;
}
