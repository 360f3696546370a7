// What the programs share with each other and with the recorder. The recorder's side are
// src/bpf/{calls,living,programs,rings}.rs: keep them alike.
#pragma once
#include "kernel.h"

// Kinds and tags of docs/record-format.md.
#define KIND_CALL 2
#define KIND_CALL_BEGIN 3
#define KIND_FORK 4
#define KIND_EXEC 5
#define KIND_EXIT 6
#define KIND_SIGNAL 7
#define KIND_FOLDED 10
#define KIND_STOP 15
#define KIND_CONTINUE 16
#define KIND_CALL_ON_FILE 17
#define KIND_FILE 18
#define KIND_RING_OPERATION 19
// A record that the recorder completes before it is written: texts are scrubbed, raw items become those of the format.
#define KIND_RAW 0x80
// Never written: a part of an argument vector, an environment, or the data of a call.
#define KIND_PIECE 0xf0
// Never written: what a thread used, at its end.
#define KIND_USE 0xf1

#define TAG_STRING 1
#define TAG_STRING_CUT 2
#define TAG_SOCKADDR 4
#define TAG_INTS 5
#define TAG_PATH 7
#define TAG_STATUS 8
#define TAG_TOTAL 9
#define TAG_LONG_DURATION 10
#define TAG_IDENTITY 11
#define TAG_STRUCT 12
#define TAG_NO_RESULT 13
#define TAG_EXE 14
#define TAG_CWD 17
#define TAG_USER 18
#define TAG_UNTIMED 43
#define TAG_ARGUMENTS 44
#define TAG_RAW_CGROUP 204
// Raw items: as the kernel has it.
#define TAG_RAW_SOCKET 200
#define TAG_RAW_SIGINFO 201
#define TAG_RAW_PROGRAM 202
#define TAG_RAW_ARGV 203
// The true length; the data are the pieces before the record.
#define TAG_RAW_DATA 205
// What the process used before its image: `struct used`.
#define TAG_RAW_USED 206
// How many strings an argument vector has, those that found no room included.
#define TAG_RAW_STRINGS 207
// That they are in pieces, and the address at which the first of these begins.
#define TAG_RAW_LISTED 208
// Added to the tag of a path.
#define RAW_PATH 128

#define INDEX_RESULT 0xfe
#define INDEX_NONE 0xff
#define LONG_DURATION 0xffffffffu

#define ARCH_X86_64 0
#define ARCH_AARCH64 1
#define ARCH_I386 2
#define ARCH_OTHER 3

// What to do with a call: bits of `struct call`.
#define CALL_WANTED 1
#define CALL_READS_GIVEN 2   // something is read whatever came of the call
#define CALL_READS_MADE 4    // something is read when it succeeded
#define CALL_OF_PROCESS 8    // written at its entry as well
#define CALL_ON_FILE 16      // argument `fd_place` is a descriptor
#define CALL_FOLDED 32       // always counted, never written
#define CALL_FOLDABLE 64     // counted when the ring is half full
#define CALL_MOVES_BYTES 128 // the result is a number of bytes
#define CALL_CLOSES 256
#define CALL_EXECUTES 512
#define CALL_CHANGES 1024 // descriptors come or go
#define CALL_QUICK 2048 // its record is made of numbers alone, few enough for `shorts`

#define ROLE_TEXT 1
#define ROLE_NAME 2
#define ROLE_STRINGS 3
#define ROLE_OPEN_HOW 4
#define ROLE_CLONE_ARGUMENTS 5
#define ROLE_CALL_ARGUMENTS 6
#define ROLE_ADDRESS_IN 7
#define ROLE_ADDRESS_OUT 8
#define ROLE_MESSAGE_IN 9
#define ROLE_MESSAGE_OUT 10
#define ROLE_MESSAGES 11
#define ROLE_PAIR 12
#define ROLE_STATUS 13
#define ROLE_SIGNAL_INFO 14
#define ROLE_DATA 15
#define ROLE_VECTOR 16
#define ROLE_NOTHING 0

#define PIECE_OF_ARGUMENTS 0
#define PIECE_OF_ENVIRONMENT 1
#define PIECE_OF_DATA 2
#define PIECE_OF_POINTERS 3
#define PIECE_OF_STRINGS 4

#define RESULT_NOTHING 0
#define RESULT_NEW_FILE 1
#define RESULT_COPY 2
#define RESULT_COPY_OF_FCNTL 3
#define RESULT_ACCEPTED 4
#define RESULT_SOCKET_OF_FIRST 5
#define RESULT_DIRECTORY 6

struct call {
	u16 flags;
	u8 arguments; // how many it takes
	u8 result;
	u8 fd_place;
	u8 unused;
	u8 roles[6];
};

#define CALLS_PER_ARCHITECTURE 512

// What the number of a call tells alone, whatever the architecture is.
#define NUMBER_PASSED_OVER 1 // nothing is recorded
#define NUMBER_QUICK 2 // at its entry only the time is kept
// Of the machine's own architecture whenever the code segment is: what other architectures have there does not return.
#define NUMBER_OWN_BY_CODE 4
// Nothing is recorded when the code segment is the machine's own.
#define NUMBER_PASSED_OVER_BY_CODE 8
// Always counted, never written.
#define NUMBER_FOLDED 16

// Calls counted on one file.
struct fold {
	u64 first_ns;
	u64 calls;
	u64 errors;
	u64 bytes;
	u64 total_ns;
	u32 serial;
	s32 fd;
	u16 number;
	u8 architecture;
	u8 unused[5];
	// Of calls that may go without readings of the clock (`is_timed`): those that do, and those by which their time is judged.
	u64 first_ticks;
	u64 sampled_ns;
	u32 sampled;
	u32 untimed;
};

#define FOLDS 8
#define CACHED 4

// What a descriptor of the thread is open on, valid while nobody's descriptors changed.
struct cached {
	u32 fd;
	u32 changes;
	u32 serial;
	u32 unused;
};

// What the frequent calls of one thread need, found by where its registers are kept: at the same address in every call, the end
// of its kernel stack, which is no other thread's while it lives. Costs no call into the kernel, as a task's storage does.
struct near {
	u64 registers; // as `key_of` has it; odd: as `stranger_of` has it; 0: no thread's
	u64 enter_ns; // of CLOCK_MONOTONIC; 0: in no such call; UNTIMED: only `enter_ticks` is known
	u32 tid;
	u32 number;
	u64 enter_ticks;
	u64 random;
	struct cached cache[CACHED];
	struct fold folds[FOLDS];
	u64 counts; // whether something is counted among them
};

#define NEAR 4096
#define UNTIMED 1

#define THREAD_WAITS 1 // for its exec: nothing of it is recorded before
#define THREAD_PROBES 2 // a child of the recorder that ends at once: tells the recorder's place
#define THREAD_STRANGER 4 // looked at, not to be recorded

// What is kept of each thread of the job.
struct thread {
	u32 tid;
	u32 tgid;
	u8 flags;
	u8 is_in_call;
	u8 architecture;
	u8 counts; // whether something is counted among its folds
	u16 number;
	u16 turns;
	u64 enter_ns;
	u64 arguments[6];
	// The last deadly signal that was sent to it.
	u32 signal;
	s32 signal_code;
	u32 signal_sender;
	u32 near; // its place in `nears` and one; 0: none
	struct cached cache[CACHED];
	struct fold folds[FOLDS];
	u64 stamp;
	u8 record[160];
	u64 inherited_pages; // most memory of the process while it was the recorder's
};

// Totals of one CPU.
struct counters {
	u64 seen;
	u64 folded;
	u64 lost;
	u64 lost_first_ns;
	u64 lost_last_ns;
	u64 is_full; // how full the ring was at the last look: FULL_...
};

#define FULL_FOLDS 1 // frequent calls are counted
#define FULL_RESERVED 2 // all calls but those of processes are
#define FULL_LAST 3 // all calls are

#define SCRATCH_ROOM 24576
#define SCRATCH_BYTES (SCRATCH_ROOM + 3 * 4096)

// A path on its way up.
struct walk {
	u64 dentry;
	u64 mount;
	u64 root; // of the mount
	u64 is_whole;
};

// What lies side by side in a dentry since long: its parent, its name, its inode. Short names follow, in the dentry itself.
struct dentry_part {
	u64 parent;
	u32 hash, name_len;
	u64 name;
	u64 inode;
};

// Descriptors that a call passed: numbers in the memory of the thread that runs.
struct passing {
	u64 address;
	u32 count;
	u32 index;
};

// Pointers of a list that are read at once, a power of two.
#define POINTERS 32

// Head of a message of sendmsg and its like.
struct message {
	u64 name;
	u32 name_len, unused;
	u64 vectors, vector_count;
	u64 control, control_len;
};

// A file that has a serial number.
struct known_file {
	u64 inode;
	u32 serial;
	u32 unused;
};

// Where a record with items is built, and where functions keep what would take too much of the stack.
struct scratch {
	u32 len;
	u32 serial;
	u64 arguments[6];
	s64 result;
	u64 word; // of POINTER_BY
	u64 pair[2]; // of PAIR_BY
	u64 pointers[POINTERS]; // of a list
	u64 listed_count; // strings of a list
	u64 listed_from, listed_until; // where the first of them in memory begins and the last; from 0: none was written
	u64 made; // serial number of the file behind the descriptor that the call made; 0: none
	struct walk walk;
	struct dentry_part part, kept; // of `walk_up`
	u64 file; // of `known`
	struct known_file known;
	struct passing passing;
	struct message message;
	u64 stamp;
	u8 data[SCRATCH_BYTES];
};

// The record of most calls, as it is in the stream.
struct short_call {
	u32 word, tid;
	u64 time;
	u32 took;
	u16 number, widths;
	u32 serial;
	u32 fd;
	u64 address;
	u32 count;
	s32 result;
};

// Bit of a kind in `shorts`: which turn around it the record belongs to.
#define SHORT_TURN 0x40

// Shared with the recorder, which maps it.
struct ends {
	u64 head; // short records ever begun
	u64 unused[7];
	u64 tail; // short records that the recorder has taken
	u64 boot_ns; // to be added to CLOCK_MONOTONIC, which is quicker to read, to get CLOCK_BOOTTIME
	u64 scheduler_ns; // the same for the scheduler's clock; 0: not known
	u64 strangers; // another number whenever the recorder has told of a thread; 0: strangers are not remembered
	u64 unused2[4];
};

// Set by the recorder before loading.
#define SCOPE_TREE 0
#define SCOPE_CGROUP 1
#define SCOPE_ALL 2
const volatile u32 scope = SCOPE_TREE;
const volatile u32 own_tgid = 0;
const volatile u32 own_uid = 0;
// Whether memory of every process may be read (CAP_SYS_PTRACE).
const volatile u32 may_read_all = 0;
// Ring fill from which calls are counted instead of written, in bytes.
const volatile u64 fold_from = ~0ull;
// Ring fill from which the arguments of images are left out, from which every call is counted that is not of processes, and from
// which every call is and small counts are not written any more: what remains is for the beginnings and ends of processes.
const volatile u64 strings_until = ~0ull;
const volatile u64 calls_until = ~0ull;
const volatile u64 counts_until = ~0ull;
// Ring fill at which threads wait for the recorder; 0: they never do.
const volatile u64 wait_from = 0;
// What numbers of calls tell alone: NUMBER_...
const volatile u8 numbers[CALLS_PER_ARCHITECTURE] = {};
// Places of `shorts`, a power of two.
const volatile u64 shorts_places = 8192;
// Short records not taken from which calls are counted instead of written, and from which threads wait.
const volatile u64 shorts_fold_from = 4096;
const volatile u64 shorts_wait_from = ~0ull;
// Bytes kept of the data of a call.
const volatile u64 payload_bytes = 0;
// Whether the use of resources is told at the end of threads.
const volatile u32 is_sampled = 0;
// Length of a tick, and how many there are in a second.
const volatile u64 tick_ns = 4000000;
const volatile u64 ticks_per_second = 250;
const volatile u64 cgroup = 0;
const volatile u32 cgroup_level = 0;

// Changed by the programs.
u32 last_serial = 0;
u32 alive = 0;
u32 level = 0;
// Grows when a descriptor of any recorded thread comes or goes. Starts above what a new thread's cache holds.
u32 changes = 0;
u64 root_dentry = 0;
u64 root_mount = 0;

struct {
	uint(type, MAP_TYPE_TASK_STORAGE);
	uint(map_flags, MAP_NO_PREALLOC);
	type(key, int);
	type(value, struct thread);
} threads SEC(".maps");

struct {
	uint(type, MAP_TYPE_RINGBUF);
	uint(max_entries, 64 << 20);
} ring SEC(".maps");

// The records of most calls, in a ring of places of equal size. Each belongs to whoever raised `head`.
struct {
	uint(type, MAP_TYPE_ARRAY);
	uint(map_flags, MAP_SHARED_WITH_RECORDER);
	uint(max_entries, 1 << 20);
	type(key, u32);
	type(value, struct short_call);
} shorts SEC(".maps");

struct {
	uint(type, MAP_TYPE_ARRAY);
	uint(map_flags, MAP_SHARED_WITH_RECORDER);
	uint(max_entries, 1);
	type(key, u32);
	type(value, struct ends);
} ends SEC(".maps");

struct {
	uint(type, MAP_TYPE_ARRAY);
	uint(max_entries, NEAR);
	type(key, u32);
	type(value, struct near);
} nears SEC(".maps");

struct {
	uint(type, MAP_TYPE_LRU_HASH);
	uint(max_entries, 65536);
	type(key, u64);
	type(value, struct known_file);
} files SEC(".maps");

struct {
	uint(type, MAP_TYPE_ARRAY);
	uint(max_entries, 4 * CALLS_PER_ARCHITECTURE);
	type(key, u32);
	type(value, struct call);
} calls SEC(".maps");

struct {
	uint(type, MAP_TYPE_PERCPU_ARRAY);
	uint(max_entries, 1);
	type(key, u32);
	type(value, struct counters);
} totals SEC(".maps");

struct {
	uint(type, MAP_TYPE_ARRAY);
	uint(max_entries, 1); // the recorder asks for one for each CPU
	type(key, u32);
	type(value, struct scratch);
} scratches SEC(".maps");

// A new thread for which there was no storage at its birth: the kernel gives none while another program is inside its storage
// on the same processor.
struct orphan {
	u32 tid, tgid;
};

struct {
	uint(type, MAP_TYPE_HASH);
	uint(max_entries, 8192);
	uint(map_flags, MAP_NO_PREALLOC);
	type(key, u32);
	type(value, struct orphan);
} orphans SEC(".maps");

// Grows with each.
u32 orphan_count = 0;

// What is known of a thread; NULL: nothing.
INLINE struct thread *thread_of(struct task_struct *task)
{
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	u32 pid = task->pid;
	if (thread || !orphan_count)
		return thread;
	struct orphan *orphan = bpf_map_lookup_elem(&orphans, &pid);
	if (!orphan)
		return NULL;
	thread = bpf_task_storage_get(&threads, task, NULL, STORAGE_CREATE);
	if (!thread)
		return NULL;
	thread->tid = orphan->tid;
	thread->tgid = orphan->tgid;
	bpf_map_delete_elem(&orphans, &pid);
	return thread;
}

INLINE struct ends *ends_of_shorts(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&ends, &zero);
}

// CLOCK_BOOTTIME, which all records tell.
INLINE u64 clock_ns(void)
{
	struct ends *ends = ends_of_shorts();
	return bpf_ktime_get_ns() + (ends ? ends->boot_ns : 0);
}

// The place of registers in memory as a number: their distance from a variable. The verifier allows no other arithmetic.
INLINE u64 key_of(struct pt_regs *registers)
{
	u64 key = (u64)registers, from = (u64)&last_serial;
	asm volatile("%0 -= %1" : "+r"(key) : "r"(from));
	return key;
}

INLINE u32 near_place(u64 key)
{
	return key * 0x9e3779b97f4a7c15ull >> 52;
}

INLINE struct near *near_at(u32 place)
{
	return bpf_map_lookup_elem(&nears, &place);
}

// What stands in a thread's place if it is known not to be recorded: keys are even.
INLINE u64 stranger_of(u64 key, struct ends *ends)
{
	return (key ^ ends->strangers) | 1;
}

INLINE int is_stranger(struct near *near, u64 key)
{
	u64 held = near->registers;
	struct ends *ends;
	if (!(held & 1))
		return 0;
	ends = ends_of_shorts();
	return ends && ends->strangers && held == stranger_of(key, ends);
}

INLINE struct scratch *scratch(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&scratches, &cpu);
}

INLINE struct counters *counters(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&totals, &zero);
}

// Number of a thread in the recorder's pid namespace; 0: it is not visible there.
INLINE u32 number_of(u64 task)
{
	u32 at = level;
	u32 number = 0, deepest = 0;
	if (at == 0) {
		READ(number, struct task_struct, task, pid);
		return number;
	}
	u64 pid = POINTER(struct task_struct, task, thread_pid);
	READ(deepest, struct pid, pid, level);
	if (!pid || deepest < at)
		return 0;
	// Each level has a number and a pointer to its namespace.
	bpf_probe_read_kernel(&number, sizeof(number), (void *)pid + OFFSET(struct pid, numbers) + (at & 31) * 16);
	return number;
}
