//! Whether the programs have enough stack on every kernel.
//!
//! Before private stacks (Linux 6.13), a program and all that it calls, one in the other, have 512 bytes of stack together, each
//! function a multiple of 32 of them: `check_max_stack_depth` in the kernel's `kernel/bpf/verifier.c`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aya_obj::Object;
use aya_obj::generated::bpf_insn;

const STACK_BYTES_MAX: usize = 512;
const FRAME_STEP: usize = 32;
/// `MAX_CALL_FRAMES` of the kernel.
const FRAMES_MAX: usize = 8;

// Instructions, as the kernel's Documentation/bpf/standardization/instruction-set.rst has them.
const CLASS: u8 = 0x07;
const CLASS_LOAD: u8 = 0x01;
const CLASSES_OF_STORES: [u8; 2] = [0x02, 0x03];
const MOVE: u8 = 0xbf;
const ADD_NUMBER: u8 = 0x07;
const CALL: u8 = 0x85;
const LOAD_WIDE: u8 = 0x18;
const CALL_OF_FUNCTION: u8 = 1;
const ADDRESS_OF_FUNCTION: u8 = 4;
const FRAME_POINTER: u8 = 10;

const OBJECTS: [(&str, &[u8]); 2] = [
    ("x86_64", include_bytes!("../../bpf/recorder.x86_64.bpf.o")),
    (
        "aarch64",
        include_bytes!("../../bpf/recorder.aarch64.bpf.o"),
    ),
];

/// Bytes below the frame pointer that a function's instructions touch, or take the address of.
fn frame_bytes(code: &[bpf_insn]) -> usize {
    let mut lowest = 0_i32;
    let mut copies = BTreeSet::new();
    for instruction in code {
        let (to, from) = (instruction.dst_reg(), instruction.src_reg());
        let class = instruction.code & CLASS;
        let touches = class == CLASS_LOAD && from == FRAME_POINTER
            || CLASSES_OF_STORES.contains(&class) && to == FRAME_POINTER;
        if touches {
            lowest = lowest.min(i32::from(instruction.off));
        } else if instruction.code == MOVE && from == FRAME_POINTER {
            copies.insert(to);
        } else if instruction.code == ADD_NUMBER && copies.remove(&to) {
            lowest = lowest.min(instruction.imm);
        } else if instruction.code == MOVE {
            copies.remove(&to);
        }
    }
    lowest.unsigned_abs() as usize
}

/// Where the function begins that the instruction at a place calls, or hands out to be called.
fn callee(code: &[bpf_insn], place: usize) -> Option<usize> {
    let instruction = code.get(place)?;
    let calls = matches!(
        (instruction.code, instruction.src_reg()),
        (CALL, CALL_OF_FUNCTION) | (LOAD_WIDE, ADDRESS_OF_FUNCTION)
    );
    let target = i64::try_from(place).ok()? + 1 + i64::from(instruction.imm);
    calls.then(|| usize::try_from(target).ok()).flatten()
}

/// A program with all its functions, as it is given to the kernel.
struct Linked<'a> {
    code: &'a [bpf_insn],
    /// Where each function ends, by where it begins.
    functions: BTreeMap<usize, usize>,
}

impl<'a> Linked<'a> {
    fn new(code: &'a [bpf_insn]) -> Self {
        let begins: BTreeSet<usize> = (0..code.len())
            .filter_map(|place| callee(code, place))
            .chain([0])
            .collect();
        let ends = begins.iter().copied().skip(1).chain([code.len()]);
        Self {
            code,
            functions: begins.iter().copied().zip(ends).collect(),
        }
    }

    /// The frames of the chain of calls from a function on that takes most: where each function begins, and its bytes.
    fn deepest(&self, begin: usize) -> Vec<(usize, usize)> {
        let function = &self.code[begin..self.functions[&begin]];
        let bytes = frame_bytes(function).max(1).next_multiple_of(FRAME_STEP);
        let below = (begin..self.functions[&begin])
            .filter_map(|place| callee(self.code, place))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|callee| self.deepest(callee))
            .max_by_key(|chain| total(chain));
        [(begin, bytes)]
            .into_iter()
            .chain(below.unwrap_or_default())
            .collect()
    }

    /// Most functions that are ever one in the other.
    fn frames(&self, begin: usize) -> usize {
        let below = (begin..self.functions[&begin])
            .filter_map(|place| callee(self.code, place))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|callee| self.frames(callee))
            .max();
        1 + below.unwrap_or(0)
    }
}

fn total(chain: &[(usize, usize)]) -> usize {
    chain.iter().map(|(_, bytes)| bytes).sum()
}

/// The name of the function that begins at a place: that of the object's function with the same operations.
fn name(object: &Object, linked: &Linked<'_>, begin: usize) -> String {
    let operations = |code: &[bpf_insn]| -> Vec<(u8, i16)> {
        code.iter().map(|one| (one.code, one.off)).collect()
    };
    let wanted = operations(&linked.code[begin..linked.functions[&begin]]);
    object
        .functions
        .values()
        .find(|function| operations(&function.instructions) == wanted)
        .map_or_else(|| format!("at {begin}"), |found| found.name.clone())
}

#[test]
fn every_chain_of_calls_fits_the_stack_of_kernels_before_private_stacks() {
    for (architecture, bytes) in OBJECTS {
        let parsed = Object::parse(bytes).unwrap();
        let mut object = parsed.clone();
        let sections: HashSet<usize> = object
            .functions
            .keys()
            .map(|(section, _)| *section)
            .collect();
        object.relocate_calls(&sections).unwrap();
        let mut names = Vec::new();
        let programs: BTreeMap<_, _> = object.programs.iter().collect();
        for (program, about) in programs {
            let linked = Linked::new(&object.functions[&about.function_key()].instructions);
            let deepest = linked.deepest(0);
            let chain: Vec<String> = deepest
                .iter()
                .map(|(begin, bytes)| format!("{} {bytes}", name(&parsed, &linked, *begin)))
                .collect();
            let chain = chain.join(" > ");
            println!(
                "{architecture} {program}: {} bytes, {chain}",
                total(&deepest)
            );
            assert!(
                total(&deepest) <= STACK_BYTES_MAX && linked.frames(0) <= FRAMES_MAX,
                "{architecture}: `{program}` needs {} bytes of stack, {STACK_BYTES_MAX} are allowed: {chain}\n\
                 let locals of these functions live in `struct scratch` (bpf/state.h), or call less deeply",
                total(&deepest)
            );
            names.push(chain);
        }
        // Callbacks of loops count too: the walk along a path is at the end of the longest.
        assert!(
            names.iter().any(|chain| chain.starts_with("exit_call ")
                && chain.contains("> put_path ")
                && chain.contains("> walk_up ")),
            "{architecture}: {names:?}"
        );
    }
}

#[test]
fn a_frame_is_all_that_is_touched_or_pointed_at() {
    let instruction = |code, registers: u8, off, imm| bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(registers & 15, registers >> 4),
        off,
        imm,
    };
    let store = instruction(0x7b, 0x0a, -16, 0); // *(u64 *)(r10 - 16) = r0
    let elsewhere = instruction(0x7b, 0xa1, -200, 0); // *(u64 *)(r1 - 200) = r10
    let copy = instruction(MOVE, 0xa2, 0, 0); // r2 = r10
    let below = instruction(ADD_NUMBER, 0x02, 0, -96); // r2 += -96
    let forget = instruction(MOVE, 0x32, 0, 0); // r2 = r3
    assert_eq!(frame_bytes(&[]), 0);
    assert_eq!(frame_bytes(&[store, elsewhere]), 16);
    assert_eq!(frame_bytes(&[store, copy, below]), 96);
    assert_eq!(frame_bytes(&[store, copy, forget, below]), 16);
}
