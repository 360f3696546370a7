//! What the path of a control group says: which container, pod and systemd unit a process belongs to.
//!
//! A pure function of the path, as container runtimes and systemd spell it on control groups of version 1 and 2:
//! `/docker/ID`, `/system.slice/docker-ID.scope`, `/kubepods.slice/.../cri-containerd-ID.scope`.

#[cfg(test)]
mod tests;

/// Who runs a container.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Runtime {
    /// Docker engine.
    Docker,
    /// containerd: by way of Kubernetes' CRI, or nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman and what else uses libpod.
    Podman,
    /// A pod of Kubernetes whose path does not tell its runtime.
    Kubernetes,
    /// LXC and LXD.
    Lxc,
    /// systemd-nspawn.
    Nspawn,
}

impl Runtime {
    /// All.
    pub const ALL: &'static [Self] = &[
        Self::Docker,
        Self::Containerd,
        Self::CriO,
        Self::Podman,
        Self::Kubernetes,
        Self::Lxc,
        Self::Nspawn,
    ];

    /// Name in output and filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Kubernetes => "kubernetes",
            Self::Lxc => "lxc",
            Self::Nspawn => "nspawn",
        }
    }
}

/// What the path of a control group says. Everything borrows from the path.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Placement<'p> {
    /// Runtime of the innermost container.
    pub runtime: Option<Runtime>,
    /// Id of the innermost container; its name where the runtime has no other (LXC, nspawn). Empty: none.
    pub container_id: &'p [u8],
    /// Uid of the pod as the path has it: systemd's spelling has `_` for `-`, see [`Placement::pod_uid`]. Empty: none.
    pub pod: &'p [u8],
    /// Class of service of the pod: `guaranteed`, `burstable`, `besteffort`. Empty: no pod.
    pub quality: &'static str,
    /// Innermost service or scope of systemd. Empty: none.
    pub unit: &'p [u8],
    /// Innermost slice of systemd. Empty: none.
    pub slice: &'p [u8],
}

/// Components of a path that are looked at; the kernel's own limit of depth is far below.
const COMPONENTS_MAX: usize = 256;
/// Hexadecimal digits of a whole container id.
const ID_LEN: usize = 64;
/// Shortest id that is taken for one behind a runtime's prefix.
const ID_LEN_MIN: usize = 12;

/// Prefixes of components that hold an id: `docker-ID.scope`, `libpod-ID`, `kubepods-pod1.slice:cri-containerd:ID`.
const PREFIXES: &[(&[u8], Runtime)] = &[
    (b"docker", Runtime::Docker),
    (b"cri-containerd", Runtime::Containerd),
    (b"nerdctl", Runtime::Containerd),
    (b"crio-conmon", Runtime::CriO),
    (b"crio", Runtime::CriO),
    (b"libpod-conmon", Runtime::Podman),
    (b"libpod-payload", Runtime::Podman),
    (b"libpod", Runtime::Podman),
];

impl<'p> Placement<'p> {
    /// Reads a path: `/system.slice/docker-5f3a....scope`.
    pub fn of(path: &'p [u8]) -> Self {
        let mut placement = Self::default();
        let mut components = path
            .rsplit(|byte| *byte == b'/')
            .filter(|component| !component.is_empty())
            .take(COMPONENTS_MAX)
            .peekable();
        while let Some(component) = components.next() {
            let parent = components.peek().copied().unwrap_or(b"");
            if placement.runtime.is_none()
                && let Some((runtime, id)) = container(component, parent)
            {
                placement.runtime = Some(runtime);
                placement.container_id = id;
            }
            if placement.pod.is_empty()
                && let Some(pod) = pod(component)
            {
                placement.pod = pod;
                placement.quality = quality(component, parent);
                // A bare id inside a pod: the runtime's own spelling is nowhere.
                if placement.runtime.is_none() {
                    placement.bare_id(path);
                }
            }
            if placement.unit.is_empty() && is_unit(component) {
                placement.unit = component;
            }
            if placement.slice.is_empty() && component.ends_with(b".slice") {
                placement.slice = component;
            }
        }
        placement
    }

    /// Takes the innermost component that is an id.
    fn bare_id(&mut self, path: &'p [u8]) {
        let id = path
            .rsplit(|byte| *byte == b'/')
            .take(COMPONENTS_MAX)
            .find(|component| component.len() == ID_LEN && is_hex(component));
        if let Some(id) = id {
            self.runtime = Some(Runtime::Kubernetes);
            self.container_id = id;
        }
    }

    /// Appends the pod's uid as Kubernetes prints it: with `-`.
    pub fn pod_uid(&self, out: &mut Vec<u8>) {
        out.extend(self.pod.iter().map(|byte| match byte {
            b'_' => b'-',
            other => *other,
        }));
    }
}

/// The container that a component names, knowing the component around it.
fn container<'p>(component: &'p [u8], parent: &'p [u8]) -> Option<(Runtime, &'p [u8])> {
    let bare = component
        .strip_suffix(b".scope")
        .or_else(|| component.strip_suffix(b".service"))
        .unwrap_or(component);
    // containerd without systemd's help under a systemd driver: `SLICE:cri-containerd:ID`.
    let bare = match bare.iter().position(|byte| *byte == b':') {
        Some(colon) => bare.get(colon + 1..).unwrap_or(bare),
        None => bare,
    };
    for (prefix, runtime) in PREFIXES {
        let id = bare
            .strip_prefix(*prefix)
            .and_then(|rest| rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b":")));
        if let Some(id) = id
            && (ID_LEN_MIN..=ID_LEN).contains(&id.len())
            && is_hex(id)
        {
            return Some((*runtime, id));
        }
    }
    if component.len() == ID_LEN && is_hex(component) {
        return match parent {
            b"docker" | b"buildkit" | b"actions_job" => Some((Runtime::Docker, component)),
            b"libpod_parent" => Some((Runtime::Podman, component)),
            b"default" | b"moby" | b"k8s.io" => Some((Runtime::Containerd, component)),
            _ if is_task(parent) => Some((Runtime::Docker, component)),
            _ => None,
        };
    }
    named(component, parent)
}

/// Containers that have a name and no id.
fn named<'p>(component: &'p [u8], parent: &[u8]) -> Option<(Runtime, &'p [u8])> {
    let name = |prefix: &[u8], suffix: &[u8]| {
        component
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix))
            .filter(|name| !name.is_empty())
    };
    if let Some(name) = name(b"lxc.payload.", b"").or_else(|| name(b"lxc.monitor.", b"")) {
        return Some((Runtime::Lxc, name));
    }
    if matches!(parent, b"lxc" | b"lxc.payload" | b"lxc.monitor") {
        return Some((Runtime::Lxc, component));
    }
    if let Some(name) = name(b"systemd-nspawn@", b".service") {
        return Some((Runtime::Nspawn, name));
    }
    // libvirt's virtual machines are `machine-qemu\x2d1\x2dNAME.scope`: not containers.
    name(b"machine-", b".scope")
        .filter(|name| !name.starts_with(b"qemu") && !name.starts_with(b"libvirt"))
        .map(|name| (Runtime::Nspawn, name))
}

/// A task of Amazon's ECS, whose containers are Docker's: 32 hexadecimal digits, or a UUID in older agents.
fn is_task(component: &[u8]) -> bool {
    matches!(component.len(), 32 | 36)
        && component
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Uid of the pod that a component names: `podUID`, `kubepods-burstable-podU_I_D.slice`.
fn pod(component: &[u8]) -> Option<&[u8]> {
    // Up to the colon of `SLICE:cri-containerd:ID`.
    let component = component
        .split(|byte| *byte == b':')
        .next()
        .unwrap_or(component);
    let uid = match component.strip_suffix(b".slice") {
        Some(slice) => {
            let at = slice.windows(4).rposition(|part| part == b"-pod")?;
            slice.get(at + 4..)?
        }
        None => component.strip_prefix(b"pod")?,
    };
    // A UUID, or the hash that stands for one in a static pod.
    let is_uid = matches!(uid.len(), 32 | 36)
        && uid
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_'));
    is_uid.then_some(uid)
}

/// Class of service: stands in the pod's own slice, or around its folder. Guaranteed pods have none.
fn quality(component: &[u8], parent: &[u8]) -> &'static str {
    let says = |word: &[u8]| {
        component.windows(word.len()).any(|part| part == word)
            || parent.windows(word.len()).any(|part| part == word)
    };
    if says(b"burstable") {
        "burstable"
    } else if says(b"besteffort") {
        "besteffort"
    } else {
        "guaranteed"
    }
}

/// Whether it is a service or scope of systemd, and not systemd's name behind a colon.
fn is_unit(component: &[u8]) -> bool {
    (component.ends_with(b".service") || component.ends_with(b".scope"))
        && !component.contains(&b':')
}

fn is_hex(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
