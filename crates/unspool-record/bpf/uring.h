// Operations that are given to an io_uring: no system call shows them.
#pragma once
#include "calls.h"

#define OPERATION_READ_FIXED 4
#define OPERATION_WRITE_FIXED 5
#define OPERATION_ACCEPT 13
#define OPERATION_OPEN 18
#define OPERATION_CLOSE 19
#define OPERATION_READ 22
#define OPERATION_WRITE 23
#define OPERATION_OPEN2 28
#define OPERATION_SOCKET 45

// An operation under way.
struct request {
	u64 time;
	u32 tid;
	s32 fd;
	u64 len;
	u32 operation;
	u32 unused;
};

struct {
	uint(type, MAP_TYPE_HASH);
	uint(max_entries, 32768);
	uint(map_flags, MAP_NO_PREALLOC);
	type(key, u64);
	type(value, struct request);
} requests SEC(".maps");

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
	if (request.operation == OPERATION_CLOSE) {
		// Of a file that is registered with the ring no descriptor is closed: its place counts from one.
		u32 slot = 0;
		READ(request.fd, struct io_close, key, fd);
		READ(slot, struct io_close, key, file_slot);
		if (slot)
			request.fd = -1;
	}
	bpf_map_update_elem(&requests, &key, &request, 0);
	return 0;
}

// The record of an operation: head, u32 took, u16 operation, u16 0, u32 serial, i32 fd, i64 result, u64 length; then items.
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
	if (makes && result >= 0)
		put_made_file(INDEX_RESULT, result, 1);
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
