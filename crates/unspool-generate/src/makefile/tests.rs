use super::*;

fn rule(outputs: &[&str], inputs: &[&str], line: &str) -> Rule {
    let set = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
    Rule {
        outputs: set(outputs),
        inputs: set(inputs),
        lines: vec![line.as_bytes().to_vec()],
        notes: Vec::new(),
    }
}

fn lines(rules: &[Rule]) -> Vec<Vec<&str>> {
    rules
        .iter()
        .map(|rule| {
            rule.lines
                .iter()
                .map(|line| std::str::from_utf8(line).expect("text"))
                .collect()
        })
        .collect()
}

#[test]
fn several_writers_of_a_file_are_one_rule() {
    let rules = graph::merged(&[
        rule(&["/a.o"], &["/a.c"], "cc"),
        rule(&["/b.o"], &["/b.c"], "cc b"),
        rule(&["/a.o"], &["/s"], "strip"),
    ]);
    assert_eq!(lines(&rules), [vec!["cc", "strip"], vec!["cc b"]]);
    assert_eq!(rules[0].inputs.len(), 2);
}

#[test]
fn rings_are_one_rule() {
    let rules = graph::merged(&[
        rule(&["/x"], &["/in"], "one"),
        rule(&["/y"], &["/x"], "two"),
        rule(&["/x"], &["/y"], "three"),
        rule(&["/z"], &["/x"], "four"),
    ]);
    assert_eq!(lines(&rules), [vec!["one", "two", "three"], vec!["four"]]);
    assert!(rules[0].inputs.contains(b"/in".as_slice()) && rules[0].inputs.len() == 1);
}

#[test]
fn names_are_quoted_or_refused() {
    assert_eq!(
        quote::target(b"/a b#c$d:e%").as_deref(),
        Some(br"/a\ b\#c$$d\:e\%".as_slice())
    );
    assert_eq!(
        quote::prerequisite(b"/100%").as_deref(),
        Some(b"/100%".as_slice())
    );
    for name in [b"/a\nb".as_slice(), b"/a\\b", b"/lib(x)", b"/a=b", b"/*"] {
        assert_eq!(quote::target(name), None);
    }
    assert_eq!(
        quote::recipe(b"echo '$x\ny'"),
        b"nl=$$(printf '\\nx') && nl=$${nl%x} && echo '$$x'\"$${nl}\"'y'"
    );
}
