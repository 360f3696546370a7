use std::fs;
use std::path::Path;

use super::{FRAME_BYTES_MAX, Frame, Loss, encode, first_header, salt};
use crate::{Closing, Manifest, RawPolicy, RunReader, RunState, RunWriter};

const ID: &str = "20261121-042731-7f3a";

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn bytes(&mut self, limit: usize) -> Vec<u8> {
        let len = self.below(limit);
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

type OwnedFrame = (u64, u16, u16, i64, Vec<u8>);

fn write(folder: &Path, pieces: &[Vec<u8>], raw: RawPolicy) {
    let mut run = RunWriter::create(folder, Manifest::new(ID)).unwrap();
    for (place, piece) in (0i64..).zip(pieces) {
        run.append(3, 9, piece, place * 100).unwrap();
    }
    run.close(&Closing { tables: None, raw }).unwrap();
}

fn read(folder: &Path) -> (Vec<OwnedFrame>, Vec<Loss>) {
    let reader = RunReader::open(folder).unwrap();
    let mut frames = reader.frames().unwrap();
    let mut found = Vec::new();
    while let Some(frame) = frames.next_frame() {
        found.push((
            frame.seq,
            frame.stream,
            frame.kind,
            frame.time_ns,
            frame.bytes.to_vec(),
        ));
    }
    (found, frames.losses().to_vec())
}

fn expected(pieces: &[Vec<u8>]) -> Vec<OwnedFrame> {
    (0i64..)
        .zip(pieces)
        .map(|(place, piece)| (place.cast_unsigned(), 3, 9, place * 100, piece.clone()))
        .collect()
}

#[test]
fn frames_come_back_plain_and_compressed() {
    let mut random = Random(1);
    let mut pieces: Vec<_> = (0..500).map(|_| random.bytes(2000)).collect();
    pieces.push(Vec::new());
    for raw in [RawPolicy::Keep, RawPolicy::Compress] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &pieces, raw);
        assert_eq!(read(folder.path()), (expected(&pieces), Vec::new()));
        let reader = RunReader::open(folder.path()).unwrap();
        assert_eq!(*reader.state(), RunState::Complete);
        let compressed = folder.path().join("raw/000001.seg.zst").exists();
        assert_eq!(compressed, raw == RawPolicy::Compress);
    }
}

#[test]
fn a_long_piece_is_split() {
    let folder = tempfile::tempdir().unwrap();
    let long = vec![7; FRAME_BYTES_MAX * 2 + 5];
    write(folder.path(), std::slice::from_ref(&long), RawPolicy::Keep);
    let (frames, losses) = read(folder.path());
    let lens: Vec<_> = frames.iter().map(|frame| frame.4.len()).collect();
    assert_eq!(lens, [FRAME_BYTES_MAX, FRAME_BYTES_MAX, 5]);
    assert_eq!(losses, []);
}

#[test]
fn a_damaged_frame_costs_only_itself() {
    let pieces: Vec<_> = (0..10u8).map(|n| vec![n; 1000]).collect();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &pieces, RawPolicy::Keep);
    let path = folder.path().join("raw/000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    // Somewhere in the fifth frame: a header of 32 bytes, then frames of 28 + 1000.
    bytes[32 + 4 * 1028 + 500] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (frames, losses) = read(folder.path());
    let mut expect = expected(&pieces);
    expect.remove(4);
    assert_eq!(frames, expect);
    assert_eq!(losses.len(), 2, "{losses:?}");
    assert_eq!((losses[0].offset, losses[0].bytes), (32 + 4 * 1028, 1028));
    assert_eq!(losses[1].frames, 1);
}

#[test]
fn a_cut_between_two_frames_is_noticed() {
    let pieces: Vec<_> = (0..10u8).map(|n| vec![n; 1000]).collect();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &pieces, RawPolicy::Keep);
    let path = folder.path().join("raw/000001.seg");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..32 + 7 * 1028]).unwrap();
    let (frames, losses) = read(folder.path());
    assert_eq!(frames, expected(&pieces[..7]));
    assert_eq!(losses.iter().map(|loss| loss.frames).sum::<u64>(), 3);
}

#[test]
fn frames_of_another_run_are_not_taken() {
    let pieces = vec![vec![1; 100], vec![2; 100]];
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(ours.path(), &pieces, RawPolicy::Keep);
    let mut run = RunWriter::create(theirs.path(), Manifest::new("other")).unwrap();
    run.append(3, 9, &pieces[0], 0).unwrap();
    run.append(3, 9, &pieces[1], 100).unwrap();
    run.close(&Closing {
        tables: None,
        raw: RawPolicy::Keep,
    })
    .unwrap();
    let name = "raw/000001.seg";
    fs::copy(theirs.path().join(name), ours.path().join(name)).unwrap();
    let (frames, losses) = read(ours.path());
    assert_eq!(frames, []);
    assert!(!losses.is_empty());
}

#[test]
fn an_almost_frame_in_the_payload_is_not_taken_for_one() {
    // A frame of this run with a number that is to come, inside of a payload whose own frame gets damaged.
    let mut fake = Vec::new();
    let frame = Frame {
        seq: 2,
        stream: 3,
        kind: 9,
        time_ns: 0,
        bytes: b"fake",
    };
    encode(&frame, salt("a guess"), &mut fake);
    let pieces = vec![vec![1; 10], fake, vec![3; 10]];
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &pieces, RawPolicy::Keep);
    let path = folder.path().join("raw/000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes[32 + 38 + 4] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (frames, losses) = read(folder.path());
    assert_eq!(
        frames.iter().map(|frame| frame.0).collect::<Vec<_>>(),
        [0, 2]
    );
    assert_eq!(frames[1].4, vec![3; 10]);
    assert!(!losses.is_empty());
}

#[test]
fn segments_roll_and_a_missing_one_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let pieces: Vec<_> = (0..70u8).map(|n| vec![n; FRAME_BYTES_MAX]).collect();
    write(folder.path(), &pieces, RawPolicy::Keep);
    let second = folder.path().join("raw/000002.seg");
    assert!(second.exists());
    let header = first_header(&folder.path().join("raw")).unwrap().unwrap();
    assert_eq!((header.number, header.first_seq), (1, 0));
    fs::remove_file(second).unwrap();
    let reader = RunReader::open(folder.path()).unwrap();
    let RunState::Incomplete(recovered) = reader.state() else {
        panic!("{:?}", reader.state());
    };
    let lost: u64 = recovered.losses.iter().map(|loss| loss.frames).sum();
    assert_eq!(recovered.totals.frames + lost, 70);
}

/// What was done to a file.
fn damage(random: &mut Random, bytes: &mut Vec<u8>) -> String {
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        2 => {
            bytes[at..].fill(0);
            format!("zeros from {at}")
        }
        _ => {
            let end = (at + 1 + random.below(300)).min(bytes.len());
            bytes[at..end].fill_with(|| random.next().to_le_bytes()[0]);
            format!("noise in {at}..{end}")
        }
    }
}

/// Test 22 of the reliability reference: every damage to a closed run is either noticed or without effect.
#[test]
fn ten_thousand_torn_or_flipped_runs_lose_nothing_silently() {
    let mut random = Random(22);
    let pieces: Vec<_> = (0..12).map(|_| random.bytes(200)).collect();
    let expect = expected(&pieces);
    let mut noticed = 0;
    for raw in [RawPolicy::Keep, RawPolicy::Compress] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &pieces, raw);
        let segment = match raw {
            RawPolicy::Keep => "raw/000001.seg",
            _ => "raw/000001.seg.zst",
        };
        for (name, rounds) in [(segment, 3500), ("run.json", 1500)] {
            let path = folder.path().join(name);
            let whole = fs::read(&path).unwrap();
            for round in 0..rounds {
                let mut bytes = whole.clone();
                let what = damage(&mut random, &mut bytes);
                fs::write(&path, &bytes).unwrap();
                let (frames, losses) = read(folder.path());
                let reader = RunReader::open(folder.path()).unwrap();
                let state_tells = *reader.state() != RunState::Complete;
                if state_tells || !losses.is_empty() {
                    noticed += 1;
                } else {
                    assert_eq!(frames, expect, "{name} {round}: {what}");
                }
                for frame in &frames {
                    assert!(
                        expect.contains(frame),
                        "{name} {round}: {what}: made up {frame:?}"
                    );
                }
            }
            fs::write(&path, &whole).unwrap();
        }
    }
    assert!(noticed > 9000, "{noticed}");
}

/// The same for a run that was never closed: what is found is a true part of what was written.
#[test]
fn torn_unclosed_runs_give_what_is_whole() {
    let mut random = Random(23);
    let pieces: Vec<_> = (0..12).map(|_| random.bytes(200)).collect();
    let expect = expected(&pieces);
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunWriter::create(folder.path(), Manifest::new(ID)).unwrap();
    for (place, piece) in (0i64..).zip(&pieces) {
        run.append(3, 9, piece, place * 100).unwrap();
    }
    drop(run);
    let path = folder.path().join("raw/000001.seg");
    let whole = fs::read(&path).unwrap();
    for round in 0..1000 {
        let mut bytes = whole.clone();
        let what = damage(&mut random, &mut bytes);
        fs::write(&path, &bytes).unwrap();
        let reader = RunReader::open(folder.path()).unwrap();
        assert_eq!(reader.state().name(), "incomplete");
        let (frames, losses) = read(folder.path());
        for frame in &frames {
            assert!(expect.contains(frame), "{round}: {what}");
        }
        let boundary = losses.is_empty();
        assert!(
            !boundary || frames[..] == expect[..frames.len()],
            "{round}: {what}"
        );
    }
}

#[test]
fn the_search_for_a_frame_gives_up_at_its_limit() {
    use super::scan::{Found, RESYNC_BYTES_MAX, Scanner};
    // Headers that could be frames of 1 MiB, one after the other: each costs a checksum over 1 MiB.
    let mut header = Vec::new();
    header.extend_from_slice(&u32::try_from(FRAME_BYTES_MAX).unwrap().to_le_bytes());
    header.extend_from_slice(&[0; 8]);
    header.extend_from_slice(&5u64.to_le_bytes());
    header.extend_from_slice(&[0; 8]);
    assert_eq!(header.len(), super::HEADER_LEN);
    let mut bytes = header.repeat(100_000);
    let all = bytes.len() as u64;
    assert!(all / 28 * FRAME_BYTES_MAX as u64 > RESYNC_BYTES_MAX * 100);
    let frame = Frame {
        seq: 6,
        stream: 0,
        kind: 0,
        time_ns: 0,
        bytes: b"whole",
    };
    encode(&frame, 0, &mut bytes);
    let mut scanner = Scanner::new(bytes.as_slice(), 0, 0);
    let Found::Damage {
        offset: 0,
        bytes: lost,
        at_end: true,
        ..
    } = scanner.next(5).unwrap()
    else {
        panic!("the frame behind the limit was found");
    };
    assert_eq!(lost, bytes.len() as u64);
    assert_eq!(scanner.next(5).unwrap(), Found::End);
}

#[test]
fn a_list_of_losses_has_a_limit() {
    let pieces: Vec<_> = (0..2500u32).map(|_| vec![1; 10]).collect();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &pieces, RawPolicy::Keep);
    let path = folder.path().join("raw/000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    for frame in (0..2500).step_by(2) {
        bytes[32 + frame * 38 + 30] ^= 1;
    }
    fs::write(&path, bytes).unwrap();
    let (frames, losses) = read(folder.path());
    assert_eq!(frames.len(), 1250);
    assert_eq!(losses.len(), super::segments::LOSSES_MAX);
    assert_eq!(losses.iter().map(|loss| loss.frames).sum::<u64>(), 1250);
}

#[test]
fn every_byte_of_a_segment_is_in_a_frame_or_counted() {
    let mut random = Random(5);
    let pieces: Vec<_> = (0..12).map(|_| random.bytes(200)).collect();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &pieces, RawPolicy::Keep);
    let whole = fs::read(folder.path().join("raw/000001.seg")).unwrap();
    assert_eq!(super::scan_segment(&whole, ID, &mut |_| {}), 0);
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        let what = damage(&mut random, &mut bytes);
        let mut framed = 0;
        let damaged = super::scan_segment(&bytes, ID, &mut |frame| {
            framed += frame.bytes.len() as u64 + super::HEADER_LEN as u64;
        });
        let header = if bytes.get(..32) == whole.get(..32) {
            32
        } else {
            0
        };
        assert_eq!(header + framed + damaged, bytes.len() as u64, "{what}");
    }
}
