//! Names of containers, from the files that their runtimes keep on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use unspool_model::container::{Placement, Runtime};

use super::json;

/// Longest file of a runtime that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Names that are remembered.
const NAMES_MAX: usize = 10_000;

/// Looks names up and remembers them.
#[derive(Debug)]
pub(crate) struct Names {
    root: PathBuf,
    known: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Default for Names {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Names {
    /// The same with the runtimes' folders below another root.
    pub(super) fn below(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            known: BTreeMap::new(),
        }
    }

    /// Name of the container of a control group, where one is known.
    pub(crate) fn of(&mut self, path: &[u8]) -> Option<Vec<u8>> {
        let placement = Placement::of(path);
        let runtime = placement.runtime?;
        let id = placement.container_id;
        if matches!(runtime, Runtime::Lxc | Runtime::Nspawn) {
            return Some(id.to_vec());
        }
        if let Some(name) = self.known.get(id) {
            return name.clone();
        }
        let name = self.look_up(runtime, std::str::from_utf8(id).ok()?);
        if self.known.len() < NAMES_MAX {
            self.known.insert(id.to_vec(), name.clone());
        }
        name
    }

    fn look_up(&self, runtime: Runtime, id: &str) -> Option<Vec<u8>> {
        match runtime {
            Runtime::Docker => self.docker(id),
            Runtime::Podman => self.podman(id),
            Runtime::CriO => self.crio(id),
            Runtime::Containerd => self.containerd(id),
            // The path does not tell which of them: all are asked.
            Runtime::Kubernetes => self
                .containerd(id)
                .or_else(|| self.crio(id))
                .or_else(|| self.docker(id)),
            Runtime::Lxc | Runtime::Nspawn => None,
        }
    }

    /// `/var/lib/docker/containers/ID/config.v2.json`: `{"Name":"/web"}`.
    fn docker(&self, id: &str) -> Option<Vec<u8>> {
        let config = self.read(&format!("var/lib/docker/containers/{id}/config.v2.json"))?;
        let name = json::text(&config, &["Name"])?;
        Some(name.strip_prefix(b"/").unwrap_or(&name).to_vec())
    }

    /// `/var/lib/containers/storage/overlay-containers/containers.json`: `[{"id":"5f3a","names":["web"]}]`.
    fn podman(&self, id: &str) -> Option<Vec<u8>> {
        ["overlay", "vfs", "btrfs"].iter().find_map(|driver| {
            let list = self.read(&format!(
                "var/lib/containers/storage/{driver}-containers/containers.json"
            ))?;
            json::first_of_list(&list, "id", id.as_bytes(), "names")
        })
    }

    /// The bundle's configuration, with the pod's container name among the annotations.
    fn crio(&self, id: &str) -> Option<Vec<u8>> {
        let config = self.read(&format!(
            "run/containers/storage/overlay-containers/{id}/userdata/config.json"
        ))?;
        json::text(&config, &["annotations", "io.kubernetes.container.name"])
    }

    /// The task's configuration: annotations of the CRI plugin or of nerdctl.
    fn containerd(&self, id: &str) -> Option<Vec<u8>> {
        let keys = ["io.kubernetes.cri.container-name", "nerdctl/name"];
        ["k8s.io", "default", "moby"].iter().find_map(|namespace| {
            let config = self.read(&format!(
                "run/containerd/io.containerd.runtime.v2.task/{namespace}/{id}/config.json"
            ))?;
            keys.iter()
                .find_map(|key| json::text(&config, &["annotations", key]))
        })
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let path = self.root.join(path);
        let len = std::fs::metadata(&path).ok()?.len();
        (len <= FILE_BYTES_MAX).then_some(())?;
        std::fs::read(path).ok()
    }
}
