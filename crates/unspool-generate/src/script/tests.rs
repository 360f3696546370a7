use super::*;
use crate::commands::Stream;

fn command(argv: &[&[u8]]) -> Command {
    Command {
        argv: argv.iter().map(|word| word.to_vec()).collect(),
        cwd: b"/w".to_vec(),
        set: Vec::new(),
        unset: Vec::new(),
        streams: Vec::new(),
        start_ns: 0,
        end_ns: 1,
        ended_by: None,
        family: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn a_line_says_all_that_a_shell_needs() {
    let mut one = command(&[b"cat", b"a b"]);
    one.set.push((b"X".to_vec(), b"it's".to_vec()));
    one.unset.push(b"Y".to_vec());
    one.streams.push(Stream {
        fd: 2,
        target: Target::File(">>", b"/log".to_vec()),
    });
    let mut two = command(&[b"A=1"]);
    two.cwd = b"/other".to_vec();
    two.streams.push(Stream {
        fd: 1,
        target: Target::File(">", b"/o$(x)".to_vec()),
    });
    two.streams.push(Stream {
        fd: 2,
        target: Target::Same(1),
    });
    let pipeline = Pipeline {
        stages: vec![vec![one], vec![two]],
        start_ns: 0,
        end_ns: 1,
    };
    assert_eq!(
        String::from_utf8(line(&pipeline, b"/w")).expect("text"),
        r"env -u Y X='it'\''s' cat 'a b' 2>> /log | (cd -- /other && command 'A=1' > '/o$(x)' 2>&1)"
    );
}
