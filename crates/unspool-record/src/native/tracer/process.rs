//! Facts about processes: state when recording began, images.

use unspool_decode::native::format::{STRINGS_BYTES_MAX, architecture, kind, tag};

use super::Tracer;
use super::usage::Told;
use crate::native::image::Image as NewImage;
use crate::native::procfs;
use crate::native::roles::ProcessCall;
use crate::native::writer::{begin_item, push_argv_and_env, push_item};
use crate::options::Detail;
use crate::sys::Tid;

/// Descriptors of a process written down when recording of it begins.
const DESCRIPTORS_MAX: usize = 65_536;

/// Where the image of a process is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// In an exec record that follows.
    NotYet,
    /// Here, from /proc.
    FromProc,
}

impl Tracer<'_> {
    /// Writes the state of a process when recording of it begins.
    pub(super) fn write_process(&mut self, tgid: Tid, now: i64, image: Image) {
        let status = procfs::status(tgid).unwrap_or_default();
        self.writer.begin(kind::PROCESS, tgid, now);
        self.writer.u32(tgid.cast_unsigned());
        self.writer.u32(status.parent.cast_unsigned());
        self.writer.u64(status.start_ns);
        let mut link = [0; procfs::LINK_BYTES_MAX];
        if image == Image::FromProc {
            if let Some(exe) = procfs::exe(tgid, &mut link) {
                self.writer.item(tag::EXE, exe);
            }
            let argv = procfs::strings(tgid, "cmdline", STRINGS_BYTES_MAX);
            let env = procfs::strings(tgid, "environ", STRINGS_BYTES_MAX);
            self.push_argv_and_env(argv, env);
        }
        if let Some(cwd) = procfs::cwd(tgid, &mut link) {
            self.writer.item(tag::CWD, cwd);
        }
        self.push_user(status.uid, status.gid);
        self.push_group(tgid, Told::Again);
        for (fd, flags) in procfs::descriptors(tgid, DESCRIPTORS_MAX) {
            let path = procfs::fd_path(tgid, i64::from(fd), &mut link).unwrap_or_default();
            let items = self.writer.items();
            begin_item(items, tag::FD, 0xff, 8 + path.len());
            items.extend_from_slice(&fd.to_le_bytes());
            items.extend_from_slice(&flags.to_le_bytes());
            items.extend_from_slice(path);
        }
        self.writer.end();
    }

    /// Writes that a new image runs, with facts about it.
    pub(super) fn write_exec(&mut self, tid: Tid, former: Tid, image: Option<NewImage>, now: i64) {
        let image = image.unwrap_or_else(|| {
            let status = procfs::status(tid).unwrap_or_default();
            NewImage {
                argv: procfs::strings(tid, "cmdline", STRINGS_BYTES_MAX),
                env: procfs::strings(tid, "environ", STRINGS_BYTES_MAX),
                program: Vec::new(),
                uid: Some(status.uid),
                gid: Some(status.gid),
            }
        });
        self.writer.begin(kind::EXEC, tid, now);
        self.writer.u32(tid.cast_unsigned());
        self.writer.u32(former.cast_unsigned());
        let mut link = [0; procfs::LINK_BYTES_MAX];
        if let Some(exe) = procfs::exe(tid, &mut link) {
            self.writer.item(tag::EXE, exe);
        }
        self.push_argv_and_env(image.argv, image.env);
        if let Some(cwd) = procfs::cwd(tid, &mut link) {
            self.writer.item(tag::CWD, cwd);
        }
        if let (Some(uid), Some(gid)) = (image.uid, image.gid) {
            self.push_user(uid, gid);
        }
        self.push_group(tid, Told::WhenNew);
        self.writer.end();
    }

    fn push_user(&mut self, uid: u32, gid: u32) {
        let mut value = [0; 8];
        value[..4].copy_from_slice(&uid.to_le_bytes());
        value[4..].copy_from_slice(&gid.to_le_bytes());
        self.writer.item(tag::USER, &value);
    }

    fn push_argv_and_env(&mut self, argv: Vec<Vec<u8>>, env: Vec<Vec<u8>>) {
        let scrub = self.options.scrub.as_ref();
        push_argv_and_env(self.writer.items(), argv, env, scrub);
    }

    /// Says what our filter changes in the command, which can see it.
    pub(super) fn note_filter(&mut self, tid: Tid, now: i64) {
        if !self.has_filter() {
            return;
        }
        let privileges = if procfs::has_no_new_privileges(tid) {
            "programs that would change the user (set-user-ID) do not, and the command"
        } else {
            "the command"
        };
        self.note(
            tid,
            now,
            format!(
                "a seccomp filter lets calls pass that this detail leaves out: {privileges} ends when its recorder is killed"
            ),
        );
    }

    /// Makes the entry of the command's own execve, which happened before its calls could stop.
    pub(super) fn begin_exec_call(&mut self, tid: Tid, image: Option<&NewImage>) {
        if self.options.detail == Detail::Tree {
            return;
        }
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        let (native, number) = if cfg!(target_arch = "x86_64") {
            (architecture::X86_64, 59)
        } else {
            (architecture::AARCH64, 221)
        };
        let pending = &mut tracee.pending;
        pending.is_active = true;
        pending.architecture = native;
        pending.number = number;
        // The launcher's pointers meant its own memory, which is gone; the claim is the path that the kernel kept.
        pending.args = [0; 6];
        pending.entry_ns = self.begun_ns;
        pending.row = self.roles.row(native, number);
        pending.process_call = Some(ProcessCall::Exec);
        pending.items.clear();
        if let Some(image) = image {
            let mut program = image.program.clone();
            self.options
                .scrub
                .text(crate::seam::TextKind::Path, &mut program);
            push_item(&mut pending.items, tag::STRING, 0, &program);
        }
    }
}
