//! The kernel's type information, thinned out: of its 150,000 types the programs need some hundred, and looking each up among all
//! of them takes longer than everything else at the start.
//!
//! Structures are given new numbers, since nobody asks for theirs. A tracepoint is known to the kernel by the number of its type, its
//! place in the list, so in a second list every other type becomes the shortest one there is. The format is that of
//! `include/uapi/linux/btf.h`.

use std::collections::HashMap;

/// Structures whose fields the programs read.
const NEEDED: [&[u8]; 53] = [
    b"cred",
    b"dentry",
    b"fdtable",
    b"file",
    b"files_struct",
    b"fs_struct",
    b"hlist_bl_node",
    b"inode",
    b"filename",
    b"io_accept",
    b"io_close",
    b"io_connect",
    b"io_cqe",
    b"io_kiocb",
    b"io_link",
    b"io_mkdir",
    b"io_open",
    b"io_rename",
    b"io_rw",
    b"io_socket",
    b"io_unlink",
    b"open_how",
    b"k_sigaction",
    b"kernel_siginfo",
    b"linux_binprm",
    b"mm_struct",
    b"mount",
    b"netlink_sock",
    b"ns_common",
    b"path",
    b"percpu_counter",
    b"pid",
    b"proc_ns_operations",
    b"pt_regs",
    b"qstr",
    b"sched_entity",
    b"sched_info",
    b"sigaction",
    b"signal_struct",
    b"sock",
    b"sock_common",
    b"socket",
    b"super_block",
    b"task_io_accounting",
    b"task_struct",
    b"thread_info",
    b"unix_address",
    b"unix_sock",
    b"upid",
    b"user_pt_regs",
    b"vfsmount",
    b"kuid_t",
    b"kgid_t",
];
/// Names of the types that tell a tracepoint's arguments begin with it.
const TRACEPOINT: &[u8] = b"btf_trace_";

const HEAD_BYTES: usize = 12;
const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FWD: u32 = 7;
const KIND_TYPEDEF: u32 = 8;
const KIND_CONST: u32 = 10;
const KIND_VOLATILE: u32 = 9;
const KIND_RESTRICT: u32 = 11;
const KIND_FLOAT: u32 = 16;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// Number of the type that stands for all that are not kept.
const BLANK: u32 = 1;

/// What becomes of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Blank,
    /// Without its members.
    Shallow,
    Whole,
}

struct Types<'b> {
    bytes: &'b [u8],
    strings: &'b [u8],
    /// Where each type begins; the first is `void` and stands nowhere.
    places: Vec<usize>,
    fates: Vec<Fate>,
}

/// What the programs need of the type information, as type information.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Thinned {
    /// The structures, with numbers of their own.
    pub(super) structures: Vec<u8>,
    /// The types of tracepoints, with the kernel's numbers.
    pub(super) tracepoints: Vec<u8>,
}

/// The type information without what the programs do not need; `None` when it is not as expected.
pub(super) fn thin(btf: &[u8]) -> Option<Thinned> {
    let word = |at: usize| Some(u32::from_le_bytes(btf.get(at..at + 4)?.try_into().ok()?));
    let head = word(4)? as usize;
    let (types_at, types_len) = (head + word(8)? as usize, word(12)? as usize);
    let (strings_at, strings_len) = (head + word(16)? as usize, word(20)? as usize);
    let mut types = Types {
        bytes: btf.get(types_at..types_at + types_len)?,
        strings: btf.get(strings_at..strings_at + strings_len)?,
        places: vec![usize::MAX],
        fates: vec![Fate::Blank],
    };
    types.find()?;
    for id in 1..types.places.len() {
        if types.is_needed(id)? {
            types.keep(id, Fate::Whole)?;
        }
    }
    let head = btf.get(..head)?;
    Some(Thinned {
        structures: types.structures()?.with_head(head)?,
        tracepoints: types.tracepoints()?.with_head(head)?,
    })
}

/// A list of types as it is written.
struct List {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Where each string of the kernel's list stands in `strings`.
    names: HashMap<u32, u32>,
}

impl List {
    fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            names: HashMap::from([(0, 0)]),
        }
    }

    fn word(&mut self, word: u32) {
        self.types.extend_from_slice(&word.to_le_bytes());
    }

    fn head(&mut self, name: u32, info: u32, size_or_type: u32) {
        self.word(name);
        self.word(info);
        self.word(size_or_type);
    }

    fn blank(&mut self) {
        self.head(0, KIND_FWD << 24, 0);
    }

    /// Where a string of the kernel's list stands.
    fn name(&mut self, of: &Types<'_>, at: u32) -> Option<u32> {
        if let Some(name) = self.names.get(&at) {
            return Some(*name);
        }
        let name = u32::try_from(self.strings.len()).ok()?;
        self.strings.extend_from_slice(of.string(at)?);
        self.strings.push(0);
        self.names.insert(at, name);
        Some(name)
    }

    /// As type information, with the kernel's head but for the lengths.
    fn with_head(&self, head: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(head.len() + self.types.len() + self.strings.len());
        bytes.extend_from_slice(head);
        let types = u32::try_from(self.types.len()).ok()?;
        let strings = u32::try_from(self.strings.len()).ok()?;
        for (place, word) in [0, types, types, strings].iter().enumerate() {
            let at = 8 + 4 * place;
            bytes
                .get_mut(at..at + 4)?
                .copy_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.types);
        bytes.extend_from_slice(&self.strings);
        Some(bytes)
    }
}

/// What a word of a type says.
#[derive(Clone, Copy)]
enum Word {
    Name,
    Type,
    Number,
}

/// What the words behind the head of a type say, again and again.
fn words_of(kind: u32) -> &'static [Word] {
    match kind {
        KIND_ARRAY => &[Word::Type, Word::Type, Word::Number],
        KIND_STRUCT | KIND_UNION => &[Word::Name, Word::Type, Word::Number],
        KIND_ENUM => &[Word::Name, Word::Number],
        KIND_ENUM64 => &[Word::Name, Word::Number, Word::Number],
        _ => &[Word::Number],
    }
}

/// Whether a type of this kind can be written with other numbers.
fn is_movable(kind: u32) -> bool {
    matches!(
        kind,
        KIND_INT..=KIND_FWD | KIND_TYPEDEF..=KIND_RESTRICT | KIND_FLOAT | KIND_TYPE_TAG | KIND_ENUM64
    )
}

impl<'b> Types<'b> {
    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(
            self.bytes.get(at..at + 4)?.try_into().ok()?,
        ))
    }

    fn kind_at(&self, place: usize) -> Option<u32> {
        Some(self.word(place + 4)? >> 24 & 31)
    }

    /// Bytes of a type behind its head.
    fn rest_at(&self, place: usize) -> Option<usize> {
        let count = self.word(place + 4)? as usize & 0xffff;
        Some(match self.kind_at(place)? {
            KIND_INT | 14 | 17 => 4,
            KIND_ARRAY => 12,
            KIND_STRUCT | KIND_UNION | 15 | KIND_ENUM64 => 12 * count,
            KIND_ENUM | 13 => 8 * count,
            _ => 0,
        })
    }

    fn find(&mut self) -> Option<()> {
        let mut place = 0;
        while place < self.bytes.len() {
            self.places.push(place);
            self.fates.push(Fate::Blank);
            place += HEAD_BYTES + self.rest_at(place)?;
        }
        Some(())
    }

    fn string(&self, at: u32) -> Option<&'b [u8]> {
        let rest = self.strings.get(at as usize..)?;
        let end = memchr::memchr(0, rest)?;
        rest.get(..end)
    }

    fn name(&self, place: usize) -> Option<&'b [u8]> {
        self.string(self.word(place)?)
    }

    fn is_tracepoint(&self, place: usize) -> Option<bool> {
        let is_typedef = self.kind_at(place)? == KIND_TYPEDEF;
        Some(is_typedef && self.name(place)?.starts_with(TRACEPOINT))
    }

    fn is_needed(&self, id: usize) -> Option<bool> {
        let place = *self.places.get(id)?;
        Some(match self.kind_at(place)? {
            KIND_STRUCT | KIND_TYPEDEF => NEEDED.contains(&self.name(place)?),
            _ => false,
        })
    }

    /// Keeps a type, and what its fields are made of.
    fn keep(&mut self, id: usize, fate: Fate) -> Option<()> {
        if id == 0 || *self.fates.get(id)? == Fate::Whole || *self.fates.get(id)? == fate {
            return Some(());
        }
        *self.fates.get_mut(id)? = fate;
        let place = *self.places.get(id)?;
        let kind = self.kind_at(place)?;
        match kind {
            KIND_STRUCT | KIND_UNION if fate == Fate::Whole => {
                for member in 0..self.word(place + 4)? as usize & 0xffff {
                    let of = self.word(place + HEAD_BYTES + 12 * member + 4)? as usize;
                    self.keep_field(of)?;
                }
            }
            KIND_TYPEDEF | KIND_CONST | KIND_VOLATILE | KIND_RESTRICT | KIND_TYPE_TAG => {
                self.keep_field(self.word(place + 8)? as usize)?;
            }
            KIND_ARRAY => self.keep_field(self.word(place + HEAD_BYTES)? as usize)?,
            _ => {}
        }
        Some(())
    }

    fn keep_field(&mut self, id: usize) -> Option<()> {
        if id == 0 {
            return Some(());
        }
        let place = *self.places.get(id)?;
        let is_composite = matches!(self.kind_at(place)?, KIND_STRUCT | KIND_UNION);
        // Fields of an anonymous structure are fields of the one around it.
        let is_named = self.word(place)? != 0;
        self.keep(
            id,
            if is_composite && is_named {
                Fate::Shallow
            } else {
                Fate::Whole
            },
        )
    }

    /// The tracepoints, each at its place.
    fn tracepoints(&self) -> Option<List> {
        let mut list = List::new();
        // Behind the last tracepoint nothing is looked for.
        let mut used = 0;
        for &place in self.places.get(1..)? {
            if self.is_tracepoint(place)? {
                let name = list.name(self, self.word(place)?)?;
                list.head(name, KIND_TYPEDEF << 24, 0);
                used = list.types.len();
            } else {
                list.blank();
            }
        }
        list.types.truncate(used);
        Some(list)
    }

    /// What is kept, with new numbers.
    fn structures(&self) -> Option<List> {
        let mut numbers = vec![BLANK; self.places.len()];
        *numbers.first_mut()? = 0;
        let mut last = BLANK;
        for (id, &place) in self.places.iter().enumerate().skip(1) {
            if *self.fates.get(id)? != Fate::Blank && is_movable(self.kind_at(place)?) {
                last += 1;
                *numbers.get_mut(id)? = last;
            }
        }
        let mut list = List::new();
        list.blank();
        for (id, &number) in numbers.iter().enumerate() {
            if number > BLANK {
                self.write(id, &numbers, &mut list)?;
            }
        }
        Some(list)
    }

    fn write(&self, id: usize, numbers: &[u32], list: &mut List) -> Option<()> {
        let place = *self.places.get(id)?;
        let kind = self.kind_at(place)?;
        let name = list.name(self, self.word(place)?)?;
        let (info, third) = (self.word(place + 4)?, self.word(place + 8)?);
        let number_of = |id: u32| numbers.get(id as usize).copied();
        if *self.fates.get(id)? == Fate::Shallow {
            list.head(name, kind << 24, third);
            return Some(());
        }
        let third = match kind {
            // What it points to is never asked.
            KIND_PTR => 0,
            KIND_TYPEDEF..=KIND_RESTRICT | KIND_TYPE_TAG => number_of(third)?,
            _ => third,
        };
        list.head(name, info, third);
        let says = words_of(kind).iter().cycle();
        for (at, says) in (0..self.rest_at(place)?).step_by(4).zip(says) {
            let word = self.word(place + HEAD_BYTES + at)?;
            let word = match says {
                Word::Name => list.name(self, word)?,
                Word::Type => number_of(word)?,
                Word::Number => word,
            };
            list.word(word);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without one of them the thinned types are refused, and all types are read: three times as long a start.
    #[test]
    fn every_structure_that_the_programs_read_is_kept() {
        // Of these no field is looked for: they have other names in the kernel, or never change.
        let fixed = ["in6_addr_bytes", "k_sigaction_handler", "sockaddr_un"];
        let source = include_str!("../../bpf/kernel.h");
        let mut named = 0;
        for line in source.lines() {
            let Some(name) = line
                .strip_prefix("struct ")
                .and_then(|rest| rest.strip_suffix(" {"))
            else {
                continue;
            };
            named += 1;
            assert!(
                fixed.contains(&name) || NEEDED.contains(&name.as_bytes()),
                "`{name}` of kernel.h is not in NEEDED"
            );
        }
        assert!(named > 30, "kernel.h names {named} structures");
    }

    #[test]
    fn tracepoints_keep_their_numbers() {
        let Ok(whole) = std::fs::read(crate::probe::BTF_FILE) else {
            eprintln!("skipped: this kernel has no type information");
            return;
        };
        let thinned = thin(&whole).expect("the kernel's own format");
        assert!(thinned.structures.len() + thinned.tracepoints.len() < whole.len());
        let places = |btf: &[u8]| {
            let types = list(btf);
            let named = |name: &[u8]| {
                (1..types.places.len()).find(|&id| types.name(types.places[id]) == Some(name))
            };
            [
                b"btf_trace_sys_enter".as_slice(),
                b"btf_trace_signal_deliver",
            ]
            .map(named)
        };
        assert_eq!(places(&thinned.tracepoints), places(&whole));
        assert!(places(&whole).iter().all(Option::is_some));
    }

    #[test]
    fn what_is_no_type_information_is_refused() {
        assert_eq!(thin(b""), None);
        assert_eq!(thin(&[0xff; 64]), None);
    }

    /// The types of a list.
    fn list(btf: &[u8]) -> Types<'_> {
        let word =
            |at: usize| u32::from_le_bytes(btf[at..at + 4].try_into().expect("four")) as usize;
        let mut types = Types {
            bytes: &btf[word(4) + word(8)..][..word(12)],
            strings: &btf[word(4) + word(16)..][..word(20)],
            places: vec![usize::MAX],
            fates: vec![Fate::Blank],
        };
        types.find().expect("whole");
        types
    }

    /// Types of a list by name, with the names and places of their fields.
    fn fields(btf: &[u8], of: &[u8]) -> Vec<(Vec<u8>, u32, Vec<u8>)> {
        let types = list(btf);
        let place = (1..types.places.len())
            .map(|id| types.places[id])
            .find(|&place| {
                types.kind_at(place) == Some(KIND_STRUCT) && types.name(place) == Some(of)
            })
            .expect("the structure");
        let count = types.word(place + 4).expect("a word") as usize & 0xffff;
        let field = |at: usize| {
            let place = place + HEAD_BYTES + 12 * at;
            let id = types.word(place + 4).expect("a word") as usize;
            let of = types.places[id];
            let offset = types.word(place + 8).expect("a word");
            let name = types.name(place).expect("a name").to_vec();
            // A type that is not looked into may be none.
            let is_blank = types.kind_at(of) == Some(KIND_FWD) || types.name(of) == Some(b"");
            let type_name = if is_blank {
                &[]
            } else {
                types.name(of).expect("a name")
            };
            (name, offset, type_name.to_vec())
        };
        (0..count).map(field).collect()
    }

    #[test]
    fn structures_keep_their_fields() {
        let Ok(whole) = std::fs::read(crate::probe::BTF_FILE) else {
            eprintln!("skipped: this kernel has no type information");
            return;
        };
        let thinned = thin(&whole).expect("the kernel's own format");
        for name in [
            b"task_struct".as_slice(),
            b"file",
            b"signal_struct",
            b"sock",
        ] {
            let told = fields(&thinned.structures, name);
            assert_eq!(told, fields(&whole, name));
            assert!(told.len() > 2, "{told:?}");
        }
    }
}
