//! Spellings of real runtimes.

use super::{Placement, Runtime};

const ID: &str = "5f3a9c0e7b1d2f4a6c8e0b2d4f6a8c0e1b3d5f7a9c1e3b5d7f9a1c3e5b7d9f01";
const OTHER: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
const POD: &str = "8a6d2c1e-0b3f-4d5a-9e7c-1f2a3b4c5d6e";

/// Path with `ID`, `OTHER`, `POD`, `P_O_D` for the above; runtime, id, pod, class, unit, slice.
type Row = (
    &'static str,
    Option<Runtime>,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const NONE: &str = "";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Version 1 with cgroupfs, version 2 with systemd, inside a service, rootless, nested, Docker in Docker.
    ("/docker/ID", Some(Runtime::Docker), "ID", NONE, NONE, NONE),
    ("/system.slice/docker-ID.scope", Some(Runtime::Docker), "ID", NONE, "docker-ID.scope", "system.slice"),
    ("/system.slice/docker-ID.scope/init.scope", Some(Runtime::Docker), "ID", NONE, "init.scope", "system.slice"),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope", Some(Runtime::Docker), "ID", NONE, "docker-ID.scope", "user.slice"),
    ("/docker/OTHER/docker/ID", Some(Runtime::Docker), "ID", NONE, NONE, NONE),
    ("/docker/ID/system.slice/cron.service", Some(Runtime::Docker), "ID", NONE, "cron.service", "system.slice"),
    ("/docker/buildkit/ID", Some(Runtime::Docker), "ID", NONE, NONE, NONE),
    ("/../docker-ID.scope", Some(Runtime::Docker), "ID", NONE, "docker-ID.scope", NONE),
    ("/ecs/0123456789abcdef0123456789abcdef/ID", Some(Runtime::Docker), "ID", NONE, NONE, NONE),
    // Kubernetes: cgroupfs and systemd, every class of service.
    ("/kubepods/burstable/podPOD/ID", Some(Runtime::Kubernetes), "ID", "burstable", NONE, NONE),
    ("/kubepods/podPOD/ID", Some(Runtime::Kubernetes), "ID", "guaranteed", NONE, NONE),
    ("/kubepods/besteffort/podPOD/crio-ID", Some(Runtime::CriO), "ID", "besteffort", NONE, NONE),
    ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podP_O_D.slice/docker-ID.scope", Some(Runtime::Docker), "ID", "burstable", "docker-ID.scope", "kubepods-burstable-podP_O_D.slice"),
    ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podP_O_D.slice/cri-containerd-ID.scope", Some(Runtime::Containerd), "ID", "besteffort", "cri-containerd-ID.scope", "kubepods-besteffort-podP_O_D.slice"),
    ("/kubepods.slice/kubepods-podP_O_D.slice/crio-ID.scope", Some(Runtime::CriO), "ID", "guaranteed", "crio-ID.scope", "kubepods-podP_O_D.slice"),
    ("/kubepods.slice/kubepods-podP_O_D.slice/crio-conmon-ID.scope", Some(Runtime::CriO), "ID", "guaranteed", "crio-conmon-ID.scope", "kubepods-podP_O_D.slice"),
    ("/system.slice/containerd.service/kubepods-burstable-podP_O_D.slice:cri-containerd:ID", Some(Runtime::Containerd), "ID", "burstable", "containerd.service", "system.slice"),
    ("/docker/OTHER/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-podP_O_D.slice/cri-containerd-ID.scope", Some(Runtime::Containerd), "ID", "burstable", "cri-containerd-ID.scope", "kubelet-kubepods-burstable-podP_O_D.slice"),
    // containerd by itself.
    ("/system.slice/nerdctl-ID.scope", Some(Runtime::Containerd), "ID", NONE, "nerdctl-ID.scope", "system.slice"),
    ("/default/ID", Some(Runtime::Containerd), "ID", NONE, NONE, NONE),
    // Podman: root, rootless, pods, cgroupfs, its monitor.
    ("/machine.slice/libpod-ID.scope/container", Some(Runtime::Podman), "ID", NONE, "libpod-ID.scope", "machine.slice"),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", Some(Runtime::Podman), "ID", NONE, "libpod-ID.scope", "user.slice"),
    ("/machine.slice/machine-libpod_pod_OTHER.slice/libpod-ID.scope", Some(Runtime::Podman), "ID", NONE, "libpod-ID.scope", "machine-libpod_pod_OTHER.slice"),
    ("/machine.slice/libpod-conmon-ID.scope", Some(Runtime::Podman), "ID", NONE, "libpod-conmon-ID.scope", "machine.slice"),
    ("/libpod_parent/libpod-ID", Some(Runtime::Podman), "ID", NONE, NONE, NONE),
    ("/libpod_parent/ID", Some(Runtime::Podman), "ID", NONE, NONE, NONE),
    // Containers with names.
    ("/lxc/web1", Some(Runtime::Lxc), "web1", NONE, NONE, NONE),
    ("/lxc.payload.web1/system.slice/ssh.service", Some(Runtime::Lxc), "web1", NONE, "ssh.service", "system.slice"),
    ("/lxc.payload/web1", Some(Runtime::Lxc), "web1", NONE, NONE, NONE),
    ("/machine.slice/systemd-nspawn@build.service/payload", Some(Runtime::Nspawn), "build", NONE, "systemd-nspawn@build.service", "machine.slice"),
    ("/machine.slice/machine-build.scope", Some(Runtime::Nspawn), "build", NONE, "machine-build.scope", "machine.slice"),
    // No containers.
    ("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", None, NONE, NONE, "machine-qemu\\x2d1\\x2dvm.scope", "machine.slice"),
    ("/system.slice/ssh.service", None, NONE, NONE, "ssh.service", "system.slice"),
    ("/user.slice/user-1000.slice/session-3.scope", None, NONE, NONE, "session-3.scope", "user-1000.slice"),
    ("/init.scope", None, NONE, NONE, "init.scope", NONE),
    ("/docker/not-an-id", None, NONE, NONE, NONE, NONE),
    ("/system.slice/docker-compose.service", None, NONE, NONE, "docker-compose.service", "system.slice"),
    ("/", None, NONE, NONE, NONE, NONE),
    ("", None, NONE, NONE, NONE, NONE),
];

fn fill(text: &str) -> String {
    text.replace("P_O_D", &POD.replace('-', "_"))
        .replace("POD", POD)
        .replace("OTHER", OTHER)
        .replace("ID", ID)
}

#[test]
fn reads_the_spellings_of_runtimes() {
    for (path, runtime, id, quality, unit, slice) in ROWS {
        let path = fill(path);
        let placement = Placement::of(path.as_bytes());
        assert_eq!(placement.runtime, *runtime, "{path}");
        assert_eq!(placement.container_id, fill(id).as_bytes(), "{path}");
        assert_eq!(placement.quality, *quality, "{path}");
        assert_eq!(placement.unit, fill(unit).as_bytes(), "{path}");
        assert_eq!(placement.slice, fill(slice).as_bytes(), "{path}");
        let mut uid = Vec::new();
        placement.pod_uid(&mut uid);
        let expected = if quality.is_empty() { "" } else { POD };
        assert_eq!(uid, expected.as_bytes(), "{path}");
    }
}

#[test]
fn static_pods_have_a_hash_for_a_uid() {
    let path = "/kubepods/burstable/pod0123456789abcdef0123456789abcdef/x";
    let placement = Placement::of(path.as_bytes());
    assert_eq!(placement.pod, b"0123456789abcdef0123456789abcdef");
    assert_eq!(placement.runtime, None);
}

/// Hostile depth ends at the limit, and nothing of the path is needed beyond it.
#[test]
fn depth_is_limited() {
    let path = format!("/docker/{ID}{}", "/x".repeat(super::COMPONENTS_MAX + 1));
    assert_eq!(Placement::of(path.as_bytes()).runtime, None);
    let path = format!("/docker/{ID}{}", "/x".repeat(super::COMPONENTS_MAX - 2));
    assert_eq!(
        Placement::of(path.as_bytes()).runtime,
        Some(Runtime::Docker)
    );
}
