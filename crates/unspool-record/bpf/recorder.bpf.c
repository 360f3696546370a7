// The kernel's side of the recorder `bpf`: writes docs/record-format.md to a ring. See src/bpf/mod.rs for the other side.
#include "uring.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define CLONE_VM 0x100
#define CLONE_FS 0x200
#define CLONE_FILES 0x400
#define CLONE_VFORK 0x4000
#define CLONE_THREAD 0x10000

#define SIGNAL_GROUP_EXIT 4
#define SIGNAL_CLD_CONTINUED 0x20
#define SIGKILL 9
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTTOU 22

// Whether a process that nobody told about is to be recorded.
INLINE int is_in_scope(struct task_struct *task)
{
	if (scope == SCOPE_TREE || task->tgid == own_tgid)
		return 0;
	if (!may_read_all) {
		struct ids ids = {};
		read_ids(&ids, task);
		if (ids.uid != own_uid)
			return 0;
	}
	return scope == SCOPE_ALL || bpf_get_current_ancestor_cgroup_id(cgroup_level) == cgroup;
}

// What is known of the thread that runs; NULL: it is not recorded.
INLINE struct thread *current_thread(struct task_struct *task)
{
	struct thread *thread = thread_of(task);
	if (scope == SCOPE_TREE || (thread && !(thread->flags & THREAD_STRANGER)))
		return thread;
	if (!is_in_scope(task))
		return NULL;
	thread = bpf_task_storage_get(&threads, task, NULL, STORAGE_CREATE);
	if (thread) {
		thread->flags = 0;
		thread->tid = number_of((u64)task);
		thread->tgid = number_of(POINTER(struct task_struct, task, group_leader));
		__sync_fetch_and_add(&alive, 1);
	}
	return thread;
}

// Gives the thread that runs a place among `nears`, if one is free where it would be.
INLINE void take_near(struct thread *thread, u64 key)
{
	u32 place = near_place(key);
	struct near *near = near_at(place);
	if (!near || thread->near || thread->flags)
		return;
	u64 held = near->registers;
	// Strangers make room.
	if ((held && !(held & 1)) || __sync_val_compare_and_swap(&near->registers, held, key) != held)
		return;
	near->enter_ns = 0;
	near->tid = thread->tid;
	for (int at = 0; at < CACHED; at++)
		near->cache[at].changes = 0;
	thread->near = place + 1;
}

// Remembers that the thread that runs is not recorded, as it was when `mark` was made.
INLINE void note_stranger(struct near *near, u64 mark)
{
	u64 held = near->registers;
	if (!held || held & 1)
		__sync_val_compare_and_swap(&near->registers, held, mark);
}

// The call at which the thread stands in its place becomes one that any call is.
INLINE void leave_near(struct thread *thread, struct near *near, struct pt_regs *regs, u64 enter_ns, u32 architecture)
{
	struct ends *ends = ends_of_shorts();
	thread->number = near->number;
	thread->architecture = architecture;
	thread->is_in_call = 1;
	if (enter_ns == UNTIMED)
		enter_ns = bpf_ktime_get_ns() - (bpf_jiffies64() - near->enter_ticks) * tick_ns;
	thread->enter_ns = enter_ns + (ends ? ends->boot_ns : 0);
	keep_arguments(thread, regs, architecture);
#ifndef __TARGET_ARCH_x86
	thread->arguments[0] = first_argument(regs);
#endif
}

// What is known of a call by its number. The register that was tested is the one that is used: one that was put on the stack
// meanwhile has no bounds for the verifier of Linux 6.1.
INLINE u32 judgement(u64 number)
{
	OPAQUE(number);
	return number < CALLS_PER_ARCHITECTURE ? numbers[number] : 0;
}

SEC("tp_btf/sys_enter")
int enter_call(u64 *context)
{
	struct pt_regs *regs = (struct pt_regs *)context[0];
	u64 number = context[1];
	u64 key = key_of(regs);
	u32 judged = judgement(number);
	if (is_passed_over(judged, regs))
		return 0;
	struct near *near = near_at(near_place(key));
	if (!near || is_stranger(near, key))
		return 0;
	if (judged & NUMBER_QUICK && near->registers == key) {
		near->number = number;
		near->enter_ticks = bpf_jiffies64();
		near->enter_ns = judged & NUMBER_FOLDED && !is_timed(near, number, first_argument_given(regs)) ? UNTIMED : bpf_ktime_get_ns();
		return 0;
	}
	struct ends *ends = ends_of_shorts();
	// As it is before the look at what is known of the thread.
	u64 mark = ends && ends->strangers ? stranger_of(key, ends) : 0;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 architecture = architecture_of(task, number);
	struct call *call = call_of(architecture, number);
	if (!call || !(call->flags & CALL_WANTED))
		return 0;
	struct thread *thread = current_thread(task);
	if (!thread && mark)
		note_stranger(near, mark);
	if (!thread || thread->flags & THREAD_PROBES)
		return 0;
	thread->number = number;
	thread->architecture = architecture;
	thread->is_in_call = 1;
	keep_arguments(thread, regs, architecture);
	take_near(thread, key);
	u64 now = clock_ns();
	thread->enter_ns = now;
	if (!(call->flags & (CALL_OF_PROCESS | CALL_CLOSES)))
		return 0;
	if (call->flags & CALL_OF_PROCESS && !(thread->flags & THREAD_WAITS))
		write_entered(KIND_CALL_BEGIN, now);
	if (thread->counts || near->counts)
		flush_folds();
	return 0;
}

// Whether a call has to be counted instead of written, by how full the ring is.
INLINE int is_crowded(struct counters *totals, struct thread *thread, u32 flags)
{
	if (!(thread->turns++ & 15)) {
		u64 filled = bpf_ringbuf_query(&ring, RING_AVAILABLE);
		totals->is_full = filled > counts_until ? FULL_LAST : filled > calls_until ? FULL_RESERVED : filled > fold_from;
	}
	if (flags & CALL_FOLDABLE)
		return totals->is_full;
	return totals->is_full == FULL_LAST || (totals->is_full == FULL_RESERVED && !(flags & CALL_OF_PROCESS));
}

// The next calls of the thread are likely to be on what this one opened.
INLINE void remember_made(struct near *near, u32 fd, u32 since)
{
	struct scratch *s = scratch();
	if (s && s->made)
		remember(near->cache, fd, s->made, since);
}

SEC("tp_btf/sys_exit")
int exit_call(u64 *context)
{
	struct pt_regs *regs = (struct pt_regs *)context[0];
	s64 result = context[1];
	u64 number = number_of_call(regs);
	u32 judged = judgement(number);
	if (is_passed_over(judged, regs))
		return 0;
	u64 key = key_of(regs);
	struct near *near = near_at(near_place(key));
	if (!near || is_stranger(near, key))
		return 0;
	u64 enter_ns = near->registers == key ? near->enter_ns : 0;
	u32 architecture = OWN_ARCHITECTURE;
	struct task_struct *task;
	if (enter_ns) {
		near->enter_ns = 0;
		if (!(judged & NUMBER_OWN_BY_CODE && is_own_code(regs)))
			architecture = architecture_of(bpf_get_current_task_btf(), near->number);
		struct call *quick = call_of(architecture, near->number);
		if (quick && architecture == OWN_ARCHITECTURE && record_quick(near, quick, regs, enter_ns, result))
			return 0;
	}
	task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	u32 serial = 0;
	if (!thread)
		return 0;
	if (enter_ns)
		leave_near(thread, near, regs, enter_ns, architecture);
	if (!thread->is_in_call)
		return 0;
	thread->is_in_call = 0;
	if (thread->flags & (THREAD_WAITS | THREAD_STRANGER))
		return 0;
	struct call *call = call_of(thread->architecture, thread->number);
	struct counters *totals = counters();
	if (!call || !totals || !(call->flags & CALL_WANTED))
		return 0;
	u64 now = clock_ns();
	u32 flags = call->flags;
	u32 fd = -1;
	if (flags & CALL_ON_FILE) {
		fd = thread->arguments[call->fd_place & 3];
		if (call->fd_place == 4)
			fd = thread->arguments[4];
		// AT_FDCWD is none.
		if ((s32)fd >= 0)
			serial = near->registers == key ? serial_of(near->cache, thread->tid, fd) : serial_of(thread->cache, thread->tid, fd);
	}
	if (flags & CALL_FOLDED || is_crowded(totals, thread, flags)) {
		struct folded_call folded = {
			.now = now,
			.took = now - thread->enter_ns,
			.result = result,
			.tid = thread->tid,
			.serial = serial,
			.fd = fd,
			.moves_bytes = flags & CALL_MOVES_BYTES,
			.number = thread->number,
			.architecture = thread->architecture,
		};
		thread->counts = 1;
		fold_call(thread->folds, &folded);
		if (flags & CALL_CHANGES)
			__sync_fetch_and_add(&changes, 1);
		return 0;
	}
	if (flags & CALL_READS_GIVEN || (flags & CALL_READS_MADE && (result >= 0 || result == -EINPROGRESS))) {
		u32 before = changes;
		write_rich(call->fd_place ? 0 : serial, result, now);
		if (flags & CALL_CHANGES && __sync_fetch_and_add(&changes, 1) == before && near->registers == key)
			remember_made(near, result, before + 2);
		return 0;
	}
	if (flags & CALL_CHANGES)
		__sync_fetch_and_add(&changes, 1);
	write_plain(thread, serial && !call->fd_place ? KIND_CALL_ON_FILE : KIND_CALL, call->arguments, call->fd_place ? 0 : serial,
		    result, now);
	return 0;
}

// Where the recorder stands: its depth among the pid namespaces, and its root.
INLINE void learn_place(struct task_struct *task)
{
	u64 pid = POINTER(struct task_struct, task, thread_pid);
	u64 fs = POINTER(struct task_struct, task, fs);
	struct path root = {};
	u32 depth = 0;
	READ(depth, struct pid, pid, level);
	level = depth;
	if (fs)
		bpf_probe_read_kernel(&root, sizeof(root), (void *)fs + OFFSET(struct fs_struct, root));
	root_dentry = (u64)root.dentry;
	root_mount = (u64)root.mnt;
}

SEC("tp_btf/sched_process_fork")
int make_thread(u64 *context)
{
	struct task_struct *parent = (struct task_struct *)context[0];
	struct task_struct *child = (struct task_struct *)context[1];
	struct thread *from = thread_of(parent);
	if (!from || from->flags & (THREAD_WAITS | THREAD_STRANGER | THREAD_PROBES))
		return 0;
	u32 flags = 0;
	u64 now = clock_ns();
	if (parent->tgid == child->tgid)
		flags |= CLONE_THREAD;
	if (POINTER(struct task_struct, parent, mm) == POINTER(struct task_struct, child, mm))
		flags |= CLONE_VM;
	if (POINTER(struct task_struct, parent, fs) == POINTER(struct task_struct, child, fs))
		flags |= CLONE_FS;
	if (POINTER(struct task_struct, parent, files) == POINTER(struct task_struct, child, files))
		flags |= CLONE_FILES;
	if (POINTER(struct task_struct, child, vfork_done))
		flags |= CLONE_VFORK;
	struct thread *to = bpf_task_storage_get(&threads, child, NULL, STORAGE_CREATE);
	struct fork_record record = {
		.word = first_word(KIND_FORK, sizeof(record) - 8),
		.tid = from->tid,
		.time = now,
		.child = number_of((u64)child),
		.child_tgid = flags & CLONE_THREAD ? from->tgid : number_of((u64)child),
		.flags = flags,
	};
	put_event(&record.stamp, sizeof(record) - 8, now);
	__sync_fetch_and_add(&alive, 1);
	if (!to) {
		struct orphan orphan = {.tid = record.child, .tgid = record.child_tgid};
		u32 pid = child->pid;
		bpf_map_update_elem(&orphans, &pid, &orphan, 0);
		__sync_fetch_and_add(&orphan_count, 1);
		return 0;
	}
	to->tid = record.child;
	to->tgid = record.child_tgid;
	return 0;
}

// What the thread that runs used so far.
INLINE void read_used(struct used *used, u64 task, u64 now)
{
	struct ends *ends = ends_of_shorts();
	u64 since = 0, told = 0;
	READ(used->run_delay_ns, struct task_struct, task, sched_info.run_delay);
	READ(used->read_bytes, struct task_struct, task, ioac.rchar);
	READ(used->written_bytes, struct task_struct, task, ioac.wchar);
	READ(used->disk_read_bytes, struct task_struct, task, ioac.read_bytes);
	READ(used->disk_written_bytes, struct task_struct, task, ioac.write_bytes);
	READ(used->cpu_ns, struct task_struct, task, se.sum_exec_runtime);
	// The scheduler adds up at ticks: what came since the thread was last given the processor is counted here.
	READ(told, struct task_struct, task, se.prev_sum_exec_runtime);
	READ(since, struct task_struct, task, sched_info.last_arrival);
	if (!ends || !ends->scheduler_ns || !since)
		return;
	u64 until = now - ends->boot_ns + ends->scheduler_ns;
	if (until > since && told + until - since > used->cpu_ns)
		used->cpu_ns = told + until - since;
}

// Pages that the process has in memory, 0 where its memory is gone already (the tracepoint stands behind that before Linux 6.16).
// Each CPU adds what it counted to the sum when it has a batch: twice as many pages as there are CPUs, at least 32.
INLINE u64 resident_pages(u64 task)
{
	u64 mm = POINTER(struct task_struct, task, mm), pages = 0;
	if (!mm || !HAS(struct mm_struct, rss_stat))
		return 0;
	u64 at = mm + OFFSET(struct mm_struct, rss_stat) + OFFSET(struct percpu_counter, count);
	for (int kind = 0; kind < PAGE_KINDS; kind++, at += SIZE(struct mm_struct, rss_stat) / PAGE_KINDS) {
		s64 count = 0;
		bpf_probe_read_kernel(&count, sizeof(count), (void *)at);
		if (count > 0 && kind != PAGES_SWAPPED)
			pages += count;
	}
	return pages;
}

// What a thread used, and with the last one what the process did. Nothing can read it later.
SEPARATE int write_use(u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	struct use_record record = {};
	if (!thread)
		return 0;
	u64 of = (u64)task, signal = POINTER(struct task_struct, of, signal), leader = POINTER(struct task_struct, of, group_leader);
	s32 live = 0;
	bpf_probe_read_kernel(&live, sizeof(live), (void *)signal + OFFSET(struct signal_struct, live));
	record.word = first_word(KIND_USE, sizeof(record) - 8);
	record.tid = thread->tid;
	record.time = now;
	record.tgid = thread->tgid;
	record.is_last = live <= 0;
	read_used(&record.used, of, now);
	if (record.is_last) {
		u64 part = 0;
		READ(part, struct signal_struct, signal, sum_sched_runtime);
		record.used.cpu_ns += part;
		READ(record.system_ns, struct task_struct, of, stime);
		READ(part, struct signal_struct, signal, stime);
		record.system_ns += part;
		if (leader != of) {
			// It ended before and waits for its parent.
			READ(part, struct task_struct, leader, se.sum_exec_runtime);
			record.used.cpu_ns += part;
			READ(part, struct task_struct, leader, stime);
			record.system_ns += part;
		}
		// What the recorder's child had is not the command's.
		READ(part, struct signal_struct, signal, maxrss);
		if (part > thread->inherited_pages)
			record.peak_pages = part;
		record.resident_pages = resident_pages(of);
	}
	put_stamped(&record.stamp, sizeof(record) - 8);
	return 0;
}

// The record of a new image.
SEPARATE int write_exec(u32 former, u64 program, u64 file, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	struct scratch *s = scratch();
	if (!thread || !s)
		return 0;
	begin_record(s, thread->tid, now);
	*(u32 *)(s->data + 16) = thread->tgid;
	*(u32 *)(s->data + 20) = former;
	s->len = 24;
	u64 mount = POINTER_BY(s, struct file, file, f_path.mnt);
	put_path(TAG_EXE, INDEX_NONE, mount, POINTER_BY(s, struct file, file, f_path.dentry), inode_of(file));
	put_directory(s, task);
	struct ids ids = {};
	read_ids(&ids, task);
	put_number(TAG_USER, INDEX_NONE, ids.euid | (u64)ids.egid << 32);
	put_number(TAG_RAW_CGROUP, INDEX_NONE, bpf_get_current_cgroup_id());
	u32 at = s->len;
	if (is_sampled && at <= SCRATCH_ROOM) {
		struct used used = {};
		read_used(&used, (u64)task, now);
		item_head(s, at, TAG_RAW_USED, INDEX_NONE, sizeof(used));
		__builtin_memcpy(s->data + at + 4, &used, sizeof(used));
		at += 4 + sizeof(used);
		s->len = at;
	}
	if (at <= SCRATCH_ROOM && may_read(task)) {
		long count = bpf_probe_read_kernel_str(s->data + at + 4, STRING_BYTES_MAX, (void *)program);
		if (count > 0 && count <= STRING_BYTES_MAX) {
			item_head(s, at, TAG_RAW_PROGRAM, INDEX_NONE, count - 1);
			s->len = at + 3 + count;
		}
	}
	u32 len = end_record(s, KIND_EXEC);
	OPAQUE(len);
	if (len > SCRATCH_ROOM + 2 * 4096)
		return 0;
	return put_event(&s->stamp, len, now);
}

SEC("tp_btf/sched_process_exec")
int replace_image(u64 *context)
{
	struct task_struct *task = (struct task_struct *)context[0];
	struct linux_binprm *program = (struct linux_binprm *)context[2];
	struct thread *thread = thread_of(task);
	if (!thread || thread->flags & THREAD_STRANGER)
		return 0;
	u64 now = clock_ns();
	u32 former = thread->tid;
	if (thread->flags & THREAD_WAITS) {
		learn_place(task);
		READ(thread->inherited_pages, struct signal_struct, POINTER(struct task_struct, task, signal), maxrss);
	}
	thread->flags &= ~THREAD_WAITS;
	thread->tid = thread->tgid;
	struct near *near = near_of(thread);
	if (near)
		near->tid = thread->tid;
	u64 mm = POINTER(struct task_struct, task, mm);
	if (mm && may_read(task)) {
		put_pieces(thread->tid, POINTER(struct mm_struct, mm, arg_start), POINTER(struct mm_struct, mm, arg_end),
			   PIECE_OF_ARGUMENTS);
		put_pieces(thread->tid, POINTER(struct mm_struct, mm, env_start), POINTER(struct mm_struct, mm, env_end),
			   PIECE_OF_ENVIRONMENT);
	}
	u64 name = 0, file = 0;
	READ(name, struct linux_binprm, program, filename);
	READ(file, struct linux_binprm, program, file);
	write_exec(former, name, file, now);
	return 0;
}

// Its stack may become another thread's.
INLINE void forget_stranger(struct task_struct *task)
{
	u64 key = key_of(bpf_task_pt_regs(task));
	struct near *near = near_at(near_place(key));
	u64 held = near ? near->registers : 0;
	if (near && held & 1 && is_stranger(near, key))
		__sync_val_compare_and_swap(&near->registers, held, 0);
}

SEC("tp_btf/sched_process_exit")
int end_thread(u64 *context)
{
	struct task_struct *task = (struct task_struct *)context[0];
	struct thread *thread = thread_of(task);
	if (!thread)
		forget_stranger(task);
	if (!thread || thread->flags & THREAD_STRANGER)
		return 0;
	if (thread->flags & THREAD_PROBES) {
		learn_place(task);
		return 0;
	}
	u64 now = clock_ns();
	flush_folds();
	struct near *near = near_of(thread);
	if (near) {
		if (near->enter_ns) {
			struct pt_regs *regs = bpf_task_pt_regs(task);
			leave_near(thread, near, regs, near->enter_ns, architecture_of(task, near->number));
		}
		near->enter_ns = 0;
		thread->near = 0;
		near->registers = 0;
	}
	if (!(thread->flags & THREAD_WAITS)) {
		if (thread->is_in_call)
			write_entered(KIND_CALL, now);
		// A leader whose place an exec takes lives on under its number.
		u64 signal = POINTER(struct task_struct, task, signal);
		u64 executes = POINTER(struct signal_struct, signal, group_exec_task);
		if (is_sampled && bpf_ringbuf_query(&ring, RING_AVAILABLE) <= counts_until)
			write_use(now);
		int is_replaced = thread->tid == thread->tgid && executes && executes != (u64)task;
		struct exit_record record = {
			.word = first_word(KIND_EXIT, sizeof(record) - 8),
			.tid = thread->tid,
			.time = now,
			.tgid = thread->tgid,
			.status = task->exit_code,
		};
		if (!is_replaced)
			put_event(&record.stamp, sizeof(record) - 8, now);
	}
	__sync_fetch_and_add(&alive, -1);
	// The storage goes with the task.
	thread->flags = THREAD_STRANGER;
	return 0;
}

INLINE void write_signal(struct thread *thread, u32 kind, u32 number, s32 code, u32 sender)
{
	u64 now = clock_ns();
	struct signal_record record = {
		.word = first_word(kind, kind == KIND_SIGNAL ? sizeof(record) - 8 : sizeof(record) - 16),
		.tid = thread->tid,
		.time = now,
		.number = number,
		.code = code,
		.sender = sender,
	};
	put_event(&record.stamp, record.word >> 8, now);
}

// The number of the sender, where the signal has one: kill, sigqueue, tgkill, SIGCHLD.
INLINE u32 sender_of(u64 info, s32 code, u32 number)
{
	u32 sender = 0;
	if (code == 0 || code == -1 || code == -6 || number == 17)
		bpf_probe_read_kernel(&sender, sizeof(sender), (void *)info + 16);
	return sender;
}

SEC("tp_btf/signal_generate")
int send_signal(u64 *context)
{
	u32 number = context[0];
	u64 info = context[1];
	struct task_struct *task = (struct task_struct *)context[2];
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!thread || thread->flags & (THREAD_STRANGER | THREAD_PROBES | THREAD_WAITS) || context[4])
		return 0;
	if (number == SIGCONT) {
		u32 flags = 0;
		READ(flags, struct signal_struct, POINTER(struct task_struct, task, signal), flags);
		if (flags & SIGNAL_CLD_CONTINUED)
			write_signal(thread, KIND_CONTINUE, 0, 0, 0);
		return 0;
	}
	thread->signal = number;
	// 0 and 1 stand for `no information` and `from the kernel`: to the verifier of Linux 7 this is a number, no pointer.
	s32 code = 0x80;
	if (info > 1)
		READ(code, struct kernel_siginfo, info, si_code);
	thread->signal_code = code;
	thread->signal_sender = info > 1 ? sender_of(info, code, number) : 0;
	return 0;
}

SEC("tp_btf/signal_deliver")
int take_signal(u64 *context)
{
	u32 number = context[0];
	u64 info = context[1];
	struct k_sigaction *action = (struct k_sigaction *)context[2];
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!thread || thread->flags & (THREAD_STRANGER | THREAD_PROBES | THREAD_WAITS))
		return 0;
	u64 signal = POINTER(struct task_struct, task, signal);
	u32 flags = 0, status = 0;
	READ(flags, struct signal_struct, signal, flags);
	READ(status, struct signal_struct, signal, group_exit_code);
	if (number == SIGKILL && flags & SIGNAL_GROUP_EXIT) {
		// The kernel made SIGKILL of whatever signal was deadly: the thread that it was sent to tells the true one.
		u32 true_number = status & 0x7f;
		if (true_number && thread->signal == true_number && true_number != SIGKILL)
			write_signal(thread, KIND_SIGNAL, true_number, thread->signal_code, thread->signal_sender);
		thread->signal = 0;
		return 0;
	}
	if (number == SIGKILL)
		return 0;
	s32 code = 0;
	READ(code, struct kernel_siginfo, info, si_code);
	write_signal(thread, KIND_SIGNAL, number, code, sender_of(info, code, number));
	if (number >= SIGSTOP && number <= SIGTTOU && !action->sa.sa_handler)
		write_signal(thread, KIND_STOP, number, 0, 0);
	return 0;
}
