//! A trace in the pieces that strace writes, with what the program writes put between them at every possible place.

use std::collections::BTreeMap;

use unspool_model::event::{Diagnostic, Event, EventSink, Kind};

use crate::decoder::{DecodeStats, Decoder as _, DecoderOptions};
use crate::strace::StraceDecoder;

/// What must not depend on where output appears.
#[derive(Default, PartialEq, Eq, Debug)]
struct Told {
    calls: BTreeMap<String, u32>,
    output: Vec<u8>,
    losses: Vec<String>,
}

impl EventSink for Told {
    fn event(&mut self, event: &Event<'_>) {
        let tid = event.tid.map_or(0, |tid| tid.0);
        let line = match &event.kind {
            Kind::Call(call) => {
                let args: Vec<String> = call
                    .args
                    .as_slice()
                    .iter()
                    .map(|arg| match arg {
                        unspool_model::args::Arg::Text(text) => text.escape_ascii().to_string(),
                        other => format!("{other:?}"),
                    })
                    .collect();
                let name = call.name.as_bytes().escape_ascii();
                format!("{tid} {name}({}) {:?}", args.join("|"), call.outcome)
            }
            Kind::Output(output) => {
                self.output.extend_from_slice(output);
                self.output.retain(|byte| *byte != b'\n');
                return;
            }
            other => format!("{tid} {other:?}"),
        };
        *self.calls.entry(line).or_default() += 1;
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        if diagnostic.reason.is_loss() {
            let excerpt = diagnostic.excerpt.escape_ascii();
            let line = diagnostic.line;
            self.losses
                .push(format!("{line}: {}: {excerpt}", diagnostic.reason.as_str()));
        }
    }
}

fn decode(log: &[u8]) -> (Told, DecodeStats) {
    let mut told = Told::default();
    let mut decoder = StraceDecoder::new(&DecoderOptions::default());
    decoder.push(log, &mut told);
    decoder.finish(&mut told);
    (told, decoder.stats())
}

/// Pieces that strace writes: `{N}` is the front of a line of thread N, `{W}` the output as strace shows it with its
/// length. From the piece with `{W}` on, output may appear before any piece up to the one with `<... write resumed>`.
const TRACES: &[&[&str]] = &[
    &[
        "{2}write(1, {W}",
        " <unfinished ...>\n",
        "{1}wait4(-1, ",
        "strace: Process 3 attached\n",
        " <unfinished ...>\n",
        "{3}set_robust_list(0x7f5e, 24",
        ")    = 0\n",
        "{3}rt_sigprocmask(SIG_SETMASK, ~[RTMIN RT_1], ",
        "[], 8) = 0\n",
        "{3}close(3",
        ")                = 0\n",
        "{3}getpid(",
        ")                = 3\n",
        "{3}openat(AT_FDCWD, \"a, (b\", O_RDONLY",
        ") = -1 ENOENT (No such file or directory)\n",
        "{3}pipe2(",
        " <unfinished ...>\n",
        "{2}<... write resumed>)         = {N}\n",
        "{3}<... pipe2 resumed>[3, 4], O_CLOEXEC) = 0\n",
        "{3}exit_group(0",
        ")            = ?\n",
        "{3}+++ exited with 0 +++\n",
        "{1}<... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 3\n",
        "{1}--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=3, si_uid=0, si_status=0} ---\n",
        "{2}exit_group(0",
        ")            = ?\n",
    ],
    &[
        "{2}write(2</dev/pts/0>, {W}",
        "strace: Process 3 attached\n",
        " <unfinished ...>\n",
        "{1}clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD",
        "strace: Process 4 attached\n",
        ", child_tidptr=0x7fc79377ca10) = 4\n",
        "{1}wait4(-1, ",
        "0x7ffcb7eda7fc, WNOHANG, NULL) = 0\n",
        "{3}nanosleep({tv_sec=1, tv_nsec=0}, ",
        " <unfinished ...>\n",
        "{4}write(3, \"other\\n\", 6",
        ") = 6\n",
        "{2}<... write resumed>)  = {N}\n",
        "{4}exit_group(0",
        ")            = ?\n",
        "{3}<... nanosleep resumed>NULL)  = 0\n",
    ],
];

/// What is written: as strace shows it, and as it is.
const OUTPUTS: &[(&str, &str)] = &[
    ("\"12\\n\", 3", "12\n"),
    ("\"a) = 3 \", 7", "a) = 3 "),
    ("\"abc\", 3", "abc"),
    ("\"one\\ntwo\\n\", 8", "one\ntwo\n"),
    ("\"one\\ntwo\", 7", "one\ntwo"),
    ("\"\\n\", 1", "\n"),
    ("\"\\n\\n\", 2", "\n\n"),
    ("\"$ \", 2", "$ "),
    (
        "\"libdir = \\\"/usr/lib64/and so on f\"..., 41",
        "libdir = \"/usr/lib64/and so on for long\n\n",
    ),
];

/// Fronts of lines: of `strace -f`, and with times.
const FRONTS: [&str; 2] = ["[pid {}] ", "[pid {}] 1700000052.321000 "];

fn piece(text: &str, front: &str, shown: &str, len: usize) -> String {
    let mut text = text.replace("{W}", shown).replace("{N}", &len.to_string());
    for thread in 1..=4 {
        let front = front.replace("{}", &format!("{thread:>5}"));
        text = text.replace(&format!("{{{thread}}}"), &front);
    }
    text
}

#[test]
fn output_between_any_two_pieces_is_separated() {
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (trace, front) in TRACES
        .iter()
        .flat_map(|trace| FRONTS.map(|front| (trace, front)))
    {
        for (shown, output) in OUTPUTS {
            let pieces: Vec<String> = trace
                .iter()
                .map(|text| piece(text, front, shown, output.len()))
                .collect();
            let (plain, _) = decode(pieces.concat().as_bytes());
            assert_eq!(plain.losses, Vec::<String>::new(), "{}", pieces.concat());
            let until = pieces
                .iter()
                .position(|piece| piece.contains("<... write resumed>"))
                .expect("an end");
            for place in 1..=until {
                let (before, after) = pieces.split_at(place);
                let log = [&before.concat(), *output, &after.concat()].concat();
                let (told, stats) = decode(log.as_bytes());
                let expected: Vec<u8> = output.bytes().filter(|byte| *byte != b'\n').collect();
                tried += 1;
                if told.calls != plain.calls
                    || told.output != expected
                    || !told.losses.is_empty()
                    || !stats.is_conserved()
                {
                    let output = told.output.escape_ascii();
                    wrong.push(format!(
                        "{place}: {log}\n{:#?} {output} {:?}",
                        told.calls, told.losses
                    ));
                }
            }
        }
    }
    assert!(tried > 400, "{tried}");
    let some: String = wrong.iter().take(3).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {tried}, as {some}", wrong.len());
}

/// Real lines of `strace -f sh -c '(...) & wait'` where a message came while the other process was between the two
/// pieces of a call that prints arguments at its end.
#[test]
fn a_call_goes_on_behind_a_message_with_any_argument() {
    let log = "clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7fc79377ca10) = 21784\n\
         wait4(-1, strace: Process 21784 attached\n\
         0x7ffcb7eda7fc, WNOHANG, NULL) = 0\n\
         rt_sigprocmask(SIG_SETMASK, ~[RTMIN RT_1], strace: Process 21785 attached\n\
         [], 8) = 0\n\
         wait4(-1, strace: Process 21786 attached\n\
         [pid 21784] close(3)                = 0\n";
    let (told, stats) = decode(log.as_bytes());
    assert!(stats.is_conserved(), "{stats:?}");
    let has = |line: &str| told.calls.contains_key(line);
    assert!(
        has("0 wait4(-1|0x7ffcb7eda7fc|WNOHANG|NULL) Returned(0)"),
        "{told:#?}"
    );
    assert!(
        has("0 rt_sigprocmask(SIG_SETMASK|~[RTMIN RT_1]|[]|8) Returned(0)"),
        "{told:#?}"
    );
    // The tracer died in the middle of the third: what follows is whole.
    assert!(has("21784 close(3) Returned(0)"), "{told:#?}");
    assert_eq!(told.losses, ["6: not understood: wait4(-1, "]);
}

/// More writers than are waited for: the output of the others is still there, in lines of its own.
#[test]
fn open_writes_that_are_waited_for_have_a_limit() {
    let writers: Vec<usize> = (1..=super::PENDING_WRITES_MAX + 2).collect();
    let each = |line: &dyn Fn(usize) -> String| writers.iter().map(|tid| line(*tid)).collect();
    let log: [String; 3] = [
        each(&|tid| format!("[pid {tid}] write(1, \"<{tid:02}>\\n\", 5 <unfinished ...>\n")),
        each(&|tid| format!("<{tid:02}>\n")),
        each(&|tid| format!("[pid {tid}] <... write resumed>) = 5\n")),
    ];
    let (told, stats) = decode(log.concat().as_bytes());
    assert_eq!(told.losses, Vec::<String>::new());
    assert!(stats.is_conserved(), "{stats:?}");
    assert_eq!(stats.output_lines, writers.len() as u64);
    assert_eq!(told.calls.len(), writers.len());
    assert_eq!(told.output.len(), 4 * writers.len());
}
