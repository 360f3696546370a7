// Writes records to the ring, or counts what finds no room.
#pragma once
#include "state.h"

struct waiting {
	u64 until_ns;
};

static long wait_turn(u64 turn, struct waiting *waiting)
{
	return bpf_ringbuf_query(&ring, RING_AVAILABLE) < wait_from || bpf_ktime_get_boot_ns() > waiting->until_ns;
}

// Waits a millisecond at most for the recorder to make room: nothing may sleep here.
SEPARATE int wait_for_room(void)
{
	struct waiting waiting = {.until_ns = bpf_ktime_get_boot_ns() + 1000000};
	bpf_loop(1 << 16, wait_turn, &waiting, 0);
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

// Whether an event was written; counts it either way.
INLINE int put_counted(struct counters *totals, void *record, u64 len, u64 now)
{
	totals->seen++;
	await_room();
	if (bpf_ringbuf_output(&ring, record, len, RING_NO_WAKEUP)) {
		count_lost(totals, 1, now);
		return 0;
	}
	return 1;
}

INLINE int put_event(void *record, u64 len, u64 now)
{
	struct counters *totals = counters();
	return totals ? put_counted(totals, record, len, now) : 0;
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
	u32 word, tid;
	u64 time;
	u32 child, child_tgid, flags, zero;
};

struct exit_record {
	u32 word, tid;
	u64 time;
	u32 tgid;
	s32 status;
};

struct signal_record {
	u32 word, tid;
	u64 time;
	u32 number;
	s32 code;
	u32 sender, zero;
};

struct folded_record {
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
	u32 zero2;
};

// A call with three arguments, the first a descriptor: most of all calls.
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

// Writes what was counted, and begins to count anew.
INLINE void flush_fold(struct thread *thread, struct fold *fold)
{
	struct counters *totals;
	if (!fold->calls)
		return;
	struct folded_record record = {
		.word = first_word(KIND_FOLDED, sizeof(record) - 4),
		.tid = thread->tid,
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
	};
	long failed = bpf_ringbuf_output(&ring, &record, sizeof(record) - 4, RING_NO_WAKEUP);
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

INLINE void flush_folds(struct thread *thread)
{
	for (int place = 0; place < FOLDS; place++)
		flush_fold(thread, &thread->folds[place]);
}

struct folded_call {
	u64 now;
	u64 took;
	s64 result;
	u32 serial;
	s32 fd;
	u32 moves_bytes;
};

#define FOLD_NS 1000000000ull

// Counts a call instead of writing it.
INLINE void fold_call(struct thread *thread, struct folded_call *call)
{
	struct fold *fold = &thread->folds[(call->serial * 2 + thread->number) & (FOLDS - 1)];
	if (fold->calls && (fold->serial != call->serial || fold->fd != call->fd || fold->number != thread->number ||
			    fold->architecture != thread->architecture || call->now - fold->first_ns > FOLD_NS))
		flush_fold(thread, fold);
	if (!fold->calls) {
		fold->first_ns = thread->enter_ns;
		fold->errors = 0;
		fold->bytes = 0;
		fold->total_ns = 0;
		fold->serial = call->serial;
		fold->fd = call->fd;
		fold->number = thread->number;
		fold->architecture = thread->architecture;
	}
	fold->calls++;
	fold->total_ns += call->took;
	if (call->result < 0)
		fold->errors++;
	else if (call->moves_bytes)
		fold->bytes += call->result;
}
