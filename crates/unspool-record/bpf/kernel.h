// The little that is needed of the kernel: helpers by their numbers, and the fields that are read, each relocated to its true
// place when the programs are loaded (CO-RE). Names and numbers: include/uapi/linux/bpf.h and the structures of the kernel.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
// A function of its own for the verifier: checked once, with scalars for arguments.
#define SEPARATE __attribute__((noinline))
#define NULL ((void *)0)
// Keeps the compiler from reasoning about a value that the verifier has to see masked.
#define OPAQUE(value) asm volatile("" : "+r"(value))

#define MAP_TYPE_HASH 1
#define MAP_TYPE_ARRAY 2
#define MAP_TYPE_PERCPU_ARRAY 6
#define MAP_TYPE_LRU_HASH 9
#define MAP_TYPE_RINGBUF 27
#define MAP_TYPE_TASK_STORAGE 29
#define MAP_NO_PREALLOC 1
#define MAP_SHARED_WITH_RECORDER 1024 // BPF_F_MMAPABLE
#define STORAGE_CREATE 1
#define RING_NO_WAKEUP 1
#define RING_AVAILABLE 0

#define uint(name, value) int(*name)[value]
#define type(name, value) typeof(value) *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static u64 (*bpf_get_current_cgroup_id)(void) = (void *)80;
static long (*bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*bpf_probe_read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static long (*bpf_probe_read_kernel_str)(void *to, u32 size, const void *from) = (void *)115;
static u64 (*bpf_jiffies64)(void) = (void *)118;
static u64 (*bpf_get_current_ancestor_cgroup_id)(int level) = (void *)123;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static u64 (*bpf_ringbuf_query)(void *ring, u64 flags) = (void *)134;
static void *(*bpf_task_storage_get)(void *map, void *task, void *value, u64 flags) = (void *)156;
static long (*bpf_task_storage_delete)(void *map, void *task) = (void *)157;
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;
static struct pt_regs *(*bpf_task_pt_regs)(struct task_struct *task) = (void *)175;
static long (*bpf_loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct proc_ns_operations {
	const char *name;
};

struct ns_common {
	const struct proc_ns_operations *ops;
};

struct super_block {
	unsigned long s_magic;
};

struct inode {
	u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	void *i_private;
};

struct qstr {
	const u8 *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct inode *d_inode;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
	unsigned int f_flags;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root, pwd;
};

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

struct cred {
	kuid_t uid, suid, euid;
	kgid_t gid, sgid, egid;
};

struct percpu_counter {
	s64 count;
};

// Pages of files, pages of its own, pages swapped out, shared pages.
#define PAGE_KINDS 4
#define PAGES_SWAPPED 2

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct percpu_counter rss_stat[PAGE_KINDS];
};

struct task_io_accounting {
	u64 rchar, wchar, read_bytes, write_bytes;
};

struct signal_struct {
	struct {
		int counter;
	} live;
	unsigned int flags;
	int group_exit_code;
	struct task_struct *group_exec_task;
	u64 stime;
	unsigned long long sum_sched_runtime;
	unsigned long maxrss;
};

struct sched_entity {
	u64 sum_exec_runtime, prev_sum_exec_runtime;
};

struct sched_info {
	unsigned long long run_delay, last_arrival;
};

struct thread_info {
	u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	int exit_code;
	int pid, tgid;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct pid *thread_pid;
	void *vfork_done;
	const struct cred *cred;
	struct fs_struct *fs;
	struct files_struct *files;
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct sched_entity se;
	struct sched_info sched_info;
	struct task_io_accounting ioac;
	u64 stime;
};

struct linux_binprm {
	struct file *file;
	const char *filename;
};

struct kernel_siginfo {
	int si_signo;
	int si_errno;
	int si_code;
};

struct k_sigaction_handler {
	void *sa_handler;
};

struct k_sigaction {
	struct k_sigaction_handler sa;
};

struct in6_addr_bytes {
	u8 bytes[16];
};

struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_num;
	unsigned short skc_family;
	struct in6_addr_bytes skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
};

struct sockaddr_un {
	u16 sun_family;
};

struct unix_address {
	int len;
	struct sockaddr_un name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct netlink_sock {
	u32 portid;
};

struct socket {
	struct sock *sk;
};

struct io_cqe {
	u64 user_data;
	s32 res;
	s32 fd;
};

struct io_kiocb {
	struct file *file;
	u8 opcode;
	struct io_cqe cqe;
};

struct io_rw {
	u64 addr;
	u32 len;
};

struct io_close {
	int fd;
	u32 file_slot;
};

struct filename {
	const char *uptr;
};

struct open_how {
	u64 flags, mode;
};

struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_accept {
	u32 file_slot;
};

struct io_connect {
	void *addr;
	int addr_len;
};

struct io_socket {
	int domain, type, protocol;
	u32 file_slot;
};

struct io_rename {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};

struct io_link {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};

struct io_unlink {
	int dfd, flags;
	struct filename *filename;
};

struct io_mkdir {
	int dfd;
	u16 mode;
	struct filename *filename;
};

#ifdef __TARGET_ARCH_x86
struct pt_regs {
	unsigned long r10, r9, r8, bx, cx, dx, si, di, bp, orig_ax;
	u16 cs;
};
#else
struct pt_regs {
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
};
#endif

#pragma clang attribute pop

// Reads one field of a kernel object whose address is only a number.
#define READ(to, structure, address, field)                                                                          \
	do {                                                                                                         \
		u64 object = (u64)(address);                                                                         \
		bpf_probe_read_kernel(&(to), sizeof(to), __builtin_preserve_access_index(&((structure *)object)->field)); \
	} while (0)
// A pointer that a kernel object holds, as a number. Loading it directly would make the verifier search the names of all types
// of the kernel, 10 ms for each such load.
#define POINTER(structure, address, field)              \
	({                                              \
		u64 pointer = 0;                        \
		READ(pointer, structure, address, field); \
		pointer;                                \
	})
// The same by way of the scratch: for functions that others of a deep chain call, which have 512 bytes of stack together.
#define POINTER_BY(scratch, structure, address, field)     \
	({                                                 \
		READ((scratch)->word, structure, address, field); \
		(scratch)->word;                           \
	})
// Two fields of a kernel object into `pair` of the scratch, with one read where the second follows eight bytes behind the first.
#define PAIR_BY(scratch, structure, address, first, second)                                                                \
	do {                                                                                                               \
		u64 holder = (u64)(address);                                                                               \
		if (OFFSET(structure, second) == OFFSET(structure, first) + 8) {                                           \
			bpf_probe_read_kernel((scratch)->pair, 16, (void *)holder + OFFSET(structure, first));             \
		} else {                                                                                                   \
			(scratch)->pair[0] = 0;                                                                            \
			bpf_probe_read_kernel((scratch)->pair, SIZE(structure, first), (void *)holder + OFFSET(structure, first)); \
			READ((scratch)->pair[1], structure, holder, second);                                               \
		}                                                                                                          \
	} while (0)
// Where a field lies within its structure.
#define OFFSET(structure, field) __builtin_preserve_field_info(((structure *)0)->field, 0)
// Bytes that the field has in this kernel.
#define SIZE(structure, field) __builtin_preserve_field_info(((structure *)0)->field, 1)
// Whether this kernel has the field.
#define HAS(structure, field) __builtin_preserve_field_info(((structure *)0)->field, 2)
