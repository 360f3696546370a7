use super::*;

/// Numbers taken by hand from the kernel's tables.
#[test]
fn rows_have_the_kernels_numbers() {
    let table = RoleTable::new();
    let name = |arch, number| table.row(arch, number).map(|row| row.name);
    assert_eq!(name(architecture::X86_64, 257), Some("openat"));
    assert_eq!(name(architecture::AARCH64, 56), Some("openat"));
    assert_eq!(name(architecture::I386, 295), Some("openat"));
    assert_eq!(name(architecture::X86_64, 0), Some("read"));
    assert_eq!(name(architecture::AARCH64, 63), Some("read"));
    assert_eq!(name(architecture::I386, 3), Some("read"));
    assert_eq!(
        name(architecture::X86_64, 110),
        None,
        "getppid has nothing to look at"
    );
    assert_eq!(name(architecture::OTHER, 0), None);
    assert_eq!(name(architecture::X86_64, u64::MAX), None);
}

#[test]
fn no_number_stands_twice() {
    for architecture in 0..3 {
        let mut seen = std::collections::BTreeMap::new();
        for row in table::ROWS {
            let number = row.numbers[architecture];
            if number != NONE {
                assert_eq!(
                    seen.insert(number, row.name),
                    None,
                    "{} of architecture {architecture}",
                    row.name
                );
            }
        }
    }
}

#[test]
fn details_grow() {
    let count = |detail| numbers_of(detail, architecture::X86_64).map(|numbers| numbers.len());
    assert_eq!(count(Detail::Tree), Some(0));
    assert!(count(Detail::Names) > Some(100));
    assert!(count(Detail::Io) > count(Detail::Names));
    assert_eq!(count(Detail::Full), None);
}
