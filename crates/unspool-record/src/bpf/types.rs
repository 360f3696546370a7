//! The kernel's type information, thinned out: of its 150,000 types the programs need some hundred, and looking each up among all
//! of them takes longer than everything else at the start.
//!
//! Types are known by their place in the list, so a type that is not needed becomes the shortest one there is. The format is
//! that of `include/uapi/linux/btf.h`.

/// Structures whose fields the programs read.
const NEEDED: [&[u8]; 42] = [
    b"cred",
    b"dentry",
    b"fdtable",
    b"file",
    b"files_struct",
    b"fs_struct",
    b"hlist_bl_node",
    b"inode",
    b"io_cqe",
    b"io_kiocb",
    b"io_rw",
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
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_FWD: u32 = 7;
const KIND_TYPEDEF: u32 = 8;
const KIND_CONST: u32 = 10;
const KIND_VOLATILE: u32 = 9;
const KIND_RESTRICT: u32 = 11;
const KIND_TYPE_TAG: u32 = 18;

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

/// The type information without what the programs do not need; `None` when it is not as expected.
pub(super) fn thin(btf: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| Some(u32::from_le_bytes(btf.get(at..at + 4)?.try_into().ok()?));
    let head = word(4)? as usize;
    let (types_at, types_len) = (head + word(8)? as usize, word(12)? as usize);
    let (strings_at, strings_len) = (head + word(16)? as usize, word(20)? as usize);
    let bytes = btf.get(types_at..types_at + types_len)?;
    let strings = btf.get(strings_at..strings_at + strings_len)?;
    let mut types = Types {
        bytes,
        strings,
        places: vec![usize::MAX],
        fates: vec![Fate::Blank],
    };
    types.find()?;
    for id in 1..types.places.len() {
        if types.is_needed(id)? {
            types.keep(id, Fate::Whole)?;
        }
    }
    let mut kept = Vec::with_capacity(types.places.len() * HEAD_BYTES + (256 << 10));
    for id in 1..types.places.len() {
        types.write(id, &mut kept)?;
    }
    let mut thinned = btf.get(..head)?.to_vec();
    let len = u32::try_from(kept.len()).ok()?;
    thinned.get_mut(8..12)?.fill(0);
    thinned.get_mut(12..16)?.copy_from_slice(&len.to_le_bytes());
    thinned.get_mut(16..20)?.copy_from_slice(&len.to_le_bytes());
    thinned.extend_from_slice(&kept);
    thinned.extend_from_slice(strings);
    Some(thinned)
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
            1 | 14 | 17 => 4,
            KIND_ARRAY => 12,
            KIND_STRUCT | KIND_UNION | 15 | 19 => 12 * count,
            6 | 13 => 8 * count,
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

    fn name(&self, place: usize) -> Option<&'b [u8]> {
        let rest = self.strings.get(self.word(place)? as usize..)?;
        let end = memchr::memchr(0, rest)?;
        rest.get(..end)
    }

    fn is_needed(&self, id: usize) -> Option<bool> {
        let place = *self.places.get(id)?;
        Some(match self.kind_at(place)? {
            KIND_STRUCT => NEEDED.contains(&self.name(place)?),
            KIND_TYPEDEF => {
                let name = self.name(place)?;
                name.starts_with(TRACEPOINT) || NEEDED.contains(&name)
            }
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

    fn write(&self, id: usize, out: &mut Vec<u8>) -> Option<()> {
        let place = *self.places.get(id)?;
        let kind = self.kind_at(place)?;
        match self.fates.get(id)? {
            Fate::Whole => {
                let len = HEAD_BYTES + self.rest_at(place)?;
                let start = out.len();
                out.extend_from_slice(self.bytes.get(place..place + len)?);
                if kind == KIND_PTR {
                    // What it points to is never asked.
                    out.get_mut(start + 8..start + 12)?.fill(0);
                }
            }
            Fate::Shallow => {
                out.extend_from_slice(self.bytes.get(place..place + 4)?);
                out.extend_from_slice(&(kind << 24).to_le_bytes());
                out.extend_from_slice(self.bytes.get(place + 8..place + 12)?);
            }
            Fate::Blank => {
                out.extend_from_slice(&0_u32.to_le_bytes());
                out.extend_from_slice(&(KIND_FWD << 24).to_le_bytes());
                out.extend_from_slice(&0_u32.to_le_bytes());
            }
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
    fn types_keep_their_numbers() {
        let Ok(whole) = std::fs::read(crate::probe::BTF_FILE) else {
            eprintln!("skipped: this kernel has no type information");
            return;
        };
        let thinned = thin(&whole).expect("the kernel's own format");
        assert!(thinned.len() < whole.len());
        let places = |btf: &[u8]| {
            let word =
                |at: usize| u32::from_le_bytes(btf[at..at + 4].try_into().expect("four")) as usize;
            let mut types = Types {
                bytes: &btf[word(4) + word(8)..][..word(12)],
                strings: &btf[word(4) + word(16)..][..word(20)],
                places: vec![usize::MAX],
                fates: vec![Fate::Blank],
            };
            types.find().expect("whole");
            let named = |name: &[u8]| {
                (1..types.places.len()).find(|&id| types.name(types.places[id]) == Some(name))
            };
            (
                types.places.len(),
                named(b"btf_trace_sys_enter"),
                named(b"linux_binprm"),
            )
        };
        assert_eq!(places(&thinned), places(&whole));
        assert_ne!(places(&whole).1, None);
    }

    #[test]
    fn what_is_no_type_information_is_refused() {
        assert_eq!(thin(b""), None);
        assert_eq!(thin(&[0xff; 64]), None);
    }
}
