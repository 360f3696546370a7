// Operations that are given to an io_uring: no system call shows them.
#pragma once
#include "calls.h"

#define OPERATION_READ_FIXED 4
#define OPERATION_WRITE_FIXED 5
#define OPERATION_ACCEPT 13
#define OPERATION_CONNECT 16
#define OPERATION_OPEN 18
#define OPERATION_CLOSE 19
#define OPERATION_READ 22
#define OPERATION_WRITE 23
#define OPERATION_OPEN2 28
#define OPERATION_RENAME 35
#define OPERATION_UNLINK 36
#define OPERATION_MKDIR 37
#define OPERATION_SYMLINK 38
#define OPERATION_LINK 39
#define OPERATION_SOCKET 45
// Added to the number of an operation on a place among the files that are registered with the ring: no descriptor is meant.
#define OPERATION_ON_PLACE 0x8000

#define OPERATION_ARGUMENTS 5

// An operation under way.
struct request {
	u64 time;
	u32 tid;
	s32 fd;
	u64 len;
	u32 operation;
	u32 has_arguments;
	u64 arguments[OPERATION_ARGUMENTS]; // of the call that does the same
};

struct {
	uint(type, MAP_TYPE_HASH);
	uint(max_entries, 32768);
	uint(map_flags, MAP_NO_PREALLOC);
	type(key, u64);
	type(value, struct request);
} requests SEC(".maps");

// A name's address in user memory.
#define NAME_OF(to, structure, field)                                  \
	do {                                                           \
		READ(name, structure, key, field);                     \
		READ(to, struct filename, name, uptr);                 \
	} while (0)

// The arguments of operations that give a file another name.
#define TWO_NAMES_OF(structure)                                        \
	do {                                                           \
		READ(*(s32 *)&to[0], structure, key, old_dfd);         \
		NAME_OF(to[1], structure, oldpath);                    \
		READ(*(s32 *)&to[2], structure, key, new_dfd);         \
		NAME_OF(to[3], structure, newpath);                    \
		READ(*(u32 *)&to[4], structure, key, flags);           \
	} while (0)

// The arguments that the call that does the same would have. Names are read at the end, where they are in memory for sure.
INLINE void read_arguments(struct request *request, u64 key)
{
	u64 name = 0, *to = request->arguments;
	u32 slot = 0;
	request->has_arguments = 1;
	switch (request->operation) {
	case OPERATION_OPEN:
	case OPERATION_OPEN2:
		READ(*(s32 *)&to[0], struct io_open, key, dfd);
		NAME_OF(to[1], struct io_open, filename);
		READ(to[2], struct io_open, key, how.flags);
		READ(to[3], struct io_open, key, how.mode);
		READ(slot, struct io_open, key, file_slot);
		break;
	case OPERATION_CLOSE:
		READ(*(s32 *)&to[0], struct io_close, key, fd);
		READ(slot, struct io_close, key, file_slot);
		request->fd = to[0];
		break;
	case OPERATION_RENAME:
		TWO_NAMES_OF(struct io_rename);
		break;
	case OPERATION_LINK:
		TWO_NAMES_OF(struct io_link);
		break;
	case OPERATION_SYMLINK:
		NAME_OF(to[0], struct io_link, oldpath);
		READ(*(s32 *)&to[1], struct io_link, key, new_dfd);
		NAME_OF(to[2], struct io_link, newpath);
		break;
	case OPERATION_UNLINK:
		READ(*(s32 *)&to[0], struct io_unlink, key, dfd);
		NAME_OF(to[1], struct io_unlink, filename);
		READ(*(u32 *)&to[2], struct io_unlink, key, flags);
		break;
	case OPERATION_MKDIR:
		READ(*(s32 *)&to[0], struct io_mkdir, key, dfd);
		NAME_OF(to[1], struct io_mkdir, filename);
		READ(*(u16 *)&to[2], struct io_mkdir, key, mode);
		break;
	case OPERATION_SOCKET:
		READ(*(u32 *)&to[0], struct io_socket, key, domain);
		READ(*(u32 *)&to[1], struct io_socket, key, type);
		READ(*(u32 *)&to[2], struct io_socket, key, protocol);
		READ(slot, struct io_socket, key, file_slot);
		break;
	case OPERATION_CONNECT:
		to[0] = (u32)request->fd;
		READ(to[1], struct io_connect, key, addr);
		READ(*(u32 *)&to[2], struct io_connect, key, addr_len);
		break;
	case OPERATION_ACCEPT:
		to[0] = (u32)request->fd;
		READ(slot, struct io_accept, key, file_slot);
		break;
	default:
		request->has_arguments = 0;
	}
	if (slot) {
		request->operation |= OPERATION_ON_PLACE;
		request->has_arguments = 0;
	}
}

SEC("tp_btf/io_uring_submit_req")
int submit_request(u64 *context)
{
	struct io_kiocb *kiocb = (struct io_kiocb *)context[0];
	u64 key = context[0];
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	u32 len = 0;
	if (!thread) {
		// A thread of the kernel that works for the process.
		struct task_struct *leader = task->group_leader;
		if (leader)
			thread = bpf_task_storage_get(&threads, leader, NULL, 0);
	}
	if (!thread || thread->flags & (THREAD_WAITS | THREAD_PROBES | THREAD_STRANGER))
		return 0;
	struct request request = {
		.time = clock_ns(),
		.tid = thread->tid,
		.fd = kiocb->cqe.fd,
		.operation = kiocb->opcode,
	};
	if (request.operation == OPERATION_READ || request.operation == OPERATION_WRITE ||
	    request.operation == OPERATION_READ_FIXED || request.operation == OPERATION_WRITE_FIXED)
		READ(len, struct io_rw, key, len);
	request.len = len;
	read_arguments(&request, key);
	bpf_map_update_elem(&requests, &key, &request, 0);
	return 0;
}

// The arguments of an operation, and the names that they point to.
SEPARATE int put_arguments(u64 key, u32 operation)
{
	struct request *request = bpf_map_lookup_elem(&requests, &key);
	struct scratch *s = scratch();
	if (!request || !s)
		return 0;
	u32 at = s->len;
	if (at > SCRATCH_ROOM)
		return 0;
	item_head(s, at, TAG_ARGUMENTS, INDEX_NONE, sizeof(request->arguments));
	__builtin_memcpy(s->data + at + 4, request->arguments, sizeof(request->arguments));
	s->len = at + 4 + sizeof(request->arguments);
	if (!may_read(bpf_get_current_task_btf()))
		return 0;
	if (operation == OPERATION_CONNECT) {
		u64 len = request->arguments[2];
		put_memory(TAG_SOCKADDR, 1, request->arguments[1], len > 128 ? 128 : len);
	} else if (operation == OPERATION_SYMLINK) {
		put_string(0, request->arguments[0]);
		put_string(2, request->arguments[2]);
	} else if (operation != OPERATION_CLOSE && operation != OPERATION_SOCKET && operation != OPERATION_ACCEPT) {
		put_string(1, request->arguments[1]);
		if (operation == OPERATION_RENAME || operation == OPERATION_LINK)
			put_string(3, request->arguments[3]);
	}
	return 0;
}

// The record of an operation: head, u32 took, u32 operation, u32 serial, i32 fd, i64 result, u64 length; then items.
SEPARATE int write_operation(u64 key, s32 result)
{
	struct request *request = bpf_map_lookup_elem(&requests, &key);
	struct scratch *s = scratch();
	u64 file = 0;
	u32 serial = 0;
	u64 now = clock_ns();
	if (!request || !s)
		return 0;
	u32 operation = request->operation;
	u32 makes = operation == OPERATION_OPEN || operation == OPERATION_OPEN2 || operation == OPERATION_ACCEPT ||
		    operation == OPERATION_SOCKET;
	if (!makes || operation == OPERATION_ACCEPT)
		READ(file, struct io_kiocb, key, file);
	if (file && operation != OPERATION_CLOSE) {
		struct known_file *known = bpf_map_lookup_elem(&files, &file);
		u64 inode = inode_of(file);
		if (known && known->inode == inode)
			serial = known->serial;
		else if (inode)
			serial = tell_file(request->tid, file);
	}
	begin_record(s, request->tid, request->time);
	u64 took = now - request->time;
	*(u32 *)(s->data + 16) = took < LONG_DURATION ? took : LONG_DURATION - 1;
	*(u32 *)(s->data + 20) = operation;
	*(u32 *)(s->data + 24) = serial;
	*(s32 *)(s->data + 28) = request->fd;
	*(s64 *)(s->data + 32) = result;
	*(u64 *)(s->data + 40) = request->len;
	s->len = 48;
	if (request->has_arguments)
		put_arguments(key, operation);
	if (makes && result >= 0)
		put_made_file(INDEX_RESULT, result, 1);
	if (operation == OPERATION_ACCEPT && result >= 0)
		put_socket(INDEX_RESULT, result);
	if (operation == OPERATION_CONNECT && (result >= 0 || result == -EINPROGRESS))
		put_socket(0, request->fd);
	if (makes || operation == OPERATION_CLOSE)
		__sync_fetch_and_add(&changes, 1);
	u32 len = end_record(s, KIND_RING_OPERATION);
	OPAQUE(len);
	if (len > SCRATCH_ROOM)
		return 0;
	return put_event(&s->stamp, len, now);
}

SEC("tp_btf/io_uring_complete")
int complete_request(u64 *context)
{
	u64 key = context[1];
	s32 result = 0;
	if (!bpf_map_lookup_elem(&requests, &key))
		return 0;
	bpf_probe_read_kernel(&result, sizeof(result), (void *)key + OFFSET(struct io_kiocb, cqe.res));
	write_operation(key, result);
	bpf_map_delete_elem(&requests, &key);
	return 0;
}
