use proptest::prelude::*;
use unspool_model::syscalls::{Architecture, Syscall};

use super::*;

const AUDIT_X86_64: u32 = 0xc000_003e;

/// Runs a filter as the kernel does (net/core/filter.c), for the instructions that are used.
fn run(lines: &[FilterLine], audit: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend_from_slice(&number.to_le_bytes());
    data.extend_from_slice(&audit.to_le_bytes());
    data.extend_from_slice(&[0; 8]);
    for argument in arguments {
        data.extend_from_slice(&argument.to_le_bytes());
    }
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let line = lines[at];
        at += 1;
        let jump = |holds: bool| {
            usize::from(if holds {
                line.jump_true
            } else {
                line.jump_false
            })
        };
        match line.code {
            0x20 => {
                let place = usize::try_from(line.operand).expect("small");
                accumulator = u32::from_le_bytes(data[place..place + 4].try_into().expect("four"));
            }
            0x54 => accumulator &= line.operand,
            0x05 => at += usize::try_from(line.operand).expect("small"),
            0x15 => at += jump(accumulator == line.operand),
            0x25 => at += jump(accumulator > line.operand),
            0x35 => at += jump(accumulator >= line.operand),
            0x06 => return line.operand,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn profile(text: &str) -> Profile {
    Profile::parse(text.as_bytes()).expect("a profile")
}

#[test]
fn named_calls_pass_and_others_do_not() {
    let profile = profile(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["read", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
                         {"names": ["write"], "action": "SCMP_ACT_KILL_PROCESS"}]}"#,
    );
    let lines = compile(&profile, Architecture::X86_64).expect("it compiles");
    assert_eq!(run(&lines, AUDIT_X86_64, 0, [0; 6]), 0x7fff_0000);
    assert_eq!(run(&lines, AUDIT_X86_64, 1, [0; 6]), 0x8000_0000);
    assert_eq!(run(&lines, AUDIT_X86_64, 2, [0; 6]), 0x0005_0026);
    assert_eq!(
        run(&lines, AUDIT_X86_64, 0x4000_0000, [0; 6]),
        0x0005_0026,
        "x32"
    );
    assert_eq!(
        run(&lines, 0x4000_0003, 0, [0; 6]),
        0x0005_0026,
        "another architecture"
    );
}

#[test]
fn what_is_not_understood_is_said() {
    let error = |text: &str| {
        Profile::parse(text.as_bytes())
            .expect_err("refused")
            .message
    };
    assert!(error("{").contains("no JSON"));
    assert!(error("{}").contains("defaultAction"));
    assert!(error(r#"{"defaultAction": "ALLOW"}"#).contains("`ALLOW`"));
    let special = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls":
        [{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}}]}"#;
    assert!(error(special).contains("`includes`"));
    let odd =
        profile(r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390X"]}"#);
    let error = compile(&odd, Architecture::X86_64).expect_err("unknown");
    assert!(error.to_string().contains("S390X"));
}

fn comparison() -> impl Strategy<Value = Comparison> {
    prop_oneof![
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Equal),
        Just(Comparison::GreaterOrEqual),
        Just(Comparison::Greater),
        Just(Comparison::MaskedEqual),
    ]
}

/// Numbers around the places where halves are compared.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4_u64,
        Just(u64::MAX),
        Just(1 << 32),
        Just((1 << 32) | 1),
        Just(u64::from(u32::MAX)),
        any::<u64>(),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let condition = (0..6_u8, comparison(), number(), number()).prop_map(
        |(index, comparison, value, value_two)| Condition {
            index,
            comparison,
            value,
            value_two,
        },
    );
    let names = prop::sample::subsequence(vec!["read", "write", "ioctl"], 1..=3);
    let action = prop_oneof![
        Just(Action::Allow),
        Just(Action::Error(5)),
        Just(Action::KillThread)
    ];
    (names, action, prop::collection::vec(condition, 0..4)).prop_map(
        |(names, action, conditions)| Rule {
            names: names.into_iter().map(str::to_owned).collect(),
            action,
            conditions,
        },
    )
}

proptest! {
    /// The compiled filter answers as the profile does.
    #[test]
    fn compiled_is_meant(
        rules in prop::collection::vec(rule(), 0..6),
        call in prop::sample::select(vec!["read", "write", "ioctl", "close"]),
        arguments in [number(), number(), number(), number(), number(), number()],
    ) {
        let profile = Profile { default: Action::KillProcess, architectures: Vec::new(), rules };
        let lines = compile(&profile, Architecture::X86_64).expect("it compiles");
        let number = Syscall::by_name(call.as_bytes()).and_then(|call| call.row().x86_64).expect("known");
        let meant = profile
            .action_of(call, &|index| arguments.get(usize::from(index)).copied())
            .expect("all arguments are known");
        let expected = match meant {
            Action::Allow => 0x7fff_0000,
            Action::Error(_) => 0x0005_0005,
            Action::KillThread => 0,
            _ => 0x8000_0000,
        };
        prop_assert_eq!(run(&lines, AUDIT_X86_64, u32::from(number), arguments), expected);
    }
}
