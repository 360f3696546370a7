//! What this machine allows a recorder to do, as plain data for `unspool doctor`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::native::kernel_version;
use crate::sys;

/// The oldest kernel that the native recorder runs on: it has `PTRACE_GET_SYSCALL_INFO`.
pub const KERNEL_NEEDED: (u32, u32) = (5, 3);
/// Capability numbers of linux/capability.h, by name, as far as recorders care.
const CAPABILITIES: [(&str, u32); 5] = [
    ("sys_ptrace", 19),
    ("sys_admin", 21),
    ("sys_resource", 24),
    ("perfmon", 38),
    ("bpf", 39),
];
/// Where a kernel with type information shows it.
pub(crate) const BTF_FILE: &str = "/sys/kernel/btf/vmlinux";

/// What this machine allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Release of the kernel, as uname(2) gives it.
    pub kernel_release: String,
    /// Major and minor number, `None` if the release does not start with them.
    pub kernel_version: Option<(u32, u32)>,
    /// Architecture that this program was built for.
    pub architecture: &'static str,
    /// `kernel.yama.ptrace_scope`, `None` where Yama is not built in (as permissive as 0).
    pub ptrace_scope: Option<u8>,
    /// Actions that seccomp filters may return, empty without seccomp.
    pub seccomp_actions: Vec<String>,
    /// Whether this process is itself under a seccomp filter, as in many containers.
    pub is_filtered: bool,
    /// Whether this process is itself traced: then it can trace nothing that its tracer holds.
    pub is_traced: bool,
    /// Whether the kernel has the type information that BPF recorders need.
    pub has_btf: bool,
    /// `kernel.unprivileged_bpf_disabled`, `None` without BPF.
    pub unprivileged_bpf_disabled: Option<u8>,
    /// Effective user.
    pub user: u32,
    /// Effective capabilities that recorders care about, by name.
    pub capabilities: Vec<&'static str>,
    /// The tools found in the search path.
    pub tools: Vec<Tool>,
}

/// A tool found in the search path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Name, `strace` or `ltrace`.
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// First line of what it says about its version, empty if it says nothing.
    pub version: String,
}

impl Probe {
    /// Whether the native recorder can record commands that it starts itself.
    pub fn can_record_commands(&self) -> bool {
        self.kernel_version
            .is_none_or(|version| version >= KERNEL_NEEDED)
            && self
                .ptrace_scope
                .is_none_or(|scope| scope < 2 || self.has("sys_ptrace") && scope < 3)
    }

    /// Whether the native recorder can attach to other processes of this user.
    pub fn can_attach(&self) -> bool {
        self.can_record_commands()
            && (self.ptrace_scope.is_none_or(|scope| scope == 0) || self.has("sys_ptrace"))
    }

    /// Whether this process has a capability, by name.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// Looks at this machine; tools are looked for in `search_path`, the value of `PATH`, and asked for their version.
pub fn probe(search_path: &OsStr) -> Probe {
    let (_, release) = sys::host_and_kernel();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .trim()
    };
    let effective = u64::from_str_radix(field("CapEff:"), 16).unwrap_or(0);
    let number = |path: &str| {
        fs::read_to_string(path)
            .ok()
            .and_then(|text| text.trim().parse().ok())
    };
    Probe {
        kernel_release: String::from_utf8_lossy(&release).into_owned(),
        kernel_version: kernel_version(&release),
        architecture: std::env::consts::ARCH,
        ptrace_scope: number("/proc/sys/kernel/yama/ptrace_scope"),
        seccomp_actions: seccomp_actions(),
        is_filtered: field("Seccomp:") == "2",
        is_traced: field("TracerPid:") != "0",
        has_btf: Path::new(BTF_FILE).exists(),
        unprivileged_bpf_disabled: number("/proc/sys/kernel/unprivileged_bpf_disabled"),
        user: field("Uid:")
            .split_whitespace()
            .nth(1)
            .and_then(|word| word.parse().ok())
            .unwrap_or(u32::MAX),
        capabilities: CAPABILITIES
            .iter()
            .filter(|(_, bit)| effective >> bit & 1 == 1)
            .map(|&(name, _)| name)
            .collect(),
        tools: [("strace", "-V"), ("ltrace", "-V")]
            .into_iter()
            .filter_map(|(name, option)| tool(name, option, search_path))
            .collect(),
    }
}

fn tool(name: &'static str, option: &str, search_path: &OsStr) -> Option<Tool> {
    let is_executable = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    let path = std::env::split_paths(search_path)
        .map(|folder| folder.join(name))
        .find(is_executable)?;
    let output = Command::new(&path).arg(option).output().ok();
    let text = output
        .map(|output| [output.stdout, output.stderr].concat())
        .unwrap_or_default();
    let version = String::from_utf8_lossy(&text)
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim()
        .to_owned();
    Some(Tool {
        name,
        path,
        version,
    })
}

fn seccomp_actions() -> Vec<String> {
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    actions.split_whitespace().map(str::to_owned).collect()
}

/// Whether this process has a capability that recorders care about, by name.
pub(crate) fn has_capability(name: &str) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    CAPABILITIES
        .iter()
        .any(|&(known, bit)| known == name && effective >> bit & 1 == 1)
}

/// Whether the kernel's seccomp filters can hand a call to a tracer, which [`crate::Filter::Seccomp`] needs.
pub fn has_seccomp_trace() -> bool {
    seccomp_actions().iter().any(|action| action == "trace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let folder = tempfile::tempdir().expect("a folder");
        let tool = folder.path().join("strace");
        fs::write(&tool, "#!/bin/sh\necho; echo 'strace -- version 9.9'\n").expect("written");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("made executable");
        let probe = probe(folder.path().as_os_str());
        assert!(probe.kernel_version >= Some((3, 0)), "{probe:?}");
        assert!(!probe.is_traced);
        assert_eq!(
            probe.tools,
            [Tool {
                name: "strace",
                path: tool,
                version: "strace -- version 9.9".to_owned()
            }]
        );
    }

    #[test]
    fn scopes_allow_what_yama_says() {
        let mut probe = probe(OsStr::new(""));
        probe.kernel_version = Some((6, 1));
        let mut allowed = |scope, capabilities: &[&'static str]| {
            probe.ptrace_scope = scope;
            probe.capabilities = capabilities.to_vec();
            (probe.can_record_commands(), probe.can_attach())
        };
        assert_eq!(allowed(None, &[]), (true, true));
        assert_eq!(allowed(Some(0), &[]), (true, true));
        assert_eq!(allowed(Some(1), &[]), (true, false));
        assert_eq!(allowed(Some(1), &["sys_ptrace"]), (true, true));
        assert_eq!(allowed(Some(2), &[]), (false, false));
        assert_eq!(allowed(Some(2), &["sys_ptrace"]), (true, true));
        assert_eq!(allowed(Some(3), &["sys_ptrace"]), (false, false));
    }
}
