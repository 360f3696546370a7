// Writes records to the ring, or counts what finds no room.
#pragma once
#include "state.h"

struct waiting {
	u64 until_ns;
};

static long wait_turn(u64 turn, struct waiting *waiting)
{
	return bpf_ringbuf_query(&ring, RING_AVAILABLE) < wait_from || bpf_ktime_get_ns() > waiting->until_ns;
}

static long wait_short_turn(u64 turn, struct waiting *waiting)
{
	struct ends *ends = ends_of_shorts();
	return !ends || *(volatile u64 *)&ends->head - *(volatile u64 *)&ends->tail < shorts_wait_from ||
	       bpf_ktime_get_ns() > waiting->until_ns;
}

// Waits a millisecond at most for the recorder to make room: nothing may sleep here.
SEPARATE int wait_for_room(void)
{
	struct waiting waiting = {.until_ns = bpf_ktime_get_ns() + 1000000};
	bpf_loop(1 << 16, wait_turn, &waiting, 0);
	return 0;
}

SEPARATE int wait_for_short_room(void)
{
	struct waiting waiting = {.until_ns = bpf_ktime_get_ns() + 1000000};
	bpf_loop(1 << 16, wait_short_turn, &waiting, 0);
	return 0;
}

INLINE void await_room(void)
{
	if (wait_from && bpf_ringbuf_query(&ring, RING_AVAILABLE) > wait_from)
		wait_for_room();
}

INLINE void count_lost(struct counters *totals, u64 events, u64 now)
{
	if (!totals->lost)
		totals->lost_first_ns = now;
	totals->lost_last_ns = now;
	totals->lost += events;
}

// Writes a record. Before it stands its stamp: the number of short records that come before it.
INLINE long put_stamped(u64 *stamp, u64 len)
{
	struct ends *ends = ends_of_shorts();
	if (ends)
		*stamp = *(volatile u64 *)&ends->head;
	return bpf_ringbuf_output(&ring, stamp, len + 8, RING_NO_WAKEUP);
}

// Whether an event was written; counts it either way.
INLINE int put_counted(struct counters *totals, u64 *stamp, u64 len, u64 now)
{
	totals->seen++;
	await_room();
	if (put_stamped(stamp, len)) {
		count_lost(totals, 1, now);
		return 0;
	}
	return 1;
}

INLINE int put_event(u64 *stamp, u64 len, u64 now)
{
	struct counters *totals = counters();
	return totals ? put_counted(totals, stamp, len, now) : 0;
}

// A place among the short records; NULL: they are too many. `commit_short` ends it.
INLINE struct short_call *begin_short(struct ends *ends, u64 *turn)
{
	u64 used = *(volatile u64 *)&ends->head - *(volatile u64 *)&ends->tail;
	if (used >= shorts_wait_from) {
		wait_for_short_room();
		used = *(volatile u64 *)&ends->head - *(volatile u64 *)&ends->tail;
	}
	if (used >= shorts_fold_from)
		return NULL;
	u64 number = __sync_fetch_and_add(&ends->head, 1);
	u32 place = number & (shorts_places - 1);
	*turn = number & shorts_places ? SHORT_TURN : 0;
	return bpf_map_lookup_elem(&shorts, &place);
}

// The first word makes the record whole for the recorder, so it is the last to be written.
INLINE void commit_short(struct short_call *record, u32 word)
{
#ifdef __TARGET_ARCH_x86
	asm volatile("" ::: "memory");
	*(volatile u32 *)&record->word = word;
#else
	__sync_lock_test_and_set((u64 *)record, word | (u64)record->tid << 32);
#endif
}

INLINE u32 first_word(u32 kind, u32 len)
{
	return len << 8 | kind;
}

// Slots that are stored as narrow as their values allow (docs/record-format.md, "Slots of a call"), without branches, which
// the verifier would all follow.
#define PUT_SLOT(record, at, widths, slot, number)                           \
	do {                                                                 \
		u64 value = (number);                                        \
		u64 upper = value >> 32;                                     \
		u64 sign = (value + 0x80000000ull) >> 32;                    \
		u64 minus = -value;                                          \
		OPAQUE(minus);                                               \
		u64 some = (value | minus) >> 63;                            \
		minus = -upper;                                              \
		OPAQUE(minus);                                               \
		u64 wide = (upper | minus) >> 63;                            \
		minus = -sign;                                               \
		OPAQUE(minus);                                               \
		u64 full = wide & ((sign | minus) >> 63);                    \
		widths |= (some + wide + full) << (2 * (slot));              \
		OPAQUE(at);                                                  \
		at &= 127;                                                   \
		*(u64 *)((record) + at) = value;                             \
		at += (some + full) << 2;                                    \
	} while (0)

struct fork_record {
	u64 stamp;
	u32 word, tid;
	u64 time;
	u32 child, child_tgid, flags, zero;
};

struct exit_record {
	u64 stamp;
	u32 word, tid;
	u64 time;
	u32 tgid;
	s32 status;
};

// What a thread used.
struct used {
	u64 cpu_ns, run_delay_ns, read_bytes, written_bytes, disk_read_bytes, disk_written_bytes;
};

struct use_record {
	u64 stamp;
	u32 word, tid;
	u64 time;
	u32 tgid, is_last;
	u64 system_ns, peak_pages;
	struct used used; // CPU time is that of the process, with its last thread
	u64 resident_pages;
};

struct signal_record {
	u64 stamp;
	u32 word, tid;
	u64 time;
	u32 number;
	s32 code;
	u32 sender, zero;
};

struct folded_record {
	u64 stamp;
	u32 word, tid;
	u64 time;
	u16 number;
	u8 architecture, zero;
	s32 fd;
	u64 calls, errors, bytes, total_ns;
	// Item `identity`, its value in two halves: it is not aligned.
	u8 tag, index;
	u16 len;
	u32 serial, serial_upper;
	// Item `untimed`.
	u8 untimed_tag, untimed_index;
	u16 untimed_len;
	u32 untimed;
	u32 zero2;
};

// Calls of a fold that is written as long as there is any room.
#define FOLD_LARGE 64

// Writes what was counted, and begins to count anew.
INLINE void flush_fold(u32 tid, struct fold *fold)
{
	struct counters *totals;
	if (!fold->calls)
		return;
	struct folded_record record = {
		.word = first_word(KIND_FOLDED, sizeof(record) - 12),
		.tid = tid,
		.time = fold->first_ns,
		.number = fold->number,
		.architecture = fold->architecture,
		.fd = fold->fd,
		.calls = fold->calls,
		.errors = fold->errors,
		.bytes = fold->bytes,
		.total_ns = fold->total_ns,
		.tag = TAG_IDENTITY,
		.len = 8,
		.serial = fold->serial,
		.untimed_tag = TAG_UNTIMED,
		.untimed_index = INDEX_NONE,
		.untimed_len = 4,
		.untimed = fold->untimed,
	};
	if (fold->untimed && fold->sampled)
		record.total_ns += fold->untimed * (fold->sampled_ns / fold->sampled);
	long failed = fold->calls < FOLD_LARGE && bpf_ringbuf_query(&ring, RING_AVAILABLE) > counts_until;
	if (!failed)
		failed = put_stamped(&record.stamp, sizeof(record) - 12);
	totals = counters();
	if (totals) {
		totals->seen += fold->calls;
		if (failed)
			count_lost(totals, fold->calls, fold->first_ns);
		else
			totals->folded += fold->calls;
	}
	fold->calls = 0;
}

INLINE struct near *near_of(struct thread *thread)
{
	return thread->near ? near_at(thread->near - 1) : NULL;
}

// Writes all that was counted of a thread.
SEPARATE int flush_folds(void)
{
	struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
	struct near *near;
	if (!thread)
		return 0;
	if (thread->counts) {
		thread->counts = 0;
		for (int place = 0; place < FOLDS; place++)
			flush_fold(thread->tid, &thread->folds[place]);
	}
	near = near_of(thread);
	if (!near || !near->counts)
		return 0;
	near->counts = 0;
	for (int place = 0; place < FOLDS; place++)
		flush_fold(near->tid, &near->folds[place]);
	return 0;
}

struct folded_call {
	u64 now;
	u64 took;
	u64 ticks; // at its entry
	s64 result;
	u32 tid;
	u32 serial;
	s32 fd;
	u32 moves_bytes;
	u16 number;
	u8 architecture;
};

#define FOLD_NS 1000000000ull

// Calls of a fold that are all timed, and of how many of the others one is.
#define TIMED_EXACTLY 64
#define TIMED_ONE_OF_BITS 3
// A call that began and ended in ticks this far apart is measured by them.
#define TICKS_LONG 2

INLINE struct fold *fold_of(struct fold *folds, u32 serial, u32 number)
{
	return &folds[(serial * 2 + number) & (FOLDS - 1)];
}

// Whether a call that will be counted has to be timed: the first of each fold, later one of eight, by chance.
INLINE int is_timed(struct near *near, u32 number, u32 fd)
{
	struct cached *cached = &near->cache[fd & (CACHED - 1)];
	struct fold *fold = fold_of(near->folds, cached->serial, number);
	if (fold->calls < TIMED_EXACTLY || fold->number != number || fold->serial != cached->serial || cached->fd != fd ||
	    cached->changes != changes + 1 || near->enter_ticks - fold->first_ticks >= ticks_per_second)
		return 1;
	near->random = near->random * 0x5851f42d4c957f2dull + 0x14057b7ef767814full;
	return near->random >> (64 - TIMED_ONE_OF_BITS) == 0;
}

INLINE void add_result(struct fold *fold, struct folded_call *call)
{
	fold->calls++;
	if (call->result < 0)
		fold->errors++;
	else if (call->moves_bytes)
		fold->bytes += call->result;
}

// Counts a call instead of writing it.
INLINE void fold_call(struct fold *folds, struct folded_call *call)
{
	struct fold *fold = fold_of(folds, call->serial, call->number);
	u64 first_ns = call->now - call->took;
	if (fold->calls && (fold->serial != call->serial || fold->fd != call->fd || fold->number != call->number ||
			    fold->architecture != call->architecture || call->now - fold->first_ns > FOLD_NS))
		flush_fold(call->tid, fold);
	if (!fold->calls) {
		fold->first_ns = first_ns;
		fold->first_ticks = call->ticks;
		fold->errors = 0;
		fold->bytes = 0;
		fold->total_ns = 0;
		fold->sampled_ns = 0;
		fold->sampled = 0;
		fold->untimed = 0;
		fold->serial = call->serial;
		fold->fd = call->fd;
		fold->number = call->number;
		fold->architecture = call->architecture;
	}
	fold->total_ns += call->took;
	if (call->took < TICKS_LONG * tick_ns) {
		fold->sampled_ns += call->took;
		fold->sampled++;
	}
	add_result(fold, call);
}

// The same for a call whose time is not known but for the ticks that it took. Whether its fold is the one that it was entered for.
INLINE int fold_untimed_call(struct fold *folds, struct folded_call *call, u64 ticks)
{
	struct fold *fold = fold_of(folds, call->serial, call->number);
	if (!fold->calls || fold->serial != call->serial || fold->fd != call->fd || fold->number != call->number)
		return 0;
	if (ticks < TICKS_LONG)
		fold->untimed++;
	else
		fold->total_ns += ticks * tick_ns;
	add_result(fold, call);
	return 1;
}
