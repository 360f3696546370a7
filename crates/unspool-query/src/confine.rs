//! The kernel keeps this process to the folders of its runs: whatever a query or a damaged file makes it do, it reads nothing else,
//! writes nothing and connects nowhere.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetStatus, path_beneath_rules,
};

/// Gives up everything but reading beneath the folders; with `network`, connections and what they need stay allowed. To be called while
/// the process has one thread. Returns whether the kernel does it; one without Landlock does not.
pub(crate) fn confine(folders: &[PathBuf], network: bool) -> Result<bool, String> {
    let abi = ABI::V6;
    let told = |error: landlock::RulesetError| format!("cannot confine the engine: {error}");
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .map_err(told)?;
    if !network {
        ruleset = ruleset
            .handle_access(AccessNet::from_all(abi))
            .map_err(told)?;
    }
    let mut readable: Vec<PathBuf> = folders.to_vec();
    // The number of cores and the memory limits of control groups.
    readable.extend(["/sys/fs/cgroup", "/sys/devices/system/cpu", "/proc/self"].map(PathBuf::from));
    if network {
        // Names, certificates.
        readable.extend(["/etc", "/usr/share", "/usr/lib"].map(PathBuf::from));
    }
    let status = ruleset
        .create()
        .map_err(told)?
        .add_rules(path_beneath_rules(
            &readable,
            AccessFs::ReadFile | AccessFs::ReadDir,
        ))
        .map_err(told)?
        .restrict_self()
        .map_err(told)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}
