//! The kernel keeps this process to the folders of its runs: whatever a query or a damaged file makes it do, it reads nothing else,
//! writes nothing and connects nowhere but to the port of the bucket that was asked for.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, path_beneath_rules,
};

/// What names of hosts and certificates are looked up in.
const NETWORK_FILES: [&str; 12] = [
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/lib",
];

/// Names of hosts are asked for here where answers are long.
const DNS_PORT: u16 = 53;

/// Gives up everything but reading beneath the folders; with ports, TCP connections to these stay allowed. To be called while the
/// process has one thread. Returns whether the kernel does it; one without Landlock does not.
pub(crate) fn confine(folders: &[PathBuf], ports: &[u16]) -> Result<bool, String> {
    let abi = ABI::V6;
    let told = |error: landlock::RulesetError| format!("cannot confine the engine: {error}");
    let mut readable: Vec<PathBuf> = folders.to_vec();
    // The number of cores and the memory limits of control groups.
    readable.extend(["/sys/fs/cgroup", "/sys/devices/system/cpu", "/proc/self"].map(PathBuf::from));
    let mut allowed = ports.to_vec();
    if !ports.is_empty() {
        readable.extend(NETWORK_FILES.map(PathBuf::from));
        allowed.push(DNS_PORT);
    }
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .map_err(told)?
        .handle_access(AccessNet::from_all(abi))
        .map_err(told)?
        .create()
        .map_err(told)?
        .add_rules(path_beneath_rules(
            &readable,
            AccessFs::ReadFile | AccessFs::ReadDir,
        ))
        .map_err(told)?;
    for port in allowed {
        ruleset = ruleset
            .add_rule(NetPort::new(port, AccessNet::ConnectTcp))
            .map_err(told)?;
    }
    let status = ruleset.restrict_self().map_err(told)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}
