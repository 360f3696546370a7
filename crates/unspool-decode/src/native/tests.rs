use unspool_model::event::{Call, Diagnostic, Event, EventSink, Kind, Reason};

use super::format::{INDEX_NONE, INDEX_RESULT, kind, tag};
use super::write::{CallHead, RecordWriter, StreamHead};
use super::{NativeDecoder, Stats};

/// Prints what it gets, one line each.
#[derive(Default)]
struct Lines {
    text: String,
    events: u64,
    reasons: Vec<(u64, Reason)>,
}

impl EventSink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        let tid = event.tid.map_or(0, |tid| tid.0);
        let line = match event.kind {
            Kind::Call(call) => call_line("", &call),
            Kind::CallBegin(call) => call_line("begin ", &call),
            kind => format!("{kind:?}"),
        };
        self.text
            .extend([&format!("{} {tid} ", event.time_ns), &line, "\n"]);
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.reasons.push((diagnostic.offset, diagnostic.reason));
        assert!(diagnostic.excerpt.len() <= super::EXCERPT_BYTES_MAX);
    }
}

fn call_line(prefix: &str, call: &Call<'_>) -> String {
    format!(
        "{prefix}{} {:?} {:?} {:?} {}",
        String::from_utf8_lossy(call.name.as_bytes()),
        call.args.as_slice(),
        call.outcome,
        call.duration_ns,
        String::from_utf8_lossy(call.result_path),
    )
}

fn decode(chunks: &[&[u8]]) -> (Lines, Stats) {
    let mut lines = Lines::default();
    let mut decoder = NativeDecoder::new();
    for chunk in chunks {
        decoder.push(chunk, &mut lines);
    }
    decoder.finish(&mut lines);
    (lines, decoder.stats())
}

#[track_caller]
fn check(writer: &RecordWriter, expect: &[&str]) {
    let (lines, stats) = decode(&[writer.bytes()]);
    assert_eq!(lines.reasons, [], "{}", lines.text);
    assert_eq!(lines.text.lines().collect::<Vec<_>>(), expect);
    assert!(stats.is_conserved(), "{stats:?}");
    assert_eq!(stats.skipped_bytes, 0);
}

/// Random numbers that are the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 8).unwrap() % limit
    }

    fn bytes(&mut self, limit: usize) -> Vec<u8> {
        (0..self.below(limit + 1))
            .map(|_| self.next().to_le_bytes()[3])
            .collect()
    }
}

fn x86(number: u16) -> CallHead {
    CallHead {
        number,
        architecture: 0,
        duration_ns: 500,
    }
}

fn negative(value: i64) -> u64 {
    value.cast_unsigned()
}

#[test]
fn calls_get_their_arguments_from_slots_and_items() {
    let mut writer = RecordWriter::default();
    // openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3</etc/passwd>
    writer.call(
        7,
        10,
        x86(257),
        [negative(-100), 0x7fff_0000_1000, 0o2_000_000, 0, 0, 0],
        Some(3),
    );
    writer.item(tag::PATH, 0, b"/home/me");
    writer.item(tag::STRING, 1, b"/etc/passwd");
    writer.item(tag::PATH, INDEX_RESULT, b"/etc/passwd");
    writer.end();
    // read(3, ..., 4096) = -EISDIR
    writer.call(
        7,
        20,
        x86(0),
        [3, 0x7fff_0000_1000, 4096, 0, 0, 0],
        Some(-21),
    );
    writer.item(tag::PATH, 0, b"/etc");
    writer.end();
    // pipe2([3, 4], 0) = 0, in 5 s
    let head = CallHead {
        duration_ns: 5_000_000_000,
        ..x86(293)
    };
    writer.call(7, 30, head, [0x7fff_0000_1000, 0, 0, 0, 0, 0], Some(0));
    writer.item(tag::INTS, 0, &[3, 0, 0, 0, 4, 0, 0, 0]);
    writer.end();
    // exit_group(1) = ?
    writer.call_begin(7, 40, 231, 0, [1, 0, 0, 0, 0, 0]);
    writer.end();
    writer.call(7, 40, x86(231), [1, 0, 0, 0, 0, 0], None);
    writer.end();
    check(
        &writer,
        &[
            &format!(
                "10 7 openat [Fd {{ fd: -100, path: {:?} }}, String {{ bytes: {:?}, cut: false }}, Number(524288), Number(0)] Returned(3) Some(500) /etc/passwd",
                b"/home/me", b"/etc/passwd"
            ),
            &format!(
                "20 7 read [Fd {{ fd: 3, path: {:?} }}, Number(140733193392128), Number(4096)] Failed(Errno(21)) Some(500) ",
                b"/etc"
            ),
            "30 7 pipe2 [Ints([3, 0, 0, 0, 4, 0, 0, 0]), Number(0)] Returned(0) Some(5000000000) ",
            "40 7 begin exit_group [Number(1)] Unfinished None ",
            "40 7 exit_group [Number(1)] Unfinished None ",
        ],
    );
}

#[test]
fn unknown_numbers_are_named_as_strace_names_them() {
    let mut writer = RecordWriter::default();
    writer.call(
        7,
        10,
        x86(0xf1f4),
        [0, 1, negative(-1), 0xffff_ffff, 1 << 40, 0],
        Some(i64::MIN),
    );
    writer.end();
    check(
        &writer,
        &[
            "10 7 syscall_0xf1f4 [Number(0), Number(1), Number(18446744073709551615), Number(4294967295), Number(1099511627776), Number(0)] Returned(-9223372036854775808) Some(500) ",
        ],
    );
}

#[test]
fn sockets_look_as_strace_prints_them() {
    let mut writer = RecordWriter::default();
    // accept(3, ...) = 4
    writer.call(7, 10, x86(43), [3, 0, 0, 0, 0, 0], Some(4));
    writer.item(tag::PATH, 0, b"socket:[11]");
    writer.item(tag::SOCKET, 0, b"\x02\x01\x06\x00127.0.0.1:80->0.0.0.0:0");
    writer.item(tag::PATH, INDEX_RESULT, b"socket:[12]");
    writer.item(
        tag::SOCKET,
        INDEX_RESULT,
        b"\x0a\x01\x06\0[::1]:80->[::1]:4711",
    );
    writer.end();
    // close(5) of a socket without ends
    writer.call(7, 20, x86(3), [5, 0, 0, 0, 0, 0], Some(0));
    writer.item(tag::PATH, 0, b"socket:[13]");
    writer.item(tag::SOCKET, 0, b"\x02\x02\x11\0");
    writer.end();
    // connect(6) to a path, without a name of its own; bind(7) of a netlink socket.
    writer.call(7, 30, x86(42), [6, 0, 0, 0, 0, 0], Some(0));
    writer.item(tag::PATH, 0, b"socket:[14]");
    writer.item(tag::SOCKET, 0, b"\x01\x01\0\0->/run/s");
    writer.end();
    writer.call(7, 40, x86(49), [7, 0, 0, 0, 0, 0], Some(0));
    writer.item(tag::SOCKET, 0, b"\x10\x03\0\0netlink:42->netlink:0");
    writer.end();
    let (lines, _) = decode(&[writer.bytes()]);
    let path = |text: &str| format!("path: {:?}", text.as_bytes());
    assert!(
        lines.text.contains(&path("TCP:[127.0.0.1:80]")),
        "{}",
        lines.text
    );
    assert!(
        lines
            .text
            .contains("Returned(4) Some(500) TCPv6:[[::1]:80->[::1]:4711]\n"),
        "{}",
        lines.text
    );
    assert!(
        lines.text.contains(&path("UNIX-STREAM:[14->/run/s]")),
        "{}",
        lines.text
    );
    assert!(lines.text.contains(&path("NETLINK:[42]")), "{}", lines.text);
    assert!(lines.text.contains(&path("UDP:[13]")), "{}", lines.text);
}

#[test]
fn operations_with_arguments_are_the_calls_that_do_the_same() {
    let mut writer = RecordWriter::default();
    let mut operation = |time: u64, number: u32, result: i64, arguments: Option<[u64; 5]>| {
        writer.begin(kind::RING_OPERATION, 7, time);
        writer.u32(300);
        writer.u32(number);
        writer.u32(0);
        writer.i32(4);
        writer.i64(result);
        writer.u64(16);
        if let Some(arguments) = arguments {
            let bytes: Vec<u8> = arguments
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect();
            writer.item(tag::ARGUMENTS, INDEX_NONE, &bytes);
            writer.item(tag::STRING, 1, b"f");
        }
        writer.end();
    };
    // Read, unlinkat that failed, close on a place of the ring's own.
    operation(10, 22, 16, None);
    operation(20, 36, -2, Some([0xffff_ff9c, 1, 0, 0, 0]));
    operation(30, 0x8013, 0, None);
    check(
        &writer,
        &[
            "10 7 read [Fd { fd: 4, path: [] }, Number(0), Number(16)] Returned(16) Some(300) ",
            "20 7 unlinkat [Fd { fd: -100, path: [] }, String { bytes: [102], cut: false }, Number(0)] Failed(Errno(2)) Some(300) ",
            "30 7 io_uring_operation [Fd { fd: 4, path: [] }, Number(0), Number(16)] Returned(0) Some(300) ",
        ],
    );
}

#[test]
fn open_flags_of_arm_are_told_in_the_numbers_of_the_table() {
    let mut writer = RecordWriter::default();
    // openat(AT_FDCWD, ..., O_DIRECTORY) is number 56 on aarch64, O_DIRECTORY 040000 there and 0200000 in the table.
    let head = CallHead {
        architecture: 1,
        ..x86(56)
    };
    writer.call(7, 10, head, [negative(-100), 1, 0o40_000, 0, 0, 0], Some(3));
    writer.end();
    check(
        &writer,
        &[
            "10 7 openat [Fd { fd: -100, path: [] }, Number(1), Number(65536), Number(0)] Returned(3) Some(500) ",
        ],
    );
}

#[test]
fn stored_descriptors_come_with_their_paths() {
    struct Stored(Vec<(i32, Vec<u8>)>);
    impl EventSink for Stored {
        fn event(&mut self, event: &Event<'_>) {
            let Kind::Call(call) = event.kind else {
                panic!("{event:?}")
            };
            let pair = call.args.fd_pair(0).into_iter().flatten();
            let received = call.args.received_fds(1);
            let all = pair.chain(received);
            self.0.extend(all.map(|fd| (fd.fd.0, fd.path.to_vec())));
        }
        fn diagnostic(&mut self, diagnostic: Diagnostic) {
            panic!("{diagnostic:?}")
        }
    }
    let mut writer = RecordWriter::default();
    // pipe2, then recvmsg with one descriptor, then pipe2 of which one path is missing.
    for paths in [2, 1] {
        writer.call(7, 10, x86(293), [0x7fff, 0, 0, 0, 0, 0], Some(0));
        writer.item(tag::INTS, 0, &[3, 0, 0, 0, 4, 0, 0, 0]);
        for _ in 0..paths {
            writer.item(tag::PATH, 0, b"pipe:[1]");
        }
        writer.end();
    }
    writer.call(7, 20, x86(47), [5, 0x7fff, 0, 0, 0, 0], Some(1));
    writer.item(tag::TOTAL, 1, &1_u64.to_le_bytes());
    writer.item(tag::INTS, 1, &[9, 0, 0, 0]);
    writer.item(tag::PATH, 1, b"/tmp/x");
    writer.end();
    let mut sink = Stored(Vec::new());
    NativeDecoder::new().push(writer.bytes(), &mut sink);
    let found = |fd: i32, path: &[u8]| (fd, path.to_vec());
    assert_eq!(
        sink.0,
        [
            found(3, b"pipe:[1]"),
            found(4, b"pipe:[1]"),
            found(3, b""),
            found(4, b""),
            found(9, b"/tmp/x"),
        ]
    );
}

#[test]
fn times_become_the_epoch_and_follow_clock_records() {
    let mut writer = RecordWriter::default();
    writer.stream(
        5,
        StreamHead {
            architecture: 0,
            clock: 1,
            recorder: 1,
            offset_ns: 1_000_000,
        },
    );
    writer.begin(kind::CONTINUE, 7, 10);
    writer.u64(0);
    writer.end();
    writer.begin(kind::CLOCK, 0, 10);
    writer.i64(-5);
    writer.end();
    writer.begin(kind::STOP, 7, 10);
    writer.u32(19);
    writer.u32(0);
    writer.end();
    let (lines, stats) = decode(&[writer.bytes()]);
    let lines: Vec<_> = lines.text.lines().collect();
    assert_eq!(
        (lines[0], lines[2]),
        ("1000010 7 Continue", "1000010 7 Stop(19)")
    );
    // A millisecond and 5 ns back.
    let told = format!("{:?}", b"the wall clock jumped to -0.001 s");
    assert!(
        lines[1].contains(told.trim_matches(['[', ']'])),
        "{}",
        lines[1]
    );
    assert!(stats.is_conserved(), "{stats:?}");
}

#[test]
fn process_records_keep_their_descriptors() {
    struct Descriptors(Vec<(i32, u32, Vec<u8>)>);
    impl EventSink for Descriptors {
        fn event(&mut self, event: &Event<'_>) {
            let Kind::Process(state) = event.kind else {
                panic!("{event:?}")
            };
            assert_eq!(
                (state.pid.0, state.parent.0, state.start_ns),
                (9, 1, Some(77))
            );
            assert_eq!(state.argv.iter().collect::<Vec<_>>(), [&b"sh"[..], b"-c"]);
            assert_eq!(state.argv.count, 3);
            assert_eq!(state.user, Some((1000, 100)));
            self.0.extend(
                state
                    .descriptors()
                    .map(|(fd, flags, path)| (fd.0, flags, path.to_vec())),
            );
        }
        fn diagnostic(&mut self, diagnostic: Diagnostic) {
            panic!("{diagnostic:?}")
        }
    }
    let mut writer = RecordWriter::default();
    writer.begin(kind::PROCESS, 9, 80);
    writer.u32(9);
    writer.u32(1);
    writer.u64(77);
    writer.strings(tag::ARGV, INDEX_NONE, 3, &[b"sh", b"-c"]);
    writer.item_of(
        tag::USER,
        INDEX_NONE,
        &[&1000_u32.to_le_bytes(), &100_u32.to_le_bytes()],
    );
    for fd in [0_i32, 255] {
        writer.item_of(
            tag::FD,
            INDEX_NONE,
            &[&fd.to_le_bytes(), &2_u32.to_le_bytes(), b"/dev/null"],
        );
    }
    writer.end();
    let mut sink = Descriptors(Vec::new());
    NativeDecoder::new().push(writer.bytes(), &mut sink);
    let null = b"/dev/null".to_vec();
    assert_eq!(sink.0, [(0, 2, null.clone()), (255, 2, null)]);
}

/// Counted calls, with and without a word about those that were not timed.
#[test]
fn counted_calls_say_how_many_were_not_timed() {
    struct Counted(Vec<(u64, u64)>);
    impl EventSink for Counted {
        fn event(&mut self, event: &Event<'_>) {
            let Kind::Folded(folded) = event.kind else {
                panic!("{event:?}")
            };
            self.0.push((folded.calls, folded.untimed));
        }
        fn diagnostic(&mut self, diagnostic: Diagnostic) {
            panic!("{diagnostic:?}")
        }
    }
    let mut writer = RecordWriter::default();
    for untimed in [None, Some(0), Some(700), Some(5000)] {
        writer.begin(kind::FOLDED, 9, 80);
        writer.u32(0);
        writer.u32(3);
        for number in [1000, 0, 1000, 250_000] {
            writer.u64(number);
        }
        writer.item(tag::IDENTITY, 0, &7_u64.to_le_bytes());
        if let Some(untimed) = untimed {
            writer.item(tag::UNTIMED, INDEX_NONE, &u32::to_le_bytes(untimed));
        }
        writer.end();
    }
    let mut sink = Counted(Vec::new());
    NativeDecoder::new().push(writer.bytes(), &mut sink);
    // Never more than there were.
    assert_eq!(sink.0, [(1000, 0), (1000, 0), (1000, 700), (1000, 1000)]);
}

/// A record of every kind, with random numbers and items.
fn random_record(random: &mut Random, writer: &mut RecordWriter) {
    let tid = u32::try_from(random.below(5)).unwrap();
    let time = random.next() >> random.below(64);
    let architecture = u8::try_from(random.below(4)).unwrap();
    let number = u16::try_from(random.below(500)).unwrap();
    let slots = [(); 6].map(|()| random.next() >> random.below(64));
    match random.below(4) {
        0 => writer.call_begin(tid, time, number, architecture, slots),
        1 => {
            let kind = [
                kind::FORK,
                kind::EXEC,
                kind::EXIT,
                kind::SIGNAL,
                kind::PROCESS,
                kind::GAP,
                kind::FOLDED,
                kind::SAMPLE,
                kind::NOTE,
                kind::CLOCK,
                kind::COUNTS,
                kind::STOP,
                kind::CONTINUE,
                kind::RING_OPERATION,
                200,
            ][random.below(15)];
            writer.begin(kind, tid, time);
            let words = match kind {
                kind::FORK | kind::SIGNAL | kind::PROCESS | kind::SAMPLE => 4,
                kind::EXEC | kind::EXIT | kind::CLOCK | kind::STOP | kind::CONTINUE => 2,
                kind::GAP => 6,
                kind::FOLDED => 10,
                kind::COUNTS | kind::RING_OPERATION => 8,
                _ => 0,
            };
            for _ in 0..words {
                writer.u32(u32::try_from(random.next() >> 40).unwrap());
            }
        }
        _ => {
            let head = CallHead {
                number,
                architecture,
                duration_ns: random.next() >> random.below(64),
            };
            let result =
                (random.below(8) > 0).then(|| random.next().cast_signed() >> random.below(64));
            writer.call(tid, time, head, slots, result);
        }
    }
    for _ in 0..random.below(6) {
        let tag = match random.below(8) {
            0 => tag::ARGUMENTS,
            _ => 1 + u8::try_from(random.below(27)).unwrap(),
        };
        let index = [0, 1, 2, 5, 6, INDEX_RESULT, INDEX_NONE][random.below(7)];
        let limit = [8, 40, 70_000][random.below(50).saturating_sub(47)];
        let mut value = vec![0; 8];
        value.extend(random.bytes(limit));
        assert!(writer.item(tag, index, &value));
    }
    writer.end();
}

fn random_stream(random: &mut Random) -> Vec<u8> {
    let mut writer = RecordWriter::default();
    for _ in 0..=random.below(12) {
        random_record(random, &mut writer);
    }
    writer.bytes().to_vec()
}

fn random_chunks<'a>(random: &mut Random, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let largest = [1, 7, 64, 100_000][random.below(4)];
    while !bytes.is_empty() {
        let (head, tail) = bytes.split_at(random.below(largest + 1).min(bytes.len()));
        chunks.push(head);
        bytes = tail;
    }
    chunks
}

#[test]
fn any_records_in_any_chunks_give_the_same_events() {
    let mut random = Random(0x5eed_0001);
    for round in 0..600 {
        let bytes = random_stream(&mut random);
        let (whole, stats) = decode(&[&bytes]);
        assert!(stats.is_conserved(), "{stats:?}");
        assert_eq!(stats.damaged, 0, "round {round}");
        assert_eq!(stats.skipped_bytes, 0);
        assert_eq!(
            whole.events,
            stats.calls + stats.begins + stats.others + stats.samples
        );
        let chunks = random_chunks(&mut random, &bytes);
        let (pieces, pieces_stats) = decode(&chunks);
        assert_eq!(pieces.text, whole.text, "round {round}");
        assert_eq!(pieces.reasons, whole.reasons);
        assert_eq!(pieces_stats, stats);
    }
}

#[test]
fn damage_never_panics_and_reads_alike_in_any_chunks() {
    let mut random = Random(0x5eed_0002);
    for round in 0..1_500 {
        let mut bytes = random_stream(&mut random);
        for _ in 0..=random.below(8) {
            let at = random.below(bytes.len());
            bytes[at] = random.next().to_le_bytes()[5];
        }
        bytes.truncate(1 + random.below(bytes.len()));
        let (whole, stats) = decode(&[&bytes]);
        assert!(stats.is_conserved(), "{stats:?}");
        let chunks = random_chunks(&mut random, &bytes);
        let (pieces, pieces_stats) = decode(&chunks);
        assert_eq!(pieces.text, whole.text, "round {round}");
        assert_eq!(pieces.reasons, whole.reasons, "round {round}");
        assert_eq!(pieces_stats, stats, "round {round}");
    }
}

#[test]
fn a_frame_that_is_damaged_does_not_spoil_the_next() {
    let mut writer = RecordWriter::default();
    writer.begin(kind::NOTE, 0, 1);
    writer.item(tag::TEXT, INDEX_NONE, b"hello");
    writer.end();
    let mut lines = Lines::default();
    let mut decoder = NativeDecoder::new();
    decoder.push(&[12, 0, 0, 0, 1, 2, 3], &mut lines);
    decoder.push(writer.bytes(), &mut lines);
    assert_eq!(lines.text, "");
    decoder.resync(&mut lines);
    decoder.push(writer.bytes(), &mut lines);
    decoder.push(&writer.bytes()[..9], &mut lines);
    decoder.resync(&mut lines);
    decoder.push(writer.bytes(), &mut lines);
    assert_eq!(lines.text.matches("Note").count(), 2);
    let len = writer.bytes().len() as u64;
    assert_eq!(
        lines.reasons,
        [(0, Reason::BadRecord), (7 + 2 * len, Reason::CutAtEnd)]
    );
    assert_eq!(decoder.stats().skipped_bytes, 7 + len + 9);
}

#[test]
fn an_unknown_version_is_refused() {
    let mut writer = RecordWriter::default();
    writer.begin(kind::STREAM, 0, 0);
    writer.u16(2);
    writer.u16(0);
    writer.u32(1);
    writer.i64(0);
    writer.end();
    let (lines, stats) = decode(&[writer.bytes()]);
    assert_eq!(lines.reasons, [(0, Reason::BadRecord)]);
    assert_eq!((stats.damaged, stats.steering), (1, 0));
}

#[test]
fn a_record_over_the_limit_is_refused_by_the_writer() {
    let mut writer = RecordWriter::default();
    writer.begin(kind::NOTE, 0, 1);
    assert!(!writer.item(tag::TEXT, INDEX_NONE, &vec![b'x'; super::RECORD_BYTES_MAX]));
    assert!(writer.item(
        tag::TEXT,
        INDEX_NONE,
        &vec![b'x'; super::RECORD_BYTES_MAX - 40]
    ));
    writer.end();
    let (lines, stats) = decode(&[writer.bytes()]);
    assert_eq!(lines.reasons, []);
    assert_eq!(stats.others, 1);
}

#[test]
fn samples_and_groups_are_read() {
    let mut writer = RecordWriter::default();
    writer.begin(kind::SAMPLE, 7, 1_000);
    writer.u64(500);
    writer.u32(7);
    writer.u32(super::format::sample::LAST);
    writer.item(tag::AMOUNT, 0, &300_u64.to_le_bytes());
    writer.item(tag::AMOUNT, 3, &4096_u64.to_le_bytes());
    // An amount of a later version.
    writer.item(tag::AMOUNT, 200, &1_u64.to_le_bytes());
    writer.end();
    writer.begin(kind::SAMPLE, 0, 1_000);
    writer.u64(500);
    writer.u32(0);
    writer.u32(0);
    writer.item(tag::GROUP, INDEX_NONE, b"/docker/x");
    writer.item(tag::AMOUNT, 0, &[1, 2]);
    writer.end();
    writer.begin(kind::EXEC, 7, 2_000);
    writer.u32(7);
    writer.u32(7);
    writer.item(tag::GROUP, INDEX_NONE, b"/docker/x");
    writer.item(tag::CONTAINER, INDEX_NONE, b"web");
    writer.end();
    let (lines, stats) = decode(&[writer.bytes()]);
    for part in [
        "subject: Process(Pid(7)), duration_ns: 500, is_last: true, usage: Usage { cpu_ns: Some(300)",
        "rss_bytes: Some(4096)",
        "subject: Group([47, 100",
        "group: Group { path: Some([47, 100, 111, 99, 107, 101, 114, 47, 120]), container: [119, 101, 98] }",
    ] {
        assert!(lines.text.contains(part), "{part}\n{}", lines.text);
    }
    assert_eq!((stats.samples, stats.unknown_items), (2, 1));
    // The amount of two bytes.
    assert_eq!(lines.reasons.len(), 1);
    assert!(stats.is_conserved());
}
