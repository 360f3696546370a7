// Looks at the kernel's own objects and at the memory of the thread that runs, and appends items to the record in the scratch.
#pragma once
#include "emit.h"

#define MAGIC_PIPE 0x50495045
#define MAGIC_SOCKET 0x534F434B
#define MAGIC_ANONYMOUS 0x09041934
#define MAGIC_NAMESPACE 0x6e736673
#define MAGIC_PID 0x50494446

#define TYPE_MASK 0170000
#define TYPE_SOCKET 0140000

#define STRING_BYTES_MAX 4096
#define COMPONENTS_MAX 512
#define PASSED_MAX 60

// Head of an item: the value has to follow.
INLINE void item_head(struct scratch *s, u32 at, u32 tag, u32 index, u32 len)
{
	if (at <= SCRATCH_ROOM + 4096)
		*(u32 *)(s->data + at) = tag | index << 8 | len << 16;
}

struct ids {
	u32 uid, suid, euid, gid, sgid, egid;
};

INLINE void read_ids(struct ids *ids, struct task_struct *task)
{
	u64 cred = POINTER(struct task_struct, task, cred);
	READ(ids->uid, struct cred, cred, uid.val);
	READ(ids->suid, struct cred, cred, suid.val);
	READ(ids->euid, struct cred, cred, euid.val);
	READ(ids->gid, struct cred, cred, gid.val);
	READ(ids->sgid, struct cred, cred, sgid.val);
	READ(ids->egid, struct cred, cred, egid.val);
}

// Whether the memory of the thread that runs may be read: as for ptrace.
INLINE int may_read(struct task_struct *task)
{
	struct ids ids = {};
	if (may_read_all)
		return 1;
	read_ids(&ids, task);
	return ids.uid == own_uid && ids.euid == own_uid && ids.suid == own_uid && ids.gid == ids.egid && ids.gid == ids.sgid;
}

SEPARATE int put_number(u32 tag, u32 index, u64 number)
{
	struct scratch *s = scratch();
	if (!s)
		return 0;
	u32 at = s->len;
	if (at > SCRATCH_ROOM)
		return 0;
	item_head(s, at, tag, index, 8);
	*(u64 *)(s->data + at + 4) = number;
	s->len = at + 12;
	return 1;
}

// A string of user memory.
SEPARATE int put_string(u32 index, u64 address)
{
	struct scratch *s = scratch();
	if (!s || !address)
		return 0;
	u32 at = s->len;
	if (at > SCRATCH_ROOM)
		return 0;
	long count = bpf_probe_read_user_str(s->data + at + 4, STRING_BYTES_MAX + 1, (void *)address);
	if (count <= 0 || count > STRING_BYTES_MAX + 1)
		return 0;
	u32 len = count - 1;
	u32 tag = TAG_STRING;
	if (len == STRING_BYTES_MAX)
		tag = TAG_STRING_CUT;
	item_head(s, at, tag, index, len);
	s->len = at + 4 + len;
	return 1;
}

// Bytes of user memory, 256 at most.
SEPARATE int put_memory(u32 tag, u32 index, u64 address, u64 len)
{
	struct scratch *s = scratch();
	if (!s || !address)
		return 0;
	u32 at = s->len;
	if (at > SCRATCH_ROOM)
		return 0;
	if (len > 255)
		len = 255;
	OPAQUE(len);
	len &= 255;
	if (!len || bpf_probe_read_user(s->data + at + 4, len, (void *)address))
		return 0;
	item_head(s, at, tag, index, len);
	s->len = at + 4 + len;
	return 1;
}

struct piece {
	u32 word, tid;
	u64 time;
	u32 what, len;
};

struct piecing {
	u64 from, until;
	u32 tid;
	u32 what;
};

#define PIECE_BYTES 8192

// One part, up to a border of pages.
static long put_piece(u64 turn, struct piecing *piecing)
{
	struct scratch *s = scratch();
	u64 len = PIECE_BYTES - (piecing->from & (PIECE_BYTES - 1));
	if (!s || piecing->from >= piecing->until)
		return 1;
	if (len > piecing->until - piecing->from)
		len = piecing->until - piecing->from;
	u64 padded = (sizeof(struct piece) + len + 3) & ~3ull;
	struct piece *piece = (struct piece *)s->data;
	piece->word = first_word(KIND_PIECE, padded);
	piece->tid = piecing->tid;
	piece->time = 0;
	piece->what = piecing->what;
	piece->len = len;
	OPAQUE(len);
	if (len > PIECE_BYTES)
		return 1;
	if (bpf_probe_read_user(s->data + sizeof(*piece), len, (void *)piecing->from))
		return 1;
	OPAQUE(padded);
	if (padded > PIECE_BYTES + sizeof(*piece) + 4)
		return 1;
	if (put_stamped(&s->stamp, padded))
		return 1;
	piecing->from += len;
	return 0;
}

#define PIECES_MAX 256

// Writes memory of the thread that runs in parts, for a record that follows. Whether it could be read to its end.
SEPARATE int put_pieces(u32 tid, u64 from, u64 until, u32 what)
{
	// Strings make way for processes, files and counts.
	if (bpf_ringbuf_query(&ring, RING_AVAILABLE) > strings_until)
		return 0;
	struct piecing piecing = {.from = from, .until = until, .tid = tid, .what = what};
	bpf_loop(PIECES_MAX, put_piece, &piecing, 0);
	return piecing.from >= piecing.until;
}

#define SHORT_NAME_BYTES 40

// Reads a dentry's parent and name, and a short name behind them. What stood in the place of the former stands there again.
INLINE void read_part(struct scratch *s, struct dentry_part *before, u64 dentry)
{
	s->kept = *before;
	bpf_probe_read_kernel(before, sizeof(*before) + SHORT_NAME_BYTES, (void *)dentry + OFFSET(struct dentry, d_parent));
	s->part = *before;
	*before = s->kept;
}

// One component of a path, the last first.
static long walk_up(u64 turn, void *unused)
{
	struct scratch *s = scratch();
	if (!s)
		return 1;
	struct walk *walk = &s->walk;
	u64 dentry = walk->dentry;
	if (dentry == root_dentry && walk->mount + OFFSET(struct mount, mnt) == root_mount) {
		walk->is_whole = 1;
		return 1;
	}
	if (dentry == walk->root) {
		u64 above = 0;
		READ(above, struct mount, walk->mount, mnt_parent);
		if (above == walk->mount) {
			walk->is_whole = 1;
			return 1;
		}
		READ(walk->dentry, struct mount, walk->mount, mnt_mountpoint);
		READ(walk->root, struct mount, above, mnt.mnt_root);
		walk->mount = above;
		return 0;
	}
	// Where the part begins whose name belongs to the end of what there is.
	u64 from = s->len - sizeof(s->part);
	OPAQUE(from);
	if (from > SCRATCH_ROOM + 4096)
		return 1;
	u8 *before = s->data + from;
	if (OFFSET(struct dentry, d_name.name) == OFFSET(struct dentry, d_parent) + 16) {
		read_part(s, (struct dentry_part *)before, dentry);
	} else {
		READ(s->part.parent, struct dentry, dentry, d_parent);
		READ(s->part.name, struct dentry, dentry, d_name.name);
	}
	if (s->part.parent == dentry) {
		walk->is_whole = 1;
		return 1;
	}
	walk->dentry = s->part.parent;
	u64 short_name = dentry + OFFSET(struct dentry, d_parent) + sizeof(s->part);
	if (s->part.name == short_name && s->part.name_len < SHORT_NAME_BYTES) {
		s->len += s->part.name_len + 1;
		return 0;
	}
	long count = bpf_probe_read_kernel_str(before + sizeof(s->part), 256, (void *)s->part.name);
	if (count <= 0 || count > 256)
		return 1;
	s->len += count;
	return 0;
}

// A name of the kernel's behind the head of a path.
INLINE void put_name(struct scratch *s, u32 at, u64 name)
{
	long count = bpf_probe_read_kernel_str(s->data + at, 256, (void *)name);
	if (count > 0 && count <= 256)
		s->len = at + count;
}

// The path of a dentry, as components from the last to the first: u32 kind, u64 inode, then the components. Kinds: 0 path,
// 1 path of a file that was unlinked, else the magic number of the file system.
SEPARATE int put_path(u32 tag, u32 index, u64 vfs_mount, u64 dentry, u64 inode)
{
	struct scratch *s = scratch();
	if (!s || !dentry)
		return 0;
	u32 start = s->len;
	if (start > SCRATCH_ROOM)
		return 0;
	s->walk.dentry = dentry;
	s->walk.mount = vfs_mount - OFFSET(struct mount, mnt);
	s->walk.is_whole = 0;
	PAIR_BY(s, struct dentry, dentry, d_hash.pprev, d_parent);
	u64 is_top = s->pair[1] == s->walk.dentry;
	u32 kind = !is_top && !s->pair[0];
	*(u64 *)(s->data + start + 8) = POINTER_BY(s, struct inode, inode, i_ino);
	READ(s->walk.root, struct mount, s->walk.mount, mnt.mnt_root);
	// What has no path is the top of its own tree.
	if (is_top) {
		u64 magic = POINTER_BY(s, struct super_block, POINTER_BY(s, struct inode, inode, i_sb), s_magic);
		if (magic == MAGIC_PIPE || magic == MAGIC_SOCKET || magic == MAGIC_ANONYMOUS || magic == MAGIC_NAMESPACE || magic == MAGIC_PID)
			kind = magic;
	}
	*(u32 *)(s->data + start + 4) = kind;
	s->len = start + 16;
	if (kind == MAGIC_NAMESPACE) {
		u64 operations = POINTER_BY(s, struct ns_common, POINTER_BY(s, struct inode, inode, i_private), ops);
		put_name(s, start + 16, POINTER_BY(s, struct proc_ns_operations, operations, name));
	} else if (kind > 1) {
		put_name(s, start + 16, POINTER_BY(s, struct dentry, s->walk.dentry, d_name.name));
	} else if (is_top && s->walk.root != s->walk.dentry) {
		// Of no file system that is mounted: memfd and the like.
		put_name(s, start + 16, POINTER_BY(s, struct dentry, s->walk.dentry, d_name.name));
		*(u32 *)(s->data + start + 4) = 1;
	} else {
		bpf_loop(COMPONENTS_MAX, walk_up, NULL, 0);
		if (!s->walk.is_whole) {
			s->len = start;
			return 0;
		}
	}
	u32 end = s->len;
	item_head(s, start, tag + RAW_PATH, index, (end - start - 4) & 0xffff);
	return 1;
}

// The open file behind a descriptor of the thread that runs; 0: none.
INLINE u64 own_file(struct scratch *s, u32 fd)
{
	u64 table = POINTER_BY(s, struct task_struct, bpf_get_current_task_btf(), files);
	u64 descriptors = POINTER_BY(s, struct files_struct, table, fdt);
	PAIR_BY(s, struct fdtable, descriptors, max_fds, fd);
	if (fd >= (u32)s->pair[0])
		return 0;
	bpf_probe_read_kernel(&s->word, sizeof(s->word), (void *)(s->pair[1] + (u64)fd * 8));
	return s->word;
}

INLINE u64 inode_of(u64 file)
{
	u64 inode = 0;
	READ(inode, struct file, file, f_inode);
	return inode;
}

// A number for an open file that was not known, or that stands where one that was closed stood.
INLINE u32 new_serial(struct scratch *s, u64 file, u64 inode)
{
	// The kernel gives the memory of a closed file to the next: to write there is a fraction of the work.
	s->file = file;
	s->known.inode = inode;
	s->known.serial = __sync_fetch_and_add(&last_serial, 1) + 1;
	struct known_file *known = bpf_map_lookup_elem(&files, &s->file);
	if (known)
		*known = s->known;
	else
		bpf_map_update_elem(&files, &s->file, &s->known, 0);
	return s->known.serial;
}

// Appends the path of an open file.
INLINE void put_file_path(struct scratch *s, u32 index, u64 file, u64 inode)
{
	// What a program with other privileges has open is not its user's business.
	if (!may_read(bpf_get_current_task_btf()))
		return;
	PAIR_BY(s, struct file, file, f_path.mnt, f_path.dentry);
	put_path(TAG_PATH, index, s->pair[0], s->pair[1], inode);
}

// Appends the path of the directory that the thread that runs is in.
INLINE void put_directory(struct scratch *s, struct task_struct *task)
{
	u64 fs = POINTER_BY(s, struct task_struct, task, fs);
	if (!fs)
		return;
	u64 mount = POINTER_BY(s, struct fs_struct, fs, pwd.mnt);
	u64 dentry = POINTER_BY(s, struct fs_struct, fs, pwd.dentry);
	put_path(TAG_CWD, INDEX_NONE, mount, dentry, POINTER_BY(s, struct dentry, dentry, d_inode));
}

// Begins a record in the scratch that has no body yet.
INLINE void begin_record(struct scratch *s, u32 tid, u64 time)
{
	*(u32 *)(s->data + 4) = tid;
	*(u64 *)(s->data + 8) = time;
}

// Completes the record in the scratch: its length, its kind, its padding.
INLINE u32 end_record(struct scratch *s, u32 kind)
{
	u32 len = s->len;
	// What the compiler knows of the length, the verifier of Linux 6.1 has forgotten: the test has to stay.
	OPAQUE(len);
	if (len > SCRATCH_ROOM + 2 * 4096)
		return 0;
	*(u32 *)(s->data + len) = 0;
	len = (len + 3) & ~3u;
	*(u32 *)s->data = first_word(kind | KIND_RAW, len);
	return len;
}

// Tells a file that was not known: its serial number and its path.
SEPARATE u32 tell_file(u32 tid, u64 file)
{
	struct scratch *s = scratch();
	u64 inode = inode_of(file);
	if (!s || !inode)
		return 0;
	u32 serial = new_serial(s, file, inode);
	begin_record(s, tid, clock_ns());
	*(u64 *)(s->data + 16) = serial;
	s->len = 24;
	put_file_path(s, INDEX_NONE, file, inode);
	u32 len = end_record(s, KIND_FILE);
	OPAQUE(len);
	if (len > SCRATCH_ROOM)
		return serial;
	put_stamped(&s->stamp, len);
	return serial;
}

// The serial number of the open file behind a descriptor; 0: there is none.
SEPARATE u32 look_up_serial(u32 tid, u32 fd)
{
	struct scratch *s = scratch();
	u64 file = s ? own_file(s, fd) : 0;
	if (!file)
		return 0;
	s->file = file;
	struct known_file *known = bpf_map_lookup_elem(&files, &s->file);
	return known && known->inode == inode_of(file) ? known->serial : tell_file(tid, file);
}

INLINE void remember(struct cached *cache, u32 fd, u32 serial, u32 since)
{
	struct cached *cached = &cache[fd & (CACHED - 1)];
	cached->fd = fd;
	cached->serial = serial;
	cached->changes = since;
}

// The same, from what the thread remembers if that is still true.
INLINE u32 serial_of(struct cached *cache, u32 tid, u32 fd)
{
	struct cached *cached = &cache[fd & (CACHED - 1)];
	u32 now = changes + 1;
	if (cached->fd == fd && cached->changes == now)
		return cached->serial;
	u32 serial = look_up_serial(tid, fd);
	if (!serial)
		return 0;
	remember(cache, fd, serial, now);
	return serial;
}

// Identity and path of the file behind a descriptor that a call made; its serial number. `is_new`: it was opened by this call.
SEPARATE u32 put_made_file(u32 index, u32 fd, u32 is_new)
{
	struct scratch *s = scratch();
	u32 serial = 0;
	if (!s)
		return 0;
	u64 file = own_file(s, fd);
	u64 inode = inode_of(file);
	if (!file || !inode)
		return 0;
	if (!is_new) {
		s->file = file;
		struct known_file *known = bpf_map_lookup_elem(&files, &s->file);
		if (known && known->inode == inode)
			serial = known->serial;
	}
	if (!serial)
		serial = new_serial(s, file, inode);
	put_number(TAG_IDENTITY, index, serial);
	put_file_path(s, index, file, inode);
	return serial;
}

struct raw_socket {
	u32 head;
	u8 family, type, protocol, path_len;
	u16 local_port, remote_port; // local in host order, remote in network order
	u8 local[16], remote[16];
	u32 peer_len;
};

// Text of a unix socket's address behind the item in the scratch.
INLINE u32 put_unix_name(struct scratch *s, u64 socket)
{
	u64 address = 0;
	s32 len = 0;
	READ(address, struct unix_sock, socket, addr);
	if (!address)
		return 0;
	READ(len, struct unix_address, address, len);
	len -= 2; // the family
	u32 at = s->len;
	if (at > SCRATCH_ROOM || len <= 0 || len > 108)
		return 0;
	u32 count = len;
	OPAQUE(count);
	count &= 127;
	if (!count || bpf_probe_read_kernel(s->data + at, count, (void *)address + OFFSET(struct unix_address, name) + 2))
		return 0;
	s->len = at + count;
	return count;
}

// What the socket behind a descriptor is connected with.
SEPARATE int put_socket(u32 index, u32 fd)
{
	struct scratch *s = scratch();
	u64 socket = 0, sock = 0, peer = 0;
	struct raw_socket raw = {};
	u16 mode = 0, word = 0;
	if (!s)
		return 0;
	u64 file = own_file(s, fd);
	u64 inode = inode_of(file);
	if (!file || !inode)
		return 0;
	u32 at = s->len;
	if (at > SCRATCH_ROOM)
		return 0;
	READ(mode, struct inode, inode, i_mode);
	if ((mode & TYPE_MASK) != TYPE_SOCKET)
		return 0;
	READ(socket, struct file, file, private_data);
	READ(sock, struct socket, socket, sk);
	if (!sock)
		return 0;
	READ(word, struct sock_common, sock, skc_family);
	raw.family = word;
	READ(word, struct sock, sock, sk_type);
	raw.type = word;
	READ(word, struct sock, sock, sk_protocol);
	raw.protocol = word;
	if (raw.family == 2 || raw.family == 10) {
		READ(raw.local_port, struct sock_common, sock, skc_num);
		READ(raw.remote_port, struct sock_common, sock, skc_dport);
	}
	if (raw.family == 2) {
		bpf_probe_read_kernel(raw.local, 4, (void *)sock + OFFSET(struct sock_common, skc_rcv_saddr));
		bpf_probe_read_kernel(raw.remote, 4, (void *)sock + OFFSET(struct sock_common, skc_daddr));
	} else if (raw.family == 10) {
		bpf_probe_read_kernel(raw.local, 16, (void *)sock + OFFSET(struct sock_common, skc_v6_rcv_saddr));
		bpf_probe_read_kernel(raw.remote, 16, (void *)sock + OFFSET(struct sock_common, skc_v6_daddr));
	} else if (raw.family == 16) {
		bpf_probe_read_kernel(raw.local, 4, (void *)sock + OFFSET(struct netlink_sock, portid));
	}
	s->len = at + sizeof(raw);
	if (raw.family == 1) {
		raw.path_len = put_unix_name(s, sock);
		READ(peer, struct unix_sock, sock, peer);
		if (peer)
			raw.peer_len = put_unix_name(s, peer);
		raw.remote[0] = peer != 0;
	}
	raw.head = TAG_RAW_SOCKET | index << 8 | (s->len - at - 4) << 16;
	__builtin_memcpy(s->data + at, &raw, sizeof(raw));
	return 1;
}

// One of them, and what it is open on.
static long put_passed(u64 turn, void *unused)
{
	struct scratch *s = scratch();
	s32 fd = -1;
	if (!s)
		return 1;
	bpf_probe_read_user(&fd, sizeof(fd), (void *)(s->passing.address + turn * 4));
	put_made_file(s->passing.index, fd, 0);
	return 0;
}

// Descriptors that user memory holds. What they are open on (`with_paths`) is told by `write_rich`, nearer to the stack's beginning.
INLINE int put_descriptors(struct scratch *s, u32 index, u64 address, u32 count, u32 with_paths)
{
	if (count > PASSED_MAX)
		count = PASSED_MAX;
	if (!put_memory(TAG_INTS, index, address, count * 4))
		return 0;
	if (with_paths) {
		s->passing.address = address;
		s->passing.index = index;
		s->passing.count = count;
	}
	return 1;
}
