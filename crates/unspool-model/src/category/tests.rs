use super::Category;

#[test]
fn first_rule_wins() {
    for (name, category) in [
        (
            &b"/usr/lib/x86_64-linux-gnu/libc.so.6"[..],
            Category::SharedLibraries,
        ),
        (b"/lib64/ld-linux-x86-64.so.2", Category::SharedLibraries),
        (
            b"/usr/lib/python3/x.sophisticated",
            Category::OtherLibraries,
        ),
        (b"/etc/passwd", Category::SystemConfigFiles),
        (b"/etcetera/passwd", Category::Others),
        (b"/usr/share/zoneinfo/UTC", Category::SystemConfigFiles),
        (b"/usr/share/perl/5.36/strict.pm", Category::OtherLibraries),
        (b"/usr/bin/env", Category::SystemExecutables),
        (b"/proc/self/maps", Category::KernelFileSystems),
        (b"/tmp", Category::TemporaryFiles),
        (b"/dev/null", Category::PipesAndTerminals),
        (b"pipe:[12]", Category::PipesAndTerminals),
        (b"UNIX-STREAM:[1->2]", Category::PipesAndTerminals),
        (
            b"TCP:[1.2.3.4:5->6.7.8.9:10]",
            Category::ConnectedTcpSockets,
        ),
        (b"TCPv6:[[::1]:80]", Category::OtherTcpIpSockets),
        (b"UDP:[0.0.0.0:53]", Category::OtherTcpIpSockets),
        (b"/home/me/data.csv", Category::Others),
    ] {
        assert_eq!(
            Category::of(name),
            category,
            "{}",
            String::from_utf8_lossy(name)
        );
    }
}
