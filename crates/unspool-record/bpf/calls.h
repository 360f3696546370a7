// System calls: what is kept at their entry, and the record that is written at their end.
#pragma once
#include "look.h"

#define STATUS_COMPAT 2 // TS_COMPAT of arch/x86/include/asm/thread_info.h
#define X32_BIT 0x40000000
#define EINPROGRESS 115

INLINE u32 architecture_of(struct task_struct *task, u64 number)
{
#ifdef __TARGET_ARCH_x86
	if (task->thread_info.status & STATUS_COMPAT)
		return ARCH_I386;
	return number & X32_BIT && !(number >> 32) ? ARCH_OTHER : ARCH_X86_64;
#else
	return ARCH_AARCH64;
#endif
}

#ifdef __TARGET_ARCH_x86
#define OWN_ARCHITECTURE ARCH_X86_64
#else
#define OWN_ARCHITECTURE ARCH_AARCH64
#endif

// Whether the code that made the call is the machine's own: it may still have called as another architecture does (int 0x80).
INLINE int is_own_code(struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_x86
	return regs->cs == 0x33; // __USER_CS of arch/x86/include/asm/segment.h
#else
	return 1;
#endif
}

// Number of the call that returns.
INLINE u64 number_of_call(struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_x86
	return regs->orig_ax;
#else
	return (u32)regs->syscallno;
#endif
}

// Whether a call is passed over, judged by as little as possible.
INLINE int is_passed_over(u32 judged, struct pt_regs *regs)
{
	return judged & NUMBER_PASSED_OVER || (judged & NUMBER_PASSED_OVER_BY_CODE && is_own_code(regs));
}

INLINE struct call *call_of(u32 architecture, u64 number)
{
	// The last place of the last architecture stands for calls that no table has.
	u32 place = 4 * CALLS_PER_ARCHITECTURE - 1;
	if (architecture < ARCH_OTHER && number < CALLS_PER_ARCHITECTURE)
		place = architecture * CALLS_PER_ARCHITECTURE + number;
	return bpf_map_lookup_elem(&calls, &place);
}

// The first argument as it is at the end of a call.
INLINE u64 first_argument(struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_x86
	return regs->di;
#else
	return regs->orig_x0;
#endif
}

// The same at its beginning.
INLINE u64 first_argument_given(struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_x86
	return regs->di;
#else
	return regs->regs[0];
#endif
}

INLINE void keep_arguments(struct thread *thread, struct pt_regs *regs, u32 architecture)
{
	u64 *to = thread->arguments;
#ifdef __TARGET_ARCH_x86
	if (architecture == ARCH_I386) {
		to[0] = (u32)regs->bx;
		to[1] = (u32)regs->cx;
		to[2] = (u32)regs->dx;
		to[3] = (u32)regs->si;
		to[4] = (u32)regs->di;
		to[5] = (u32)regs->bp;
		return;
	}
	to[0] = regs->di;
	to[1] = regs->si;
	to[2] = regs->dx;
	to[3] = regs->r10;
	to[4] = regs->r8;
	to[5] = regs->r9;
#else
	to[0] = regs->regs[0];
	to[1] = regs->regs[1];
	to[2] = regs->regs[2];
	to[3] = regs->regs[3];
	to[4] = regs->regs[4];
	to[5] = regs->regs[5];
#endif
}

// Head, body and slots of a call; returns where the items begin. With a serial number it is a `call on file`.
INLINE u32 put_call(u8 *record, struct thread *thread, u32 count, u32 serial, s64 result, u64 now)
{
	u64 took = now - thread->enter_ns;
	u64 widths = (u64)thread->architecture << 14;
	u64 at = 24;
	*(u32 *)(record + 4) = thread->tid;
	*(u64 *)(record + 8) = thread->enter_ns;
	*(u32 *)(record + 16) = took < LONG_DURATION ? took : LONG_DURATION;
	*(u16 *)(record + 20) = thread->number;
	if (serial) {
		*(u32 *)(record + 24) = serial;
		at = 28;
	}
	if (count > 0)
		PUT_SLOT(record, at, widths, 0, thread->arguments[0]);
	if (count > 1)
		PUT_SLOT(record, at, widths, 1, thread->arguments[1]);
	if (count > 2)
		PUT_SLOT(record, at, widths, 2, thread->arguments[2]);
	if (count > 3)
		PUT_SLOT(record, at, widths, 3, thread->arguments[3]);
	if (count > 4)
		PUT_SLOT(record, at, widths, 4, thread->arguments[4]);
	if (count > 5)
		PUT_SLOT(record, at, widths, 5, thread->arguments[5]);
	PUT_SLOT(record, at, widths, 6, result);
	*(u16 *)(record + 22) = widths;
	if (took >= LONG_DURATION) {
		OPAQUE(at);
		at &= 127;
		*(u32 *)(record + at) = TAG_LONG_DURATION | INDEX_NONE << 8 | 8 << 16;
		*(u64 *)(record + at + 4) = took;
		at += 12;
	}
	return at;
}

// A call whose record has no items.
INLINE int write_plain(struct thread *thread, u32 kind, u32 count, u32 serial, s64 result, u64 now)
{
	u64 at = put_call(thread->record, thread, count, serial, result, now);
	OPAQUE(at);
	at &= 127;
	struct ends *ends = ends_of_shorts();
	if (ends && at <= sizeof(struct short_call)) {
		u64 turn = 0;
		struct short_call *record = begin_short(ends, &turn);
		if (record) {
			u64 *to = (u64 *)record, *from = (u64 *)thread->record;
			record->tid = thread->tid;
			to[1] = from[1];
			to[2] = from[2];
			to[3] = from[3];
			to[4] = from[4];
			to[5] = from[5];
			commit_short(record, first_word(kind | turn, at));
			return 1;
		}
	}
	*(u32 *)thread->record = first_word(kind, at);
	return put_event(&thread->stamp, at, now);
}

// Counts such a call as `record_quick` records, whatever it gave.
INLINE int fold_quick(struct near *near, u32 flags, u64 enter_ns, u64 now, u32 fd, u32 serial, s64 result)
{
	struct ends *ends = ends_of_shorts();
	struct folded_call folded = {
		.ticks = near->enter_ticks,
		.result = result,
		.tid = near->tid,
		.serial = serial,
		.fd = fd,
		.moves_bytes = flags & CALL_MOVES_BYTES,
		.number = near->number,
		.architecture = OWN_ARCHITECTURE,
	};
	if (!ends)
		return 0;
	near->counts = 1;
	folded.took = now - enter_ns;
	if (enter_ns == UNTIMED) {
		u64 ticks = bpf_jiffies64() - near->enter_ticks;
		if (fold_untimed_call(near->folds, &folded, ticks))
			return 1;
		now = bpf_ktime_get_ns();
		folded.took = ticks * tick_ns;
	}
	folded.now = now + ends->boot_ns;
	fold_call(near->folds, &folded);
	return 1;
}

// Records a call of the machine's own architecture with three arguments, the first a descriptor, of which nothing is read: the
// most frequent of all. Whether it could.
INLINE int record_quick(struct near *near, struct call *call, struct pt_regs *regs, u64 enter_ns, s64 result)
{
	struct ends *ends = ends_of_shorts();
	u64 now = enter_ns == UNTIMED ? 0 : bpf_ktime_get_ns();
	u64 took = now - enter_ns;
	u64 fd = first_argument(regs);
#ifdef __TARGET_ARCH_x86
	u64 address = regs->si, count = regs->dx;
#else
	u64 address = regs->regs[1], count = regs->regs[2];
#endif
	u32 flags = call->flags;
	if (!ends || !(flags & CALL_QUICK))
		return 0;
	u32 serial = serial_of(near->cache, near->tid, fd);
	if (flags & CALL_FOLDED)
		return fold_quick(near, flags, enter_ns, now, fd, serial, result);
	if (result != (s32)result || took >= LONG_DURATION || (fd | count) >> 32)
		return 0;
	u64 turn = 0;
	struct short_call *record = begin_short(ends, &turn);
	if (!record)
		return wait_from ? 0 : fold_quick(near, flags, enter_ns, now, fd, serial, result);
	record->tid = near->tid;
	record->time = enter_ns + ends->boot_ns;
	record->took = took;
	record->number = near->number;
	// u32, u64, u32, nothing, nothing, nothing, i32.
	record->widths = 1 | 3 << 2 | 1 << 4 | 2 << 12 | OWN_ARCHITECTURE << 14;
	record->serial = serial;
	record->fd = fd;
	record->address = address;
	record->count = count;
	record->result = result;
	commit_short(record, first_word(KIND_CALL_ON_FILE | turn, sizeof(*record)));
	return 1;
}

struct small_message {
	u32 name, name_len, vectors, vector_count, control, control_len;
};

// Reads the head of a message.
INLINE int read_message(struct message *message, u64 address, u32 is_small)
{
	if (!is_small)
		return !bpf_probe_read_user(message, sizeof(*message), (void *)address);
	struct small_message small = {};
	if (bpf_probe_read_user(&small, sizeof(small), (void *)address))
		return 0;
	message->name = small.name;
	message->name_len = small.name_len;
	message->vectors = small.vectors;
	message->vector_count = small.vector_count;
	message->control = small.control;
	message->control_len = small.control_len;
	return 1;
}

struct gathering {
	u64 vectors;
	u64 left, room;
	u32 tid, is_small;
};

// The data that one part of a vector holds.
static long gather(u64 turn, struct gathering *gathering)
{
	u64 vector[2] = {};
	if (!gathering->left || !gathering->room)
		return 1;
	if (gathering->is_small) {
		u32 small[2] = {};
		if (bpf_probe_read_user(small, sizeof(small), (void *)(gathering->vectors + turn * sizeof(small))))
			return 1;
		vector[0] = small[0];
		vector[1] = small[1];
	} else if (bpf_probe_read_user(vector, sizeof(vector), (void *)(gathering->vectors + turn * sizeof(vector)))) {
		return 1;
	}
	u64 len = vector[1] < gathering->left ? vector[1] : gathering->left;
	gathering->left -= len;
	if (len > gathering->room)
		len = gathering->room;
	gathering->room -= len;
	return !put_pieces(gathering->tid, vector[0], vector[0] + len, PIECE_OF_DATA);
}

#define VECTORS_MAX 1024

// Writes the data that a call moved, up to what is to be kept of it, before its record.
SEPARATE int put_data(u32 role, u64 address, u64 count, u64 moved)
{
	struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
	struct scratch *s = scratch();
	if (!thread || !s || !address || !moved)
		return 0;
	u32 is_small = thread->architecture == ARCH_I386;
	struct gathering gathering = {
		.vectors = address, .left = moved, .room = payload_bytes, .tid = thread->tid, .is_small = is_small};
	if (role == ROLE_DATA)
		return put_pieces(thread->tid, address, address + (moved < payload_bytes ? moved : payload_bytes), PIECE_OF_DATA);
	if (role != ROLE_VECTOR) {
		if (!read_message(&s->message, address, is_small))
			return 0;
		gathering.vectors = s->message.vectors;
		count = s->message.vector_count;
	}
	bpf_loop(count < VECTORS_MAX ? count : VECTORS_MAX, gather, &gathering, 0);
	return 1;
}

INLINE int moves_data(u32 role)
{
	return role == ROLE_DATA || role == ROLE_VECTOR || role == ROLE_MESSAGE_IN || role == ROLE_MESSAGE_OUT;
}

// Address and passed descriptors of a message.
SEPARATE int put_message(u32 index, u64 address, u32 is_small, u32 is_received)
{
	struct scratch *s = scratch();
	u64 at = 0;
	u32 word = is_small ? 4 : 8;
	if (!s || !read_message(&s->message, address, is_small))
		return 0;
	struct message *message = &s->message;
	if (message->name && message->name_len)
		put_memory(TAG_SOCKADDR, index, message->name, message->name_len > 128 ? 128 : message->name_len);
	// Credentials and the like may stand before the descriptors.
	for (int turn = 0; turn < 4; turn++) {
		u64 len = 0;
		s32 head[2] = {};
		if (!message->control || at + word + 8 > message->control_len)
			break;
		if (bpf_probe_read_user(&len, word, (void *)(message->control + at)) ||
		    bpf_probe_read_user(head, 8, (void *)(message->control + at + word)))
			break;
		if (len < word + 8 || len > message->control_len - at)
			break;
		if (head[0] == 1 && head[1] == 1) {
			put_descriptors(s, index, message->control + at + word + 8, (len - word - 8) / 4, is_received);
			break;
		}
		at += (len + word - 1) & ~(u64)(word - 1);
	}
	return 1;
}

struct summing {
	u64 address;
	u64 total;
	u32 stride;
	u32 unused;
};

static long sum_messages(u64 turn, struct summing *summing)
{
	u32 len = 0;
	bpf_probe_read_user(&len, sizeof(len), (void *)(summing->address + (turn + 1) * summing->stride - (summing->stride >> 3)));
	summing->total += len;
	return 0;
}

// Bytes that sendmmsg or recvmmsg moved.
SEPARATE int put_messages(u32 index, u64 address, u32 count, u32 is_small)
{
	struct summing summing = {.address = address, .stride = is_small ? 32 : 64};
	bpf_loop(count > 1024 ? 1024 : count, sum_messages, &summing, 0);
	return put_number(TAG_TOTAL, index, summing.total);
}

struct listing {
	u64 address;
	u32 index;
	u32 is_small;
};

// Reads the next pointers of a list into the scratch. Those that cannot be read are 0.
SEPARATE int read_pointers(u64 address, u32 is_small)
{
	struct scratch *s = scratch();
	u64 bytes = is_small ? 4 : 8;
	if (!s || !bpf_probe_read_user(s->pointers, is_small ? POINTERS * 4 : POINTERS * 8, (void *)address))
		return 0;
	// The list may end at the end of its memory.
	for (u32 place = 0; place < POINTERS; place++) {
		u8 *to = (u8 *)s->pointers + place * (is_small ? 4 : 8);
		if (bpf_probe_read_user(to, is_small ? 4 : 8, (void *)(address + place * bytes)))
			return 0;
	}
	return 0;
}

INLINE u64 pointer_of(struct scratch *s, u32 place, u32 is_small)
{
	place &= POINTERS - 1;
	return is_small ? ((u32 *)s->pointers)[place] : s->pointers[place];
}

// The pointer at a place of the list, which is asked for from the first on.
INLINE u64 listed_pointer(struct scratch *s, struct listing *listing, u64 turn)
{
	u32 is_small = listing->is_small;
	if (!(turn & (POINTERS - 1)))
		read_pointers(listing->address + turn * (is_small ? 4 : 8), is_small);
	return pointer_of(s, turn, is_small);
}

static long count_listed(u64 turn, struct listing *listing)
{
	struct scratch *s = scratch();
	u64 pointer = s ? listed_pointer(s, listing, turn) : 0;
	if (!pointer)
		return 1;
	if (pointer < s->listed_from)
		s->listed_from = pointer;
	if (pointer > s->listed_until)
		s->listed_until = pointer;
	s->listed_count = turn + 1;
	return 0;
}

#define STRINGS_MAX 65536
// Of how many strings the memory is taken as a whole, and how much of it.
#define LISTED_MIN 16
#define LISTED_MAX 8192
#define LISTED_BYTES_MAX 65536

// Counts the strings of the argument vector of an exec that failed. Where they are many and lie near each other, writes the
// memory that they are in before the record: a search along $PATH fails with all of them once for each folder.
SEPARATE int put_listed_memory(u64 address, u32 is_small)
{
	struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
	struct scratch *s = scratch();
	struct listing listing = {.address = address, .is_small = is_small};
	if (!thread || !s)
		return 0;
	s->listed_count = 0;
	s->listed_from = ~0ull;
	s->listed_until = 0;
	bpf_loop(STRINGS_MAX, count_listed, &listing, 0);
	u64 count = s->listed_count, from = s->listed_from, until = s->listed_until;
	s->listed_from = 0;
	if (count < LISTED_MIN || count > LISTED_MAX || until - from > LISTED_BYTES_MAX)
		return 0;
	long len = bpf_probe_read_user_str(s->data, STRING_BYTES_MAX + 1, (void *)until);
	if (len <= 0)
		return 0;
	if (put_pieces(thread->tid, address, address + count * (is_small ? 4 : 8), PIECE_OF_POINTERS) &&
	    put_pieces(thread->tid, from, until + len, PIECE_OF_STRINGS))
		s->listed_from = from;
	return 0;
}

static long put_listed(u64 turn, struct listing *listing)
{
	struct scratch *s = scratch();
	if (!s)
		return 1;
	u64 pointer = listed_pointer(s, listing, turn);
	u32 at = s->len;
	if (!put_string(listing->index, pointer))
		return 1;
	// The register that is tested has to be the one that is used (see `judgement`).
	OPAQUE(at);
	if (at <= SCRATCH_ROOM)
		s->data[at] = TAG_RAW_ARGV;
	return 0;
}

// Strings of the argument vector of an exec that failed: where they are in the memory that was written, or those that find
// room; and how many there are.
SEPARATE int put_strings(u32 index, u64 address, u32 is_small)
{
	struct scratch *s = scratch();
	struct listing listing = {.address = address, .index = index, .is_small = is_small};
	if (!s)
		return 0;
	put_number(TAG_RAW_STRINGS, index, s->listed_count);
	if (s->listed_from)
		return put_number(TAG_RAW_LISTED, index, s->listed_from);
	bpf_loop(STRINGS_MAX, put_listed, &listing, 0);
	return 0;
}

// What a call was given and gave back, for one argument.
SEPARATE int put_role(u32 role, u32 index)
{
	struct scratch *s = scratch();
	if (!s || index > 5)
		return 0;
	u64 address = s->arguments[index];
	u64 next = s->arguments[index < 5 ? index + 1 : 5];
	s64 result = s->result;
	u32 is_small = s->serial; // kept here by write_rich
	u32 word = 0;
	int made = result >= 0;
	switch (role) {
	case ROLE_TEXT:
		return put_string(index, address);
	case ROLE_NAME:
		return s->arguments[0] == 15 ? put_string(index, address) : 0;
	case ROLE_STRINGS:
		return made ? 0 : put_strings(index, address, is_small);
	case ROLE_OPEN_HOW:
		return put_memory(TAG_STRUCT, index, address, next > 64 ? 64 : next);
	case ROLE_CLONE_ARGUMENTS:
		return put_memory(TAG_STRUCT, index, address, next > 128 ? 128 : next);
	case ROLE_CALL_ARGUMENTS:
		return put_memory(TAG_STRUCT, index, address, 24);
	case ROLE_ADDRESS_IN:
		return put_memory(TAG_SOCKADDR, index, address, next > 128 ? 128 : next);
	}
	if (!made || !address)
		return 0;
	switch (role) {
	case ROLE_ADDRESS_OUT:
		if (next && !bpf_probe_read_user(&word, 4, (void *)next))
			put_memory(TAG_SOCKADDR, index, address, word > 128 ? 128 : word);
		break;
	case ROLE_DATA:
	case ROLE_VECTOR:
		return result ? put_number(TAG_RAW_DATA, index, result) : 0;
	case ROLE_MESSAGE_IN:
	case ROLE_MESSAGE_OUT:
		if (payload_bytes && result)
			put_number(TAG_RAW_DATA, index, result);
		return put_message(index, address, is_small, role == ROLE_MESSAGE_OUT);
	case ROLE_MESSAGES:
		return put_messages(index, address, result, is_small);
	case ROLE_PAIR:
		return put_descriptors(s, index, address, 2, 1);
	case ROLE_STATUS:
		return result ? put_memory(TAG_STATUS, index, address, 4) : 0;
	case ROLE_SIGNAL_INFO:
		return put_memory(TAG_RAW_SIGINFO, index, address, 32);
	}
	return 0;
}

// Facts about what a successful call made.
INLINE void put_result(struct scratch *s, struct call *call, struct thread *thread, s64 result)
{
	u32 is_copy = call->result == RESULT_COPY;
	switch (call->result) {
	case RESULT_COPY_OF_FCNTL:
		// F_DUPFD is 0, F_DUPFD_CLOEXEC 1030 on every architecture.
		if (thread->arguments[1] != 0 && thread->arguments[1] != 1030)
			break;
		is_copy = 1;
		// fallthrough
	case RESULT_COPY:
	case RESULT_NEW_FILE:
	case RESULT_ACCEPTED:
		s->made = put_made_file(INDEX_RESULT, result, !is_copy);
		if (call->result == RESULT_ACCEPTED)
			put_socket(INDEX_RESULT, result);
		break;
	case RESULT_SOCKET_OF_FIRST:
		put_socket(0, thread->arguments[0]);
		break;
	case RESULT_DIRECTORY:
		put_directory(s, bpf_get_current_task_btf());
		break;
	}
}

// A call with items.
SEPARATE int write_rich(u32 serial, s64 result, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	struct scratch *s = scratch();
	if (!thread || !s)
		return 0;
	struct call *call = call_of(thread->architecture, thread->number);
	if (!call)
		return 0;
	// The memory of a new image is not what the call was given: its record has the facts.
	u32 reads = may_read(task) && !(call->flags & CALL_EXECUTES && result >= 0);
	if (payload_bytes && reads && result > 0) {
		for (u32 place = 0; place < 5; place++) {
			if (moves_data(call->roles[place]))
				put_data(call->roles[place], thread->arguments[place], thread->arguments[place + 1], result);
		}
	}
	if (reads && call->flags & CALL_EXECUTES) {
		for (u32 place = 0; place < 3; place++) {
			if (call->roles[place] == ROLE_STRINGS)
				put_listed_memory(thread->arguments[place], thread->architecture == ARCH_I386);
		}
	}
	u64 at = put_call(s->data, thread, call->arguments, serial, result, now);
	OPAQUE(at);
	at &= 127;
	s->len = at;
	s->result = result;
	s->serial = thread->architecture == ARCH_I386;
	s->passing.count = 0;
	s->made = 0;
	for (int place = 0; place < 6; place++)
		s->arguments[place] = thread->arguments[place];
	if (reads) {
		for (u32 place = 0; place < 6; place++) {
			u32 role = call->roles[place];
			if (role)
				put_role(role, place);
		}
		if (s->passing.count)
			bpf_loop(s->passing.count, put_passed, NULL, 0);
	}
	if (result >= 0 || (result == -EINPROGRESS && call->result == RESULT_SOCKET_OF_FIRST))
		put_result(s, call, thread, result);
	u32 len = end_record(s, serial ? KIND_CALL_ON_FILE : KIND_CALL);
	OPAQUE(len);
	if (len > SCRATCH_ROOM + 2 * 4096)
		return 0;
	return put_event(&s->stamp, len, now);
}

// A call that has not returned: that it began, or (`call`) that nobody saw it returning.
SEPARATE int write_entered(u32 kind, u64 now)
{
	struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
	if (!thread)
		return 0;
	// Its end tells the same.
	if (kind == KIND_CALL_BEGIN && bpf_ringbuf_query(&ring, RING_AVAILABLE) > calls_until)
		return 0;
	struct call *call = call_of(thread->architecture, thread->number);
	u64 at = put_call(thread->record, thread, call ? call->arguments : 6, 0, 0, now);
	OPAQUE(at);
	at &= 127;
	if (kind == KIND_CALL) {
		*(u32 *)(thread->record + at) = TAG_NO_RESULT | INDEX_NONE << 8;
		at += 4;
	}
	*(u32 *)thread->record = first_word(kind, at);
	return kind == KIND_CALL ? put_event(&thread->stamp, at, now) : put_stamped(&thread->stamp, at);
}
