use super::{Payload, Policy, Rules, Scrubber, argv, keys::Keys, payload, shapes, token};
use crate::{Scrub as _, TextKind};
use proptest::prelude::*;

fn scrubber() -> Scrubber {
    Scrubber::new(Policy::Default, [7; 32])
}

fn with_payload() -> Scrubber {
    Scrubber::with_rules(
        Policy::Default,
        [7; 32],
        &Rules {
            payload: Payload::Scrubbed,
            ..Rules::default()
        },
    )
}

/// Tokens shortened to `‹›`, so that expectations can be read.
fn shorten(bytes: &[u8]) -> String {
    let mut short = Vec::new();
    let mut at = 0;
    for span in token::spans(bytes) {
        short.extend_from_slice(&bytes[at..span.start]);
        short.extend_from_slice("‹›".as_bytes());
        at = span.end;
    }
    short.extend_from_slice(&bytes[at..]);
    String::from_utf8_lossy(&short).into_owned()
}

fn scrub_argv(line: &str) -> String {
    let mut argv: Vec<Vec<u8>> = line
        .split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect();
    scrubber().argv(&mut argv);
    let words: Vec<String> = argv.iter().map(|word| shorten(word)).collect();
    words.join(" ")
}

fn scrub_text(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    scrubber().text(TextKind::Argument, &mut bytes);
    shorten(&bytes)
}

fn scrub_line_with(scrubber: &Scrubber, line: &str) -> String {
    let mut out = Vec::new();
    let changed = scrubber.scrub_line(line.as_bytes(), &mut out);
    assert_eq!(changed, out != line.as_bytes(), "{line}");
    shorten(&out)
}

fn scrub_line(line: &str) -> String {
    scrub_line_with(&scrubber(), line)
}

#[test]
fn the_token_is_the_hmac_of_the_secret() {
    // printf hunter2 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707...07
    let mut bytes = b"password=hunter2".to_vec();
    scrubber().text(TextKind::Argument, &mut bytes);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "password=‹redacted:326eb4f6›"
    );
}

#[test]
fn the_same_secret_gives_the_same_token_in_a_run_and_another_one_in_the_next() {
    let token_with = |key: [u8; 32], text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        Scrubber::new(Policy::Default, key).text(TextKind::Argument, &mut bytes);
        let span = token::spans(&bytes).next().expect("a token");
        bytes[span].to_vec()
    };
    assert_eq!(
        token_with([1; 32], "password=hunter2"),
        token_with([1; 32], "http://x/?token=hunter2&a=b")
    );
    assert_ne!(
        token_with([1; 32], "password=hunter2"),
        token_with([2; 32], "password=hunter2")
    );
    assert_ne!(
        token_with([1; 32], "password=hunter2"),
        token_with([1; 32], "password=hunter3")
    );
}

#[test]
fn environment_names_stay_and_values_only_for_harmless_names() {
    let mut env: Vec<Vec<u8>> = [
        "PATH=/bin:/usr/bin",
        "LC_ALL=C",
        "AWS_REGION=eu-1",
        "EMPTY=",
        "no equals",
        "HOME=/root",
        "GIT_TRACE=1",
        "DB_PASSWORD=1",
    ]
    .iter()
    .map(|entry| entry.as_bytes().to_vec())
    .collect();
    scrubber().env(&mut env);
    let env: Vec<String> = env.iter().map(|entry| shorten(entry)).collect();
    assert_eq!(
        env,
        [
            "PATH=/bin:/usr/bin",
            "LC_ALL=C",
            "AWS_REGION=‹›",
            "EMPTY=",
            "no equals",
            "HOME=/root",
            "GIT_TRACE=1",
            "DB_PASSWORD=‹›"
        ]
    );
}

#[test]
fn user_rules_add_keys_and_variables() {
    let rules = Rules {
        secret_keys: vec![b"licence_no".to_vec()],
        kept_environment: vec![b"AWS_REGION".to_vec()],
        payload: Payload::Never,
    };
    let scrubber = Scrubber::with_rules(Policy::Default, [7; 32], &rules);
    let mut env = vec![b"AWS_REGION=eu-1".to_vec(), b"OTHER=one".to_vec()];
    scrubber.env(&mut env);
    assert_eq!(shorten(&env.concat()), "AWS_REGION=eu-1OTHER=‹›");
    let mut argv = vec![
        b"x".to_vec(),
        b"--licence-no=44".to_vec(),
        b"--LicenceNo".to_vec(),
        b"45".to_vec(),
    ];
    scrubber.argv(&mut argv);
    assert_eq!(
        shorten(&argv.join(&b' ')),
        "x --licence-no=‹› --LicenceNo ‹›"
    );
}

#[test]
fn policy_none_changes_nothing() {
    let scrubber = Scrubber::new(Policy::None, [7; 32]);
    let mut argv = vec![b"mysql".to_vec(), b"-phunter2".to_vec()];
    scrubber.argv(&mut argv);
    let mut env = vec![b"TOKEN=x1".to_vec()];
    scrubber.env(&mut env);
    let mut text = b"password=hunter2".to_vec();
    scrubber.text(TextKind::Payload, &mut text);
    assert_eq!(
        (argv[1].as_slice(), env[0].as_slice(), text.as_slice()),
        (
            &b"-phunter2"[..],
            &b"TOKEN=x1"[..],
            &b"password=hunter2"[..]
        )
    );
    assert_eq!(
        scrub_line_with(&scrubber, "1 read(3, \"abc\", 3) = 3"),
        "1 read(3, \"abc\", 3) = 3"
    );
    assert!(scrubber.payload_allowed(b"/etc/shadow"));
}

/// Command lines, words divided by one blank, before and after.
const COMMAND_LINES: &[(&str, &str)] = &[
    ("mysql -uroot -phunter2 db", "mysql -uroot -p‹› db"),
    ("mysql -u root -p db", "mysql -u root -p db"),
    (
        "mysql --password=hunter2 --port=3306 db",
        "mysql --password=‹› --port=3306 db",
    ),
    (
        "/usr/bin/mysqldump --password db",
        "/usr/bin/mysqldump --password db",
    ),
    ("sudo -u app mysql -phunter2", "sudo -u app mysql -p‹›"),
    (
        "curl -u bob:hunter2 https://example.org/",
        "curl -u bob:‹› https://example.org/",
    ),
    ("curl -ubob:hunter2 x", "curl -ubob:‹› x"),
    ("curl -u bob x", "curl -u bob x"),
    ("curl --oauth2-bearer abc x", "curl --oauth2-bearer ‹› x"),
    ("sshpass -p hunter2 ssh host", "sshpass -p ‹› ssh host"),
    ("sshpass -phunter2 ssh host", "sshpass -p‹› ssh host"),
    (
        "docker login -u bob -p hunter2 reg",
        "docker login -u bob -p ‹› reg",
    ),
    ("docker run -p 80:80 nginx", "docker run -p 80:80 nginx"),
    (
        "docker login --password-stdin reg",
        "docker login --password-stdin reg",
    ),
    ("redis-cli -a hunter2 ping", "redis-cli -a ‹› ping"),
    (
        "psql --no-password --host=h db",
        "psql --no-password --host=h db",
    ),
    (
        "smbclient -U bob%hunter2 //h/s",
        "smbclient -U bob%‹› //h/s",
    ),
    ("sqlplus scott/tiger@db", "sqlplus scott/‹›@db"),
    ("7z a -phunter2 a.7z f", "7z a -p‹› a.7z f"),
    (
        "openssl enc -pass pass:hunter2 -in f",
        "openssl enc -pass pass:‹› -in f",
    ),
    ("openssl enc -pass file:k", "openssl enc -pass file:k"),
    ("ld -pass-through=-lgcc", "ld -pass-through=-lgcc"),
    ("htpasswd -b file bob hunter2", "htpasswd -b file bob ‹›"),
    ("htpasswd -B file bob other", "htpasswd -B file bob other"),
    (
        "aws configure set aws_secret_access_key abc/def",
        "aws configure set aws_secret_access_key ‹›",
    ),
    ("git add my_token.txt other", "git add my_token.txt other"),
    (
        "mc alias set prod https://h AKEY SKEY",
        "mc alias set prod https://h AKEY ‹›",
    ),
    ("ls -p dir", "ls -p dir"),
    (
        "python3 -m http.server -p 8080",
        "python3 -m http.server -p 8080",
    ),
    (
        "tool --api-key k1 --token=t1 --verbose",
        "tool --api-key ‹› --token=‹› --verbose",
    ),
    (
        "tool --token-file /run/x --max-tokens=5",
        "tool --token-file /run/x --max-tokens=‹›",
    ),
    (
        "git commit --author=me -m fix",
        "git commit --author=me -m fix",
    ),
    ("env DB_PASSWORD=a,b;c tool", "env DB_PASSWORD=‹› tool"),
    (
        "gcc -c main.c -o main.o -DAUTHOR=me",
        "gcc -c main.c -o main.o -DAUTHOR=me",
    ),
];

#[test]
fn command_lines_of_known_programs() {
    for (line, expected) in COMMAND_LINES {
        assert_eq!(scrub_argv(line), *expected);
    }
}

#[test]
fn command_lines_inside_one_argument() {
    let mut argv = vec![
        b"sh".to_vec(),
        b"-c".to_vec(),
        br#"cd /tmp && mysql -phunter2 db | curl -H "X-Api-Key: abc def" -u 'bob:a b' http://h/; sudo sh -c "sshpass -p 'x y' ssh h""#.to_vec(),
    ];
    scrubber().argv(&mut argv);
    assert_eq!(
        shorten(&argv[2]),
        r#"cd /tmp && mysql -p‹› db | curl -H "X-Api-Key: ‹›" -u 'bob:‹›' http://h/; sudo sh -c "sshpass -p '‹›' ssh h""#
    );
}

#[test]
fn running_text() {
    for (text, expected) in [
        ("password=hunter2 next", "password=‹› next"),
        (
            "\"api_key\": \"k 1\", \"a\": 1",
            "\"api_key\": \"‹›\", \"a\": 1",
        ),
        (
            "https://bob:pw@h.example/p?a=1&token=t1&b=2#f",
            "https://‹›@h.example/p?a=1&token=‹›&b=2#f",
        ),
        ("https://ghtoken@h/", "https://‹›@h/"),
        ("ssh://git@github.com/x", "ssh://git@github.com/x"),
        ("https://h/?sig=abc&x=1", "https://h/?sig=‹›&x=1"),
        ("key=1", "key=1"),
        (
            "Authorization: Basic Ym9iOnB3\r\nHost: h",
            "Authorization: Basic ‹›\r\nHost: h",
        ),
        ("Cookie: a=b; c=d\r\nHost: h", "Cookie: ‹›\r\nHost: h"),
        ("Bearer abcdefgh.ijkl", "Bearer ‹›"),
        ("id AKIAIOSFODNN7EXAMPLE end", "id ‹› end"),
        ("ghp_0123456789abcdefABCDEF0123456789abcd", "‹›"),
        ("xoxb-123456789012-abcdef", "‹›"),
        ("sk-ant-api03-0123456789abcdef", "‹›"),
        (
            "disk-usage-of-the-whole-machine-0",
            "disk-usage-of-the-whole-machine-0",
        ),
        (
            "/usr/share/task-with-a-long-long-name1",
            "/usr/share/task-with-a-long-long-name1",
        ),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!", "‹›!"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----‹›-----END RSA PRIVATE KEY-----\n",
        ),
        ("std::token::Token", "std::token::Token"),
        ("PATH=/opt/token:/bin", "PATH=/opt/token:/bin"),
        (
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
        ),
        ("PasswordAuthentication=no", "PasswordAuthentication=no"),
        ("user[password]=x&y=1", "user[password]=‹›&y=1"),
    ] {
        assert_eq!(scrub_text(text), expected, "{text}");
    }
}

#[test]
fn lines_of_strace() {
    for (line, expected) in [
        (
            r#"12 1.5 execve("/bin/mysql", ["mysql", "-phunter2"], 0x7ff /* 35 vars */) = 0"#,
            r#"12 1.5 execve("/bin/mysql", ["mysql", "-p‹›"], 0x7ff /* 35 vars */) = 0"#,
        ),
        (
            r#"execve("/bin/x", ["x", "-c", "a\n\"b\" --password='p\"q' z"], ["PATH=/bin", "X=1", "Y="]) = 0"#,
            r#"execve("/bin/x", ["x", "-c", "a\n\"b\" --password='‹›' z"], ["PATH=/bin", "X=1", "Y="]) = 0"#,
        ),
        (
            r#"execve("/bin/x", [], ["PATH=/bin", "X=y1"...]) = 0"#,
            r#"execve("/bin/x", [], ["PATH=/bin", "X=‹›"...]) = 0"#,
        ),
        (
            r#"[pid  12] write(1</dev/pts/0<char 136:0>>, "hello\n", 6) = 6"#,
            r#"[pid  12] write(1</dev/pts/0<char 136:0>>, ""..., 6) = 6"#,
        ),
        (
            r#"read(3</tmp/a\"b>, "x\") = 1"..., 9) = 9 <0.000010>"#,
            r#"read(3</tmp/a\"b>, ""..., 9) = 9 <0.000010>"#,
        ),
        (r#"read(3, "", 9) = 0"#, r#"read(3, "", 9) = 0"#),
        (r#"read(3, ""..., 9) = 4"#, r#"read(3, ""..., 9) = 4"#),
        ("read(3,  <unfinished ...>", "read(3,  <unfinished ...>"),
        (
            r#"12 <... read resumed>"abc", 9) = 3"#,
            r#"12 <... read resumed>""..., 9) = 3"#,
        ),
        (
            r#"writev(1, [{iov_base="ab", iov_len=2}, {iov_base="c\"d", iov_len=3}], 2) = 5"#,
            r#"writev(1, [{iov_base=""..., iov_len=2}, {iov_base=""..., iov_len=3}], 2) = 5"#,
        ),
        (
            r#"sendto(3, "GET /", 5, 0, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, 16) = 5"#,
            r#"sendto(3, ""..., 5, 0, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, 16) = 5"#,
        ),
        (
            r#"sendto(3, "GET /", 5, 0, NULL, 0) = 5"#,
            r#"sendto(3, ""..., 5, 0, NULL, 0) = 5"#,
        ),
        (
            r#"setxattr("/f", "user.x", "value", 5, 0) = 0"#,
            r#"setxattr("/f", "user.x", ""..., 5, 0) = 0"#,
        ),
        (
            r#"openat(AT_FDCWD, "/tmp/x?token=abc", O_RDONLY) = 3</tmp/x?token=abc>"#,
            r#"openat(AT_FDCWD, "/tmp/x?token=‹›", O_RDONLY) = 3</tmp/x?token=‹›>"#,
        ),
        (
            r#"connect(3, {sa_family=AF_UNIX, sun_path="/run/s"}, 110) = 0"#,
            r#"connect(3, {sa_family=AF_UNIX, sun_path="/run/s"}, 110) = 0"#,
        ),
        (
            r#"execve("/x", ["\x78", "\x2d\x2d\x74\x6f\x6b\x65\x6e\x3d\x61\x62"], NULL) = 0"#,
            r#"execve("/x", ["\x78", "\x2d\x2d\x74\x6f\x6b\x65\x6e\x3d‹›"], NULL) = 0"#,
        ),
        (" | 00000  68 65 6c 6c 6f  hello |", " | 00000  ‹›"),
        ("+++ exited with 0 +++", "+++ exited with 0 +++"),
        (
            r"fstat(3, {st_mode=S_IFREG|0644, st_size=12}) = 0 <0.000008>",
            r"fstat(3, {st_mode=S_IFREG|0644, st_size=12}) = 0 <0.000008>",
        ),
    ] {
        assert_eq!(scrub_line(line), expected);
    }
}

#[test]
fn lines_of_ltrace() {
    for (line, expected) in [
        (
            r#"12 getenv("MYSQL_PWD") = "hunter2" <0.0001>"#,
            r#"12 getenv("MYSQL_PWD") = "‹›" <0.0001>"#,
        ),
        (
            r#"12 libc.so.6->getenv("PATH") = "/bin""#,
            r#"12 libc.so.6->getenv("PATH") = "/bin""#,
        ),
        (
            r#"12 <... getenv resumed> ) = "hunter2""#,
            r#"12 <... getenv resumed> ) = "‹›""#,
        ),
        (
            r#"setenv("X", "a"b", 1) = 0"#,
            r#"setenv("X", "‹›", 1) = 0"#,
        ),
        (r#"putenv("X=secret value") = 0"#, r#"putenv("X=‹›") = 0"#),
        (r#"puts("say "hi" = ") = 1"#, r#"puts(""...) = 1"#),
        (
            r#"fgets("abc", 10, 0x55) = "abc""#,
            r#"fgets(""..., 10, 0x55) = ""..."#,
        ),
        (
            r#"SYS_read(3, "\177ELF", 832) = 832"#,
            r#"SYS_read(3, ""..., 832) = 832"#,
        ),
        (
            r#"read@SYS(3, "abc", 832) = 3"#,
            r#"read@SYS(3, ""..., 832) = 3"#,
        ),
        (
            r#"strcmp("zeta) = 1", "al"pha") = 25"#,
            r#"strcmp("zeta) = 1", "al"pha") = 25"#,
        ),
        (
            r#"strlen("DB_PASSWORD=hunter2") = 19"#,
            r#"strlen("DB_PASSWORD=‹›") = 19"#,
        ),
        (
            r#"execlp("mysql", "mysql", "-phunter2", nil) = -1"#,
            r#"execlp("mysql", "mysql", "-p‹›", nil) = -1"#,
        ),
    ] {
        assert_eq!(scrub_line(line), expected);
    }
}

#[test]
fn data_that_was_asked_for_is_scrubbed_and_never_that_of_secret_files() {
    let scrubber = with_payload();
    for (line, expected) in [
        (
            r#"7 write(1, "hello token=abc\n", 16) = 16"#,
            r#"7 write(1, "hello token=‹›\n", 16) = 16"#,
        ),
        (
            r#"7 read(3</etc/shadow>, "root:x", 6) = 6"#,
            r#"7 read(3</etc/shadow>, ""..., 6) = 6"#,
        ),
        (
            r"7 read(0</dev/pts/3<char 136:3>>,  <unfinished ...>",
            r"7 read(0</dev/pts/3<char 136:3>>,  <unfinished ...>",
        ),
        (
            r#"8 <... read resumed>"abc", 9) = 3"#,
            r#"8 <... read resumed>"abc", 9) = 3"#,
        ),
        (
            r#"7 <... read resumed>"hunter2\n", 9) = 8"#,
            r#"7 <... read resumed>""..., 9) = 8"#,
        ),
        (
            r#"7 <... read resumed>"abc", 9) = 3"#,
            r#"7 <... read resumed>"abc", 9) = 3"#,
        ),
    ] {
        assert_eq!(scrub_line_with(&scrubber, line), expected);
    }
}

#[test]
fn data_of_secret_files_is_not_allowed() {
    for path in [
        "/etc/shadow",
        "/a/b.pem",
        "/home/u/.ssh/id_ed25519",
        "/root/.netrc",
        "/dev/pts/1",
        "/dev/tty",
        "/x/.aws/credentials",
        "/proc/12/environ",
        "/x/server.key (deleted)",
    ] {
        assert!(!payload::allows(path.as_bytes()), "{path}");
    }
    for path in [
        "/etc/passwd",
        "/home/u/.ssh/id_ed25519.pub",
        "/a/b.pem.txt",
        "pipe:[12]",
        "/a/keys",
        "socket:[3]",
    ] {
        assert!(payload::allows(path.as_bytes()), "{path}");
    }
}

#[test]
fn values_that_the_command_got_are_found_wherever_they_turn_up() {
    let mut scrubber = scrubber();
    scrubber.learn_argv(&[b"mysql".to_vec(), b"-phunter22hunter".to_vec()]);
    scrubber.learn_env(&[
        b"DB_PASSWORD=correct horse".to_vec(),
        b"CANARY=a1b2c3d4e5f6a7b8".to_vec(),
        b"XDG_X=/run/user/0".to_vec(),
    ]);
    assert_eq!(
        scrub_line_with(&scrubber, r#"1 strlen("hunter22hunter") = 14"#),
        r#"1 strlen("‹›") = 14"#
    );
    assert_eq!(
        scrub_line_with(&scrubber, r#"1 strchr("x=correct horse", '=') = 1"#),
        r#"1 strchr("x=‹›", '=') = 1"#
    );
    assert_eq!(
        scrub_line_with(
            &scrubber,
            r#"1 openat(AT_FDCWD, "/tmp/a1b2c3d4e5f6a7b8", 0) = 1"#
        ),
        r#"1 openat(AT_FDCWD, "/tmp/‹›", 0) = 1"#
    );
    assert_eq!(
        scrub_line_with(&scrubber, r#"1 chdir("/run/user/0") = 0"#),
        r#"1 chdir("/run/user/0") = 0"#
    );
}

/// Ten secrets in the places where the reliability study found the peers to leak them.
#[test]
fn no_canary_survives() {
    let canaries = [
        "envCANARY1x",
        "argvCANARY2x",
        "argvCANARY3x",
        "fileCANARY4x",
        "headerCANARY5x",
        "urlCANARY6x",
        "urlCANARY7x",
        "keyCANARY8x",
        "nameCANARY9x",
        "socketCANARY10x",
    ];
    let lines = [
        r#"1 execve("/usr/bin/sh", ["sh", "-c", "mysql -pargvCANARY2x; x --token argvCANARY3x"], ["APP=envCANARY1x"]) = 0"#,
        r#"1 read(3</etc/app.conf>, "password=fileCANARY4x\n", 22) = 22"#,
        r#"1 sendto(5, "GET / HTTP/1.1\r\nAuthorization: Bearer headerCANARY5x\r\n\r\n", 60, 0, NULL, 0) = 60"#,
        r#"1 execve("/usr/bin/curl", ["curl", "http://bob:urlCANARY6x@h/", "http://h/?api_key=urlCANARY7x"], NULL) = 0"#,
        r#"1 write(1, "-----BEGIN OPENSSH PRIVATE KEY-----\nkeyCANARY8x\n-----END OPENSSH PRIVATE KEY-----\n", 90) = 90"#,
        r#"1 openat(AT_FDCWD, "/tmp/secret=nameCANARY9x", O_RDONLY) = 3</tmp/secret=nameCANARY9x>"#,
        r#"1 connect(3, {sa_family=AF_UNIX, sun_path="/run/app?token=socketCANARY10x"}, 110) = 0"#,
    ];
    for scrubber in [scrubber(), with_payload()] {
        let mut out = Vec::new();
        for line in lines {
            scrubber.scrub_line(line.as_bytes(), &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        for canary in canaries {
            assert!(lines.concat().contains(canary));
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
}

#[test]
fn tables_are_in_the_order_that_their_search_needs() {
    assert!(payload::is_sorted());
}

#[test]
fn every_shape_passes_the_quick_look() {
    for prefix in shapes::prefixes() {
        let text = [b"x ", prefix, b"0123456789ABCDEF0123456789ABCDEF"].concat();
        assert!(
            shapes::may_hold_shape(&text),
            "{}",
            String::from_utf8_lossy(prefix)
        );
        let mut found = Vec::new();
        shapes::find(&text, &mut found);
        assert_eq!(
            found,
            vec![2..text.len(); 1],
            "{}",
            String::from_utf8_lossy(prefix)
        );
    }
}

#[test]
fn nested_command_lines_end_at_the_limit() {
    let mut line = "mysql -phunter2".to_owned();
    for _ in 0..12 {
        line = format!("sh -c '{}'", line.replace('\'', "'\\''"));
    }
    let words: Vec<&[u8]> = vec![b"sh", b"-c", line.as_bytes()];
    assert!(argv::find(&words, &Keys::new(&[], &[])).len() < 10_000);
}

/// Text made of the pieces that the rules look at, so that they meet in every way.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("password"),
        Just("token"),
        Just("="),
        Just(":"),
        Just("\""),
        Just("\\\""),
        Just("\\n"),
        Just("\\x41"),
        Just("'"),
        Just(" "),
        Just("&"),
        Just("?"),
        Just("://"),
        Just("@"),
        Just("/"),
        Just("-p"),
        Just("--token"),
        Just("mysql"),
        Just("curl"),
        Just("-u"),
        Just("sk-0123456789abcdef01"),
        Just("AKIA0123456789ABCDEF"),
        Just("eyJhbGciOiJIUzI1NiJ9"),
        Just("."),
        Just("Bearer "),
        Just("Authorization"),
        Just("-----BEGIN KEY-----"),
        Just("-----END KEY-----"),
        Just("[\""),
        Just("\", \""),
        Just("\"]"),
        Just("execve("),
        Just("read("),
        Just("write("),
        Just("sendto("),
        Just("getenv("),
        Just("setenv("),
        Just("putenv("),
        Just(") = 3"),
        Just("{"),
        Just("<... read resumed>"),
        Just("abc"),
        Just("‹redacted:01234567›"),
        Just("‹redacted:"),
        Just("‹"),
        Just(" | 00000  "),
        Just("\\"),
        Just(","),
        Just(";"),
        Just("1 "),
        Just("..."),
        Just("sqlplus"),
        Just("aws configure set a_token"),
        Just("Basic "),
        Just("%"),
        Just("\\101"),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Names of calls: with data, with programs, with neither, and some that are no names.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("read"),
        Just("write"),
        Just("sendto"),
        Just("recvmsg"),
        Just("getxattr"),
        Just("SYS_read"),
        Just("openat"),
        Just("newfstatat"),
        Just("close"),
        Just("execve"),
        Just("getenv"),
        Just("getsockopt"),
        Just("sk_live_0123456789"),
        Just("eyJhbGciOiJIUzI1NiJ9"),
        Just("token="),
        Just("a b"),
        Just(""),
    ]
    .prop_map(str::to_owned)
}

/// Arguments: mostly as strace prints them, with a few pieces that the rules look at among and in them.
fn argument_pieces() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        Just("3</etc/passwd>"),
        Just("AT_FDCWD</tmp>"),
        Just("\"/usr/lib/x.so\""),
        Just("\"\""),
        Just("\"\"..."),
        Just("\"root:x:0:0\\n\"..."),
        Just("\"\\177ELF\\2e\"..."),
        Just("\"data that goes on\""),
        Just("{st_mode=S_IFREG|0644, st_size=606, ...}"),
        Just("0<pipe:[144332]>"),
        Just("5<TCP:[127.0.0.1:80->127.0.0.1:3306]>"),
        Just("O_RDONLY|O_CLOEXEC"),
        Just("4096"),
        Just("NULL"),
        Just("licence_no=\"x\""),
        Just("x42=1"),
        Just("Cookie: none"),
        Just("hunter2hunter2"),
        Just("socket=\"x\""),
        Just("the even eyes said so"),
        Just("\"p\\\\141ssword=hunter2\""),
    ]
    .prop_map(str::to_owned);
    let part = prop_oneof![6 => plain, 1 => pieces()];
    proptest::collection::vec((part, prop_oneof![4 => Just(", "), 1 => Just("")]), 0..7).prop_map(
        |parts| {
            parts
                .into_iter()
                .flat_map(|(part, comma)| [part, comma.to_owned()])
                .collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scrubbing_a_line_twice_is_scrubbing_it_once(line in pieces()) {
        for scrubber in [scrubber(), with_payload()] {
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            scrubber.scrub_line(line.as_bytes(), &mut once);
            let changed = scrubber.scrub_line(&once, &mut twice);
            prop_assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice), "from {}", line);
            prop_assert!(!changed);
        }
    }

    #[test]
    fn scrubbing_a_text_twice_is_scrubbing_it_once(text in pieces()) {
        let mut once = text.as_bytes().to_vec();
        scrubber().text(TextKind::Argument, &mut once);
        let mut twice = once.clone();
        scrubber().text(TextKind::Argument, &mut twice);
        prop_assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice));
    }

    #[test]
    fn scrubbing_arguments_twice_is_scrubbing_them_once(line in pieces()) {
        let mut once: Vec<Vec<u8>> = line.split(',').map(|word| word.as_bytes().to_vec()).collect();
        let count = once.len();
        scrubber().argv(&mut once);
        let mut twice = once.clone();
        scrubber().argv(&mut twice);
        prop_assert_eq!(twice.len(), count);
        prop_assert_eq!(shorten(&once.join(&b'\n')), shorten(&twice.join(&b'\n')), "from {}", line);
    }

    #[test]
    fn the_quick_look_at_arguments_tells_what_the_whole_search_tells(
        name in name(),
        args in argument_pieces(),
        tid in proptest::option::of(1u32..99_999),
    ) {
        let rules = Rules { secret_keys: vec![b"licence_no".to_vec(), b"42".to_vec()], ..Rules::default() };
        let mut learned = scrubber();
        learned.learn_argv(&[b"mysql".to_vec(), b"-phunter2hunter2".to_vec()]);
        for scrubber in [scrubber(), with_payload(), Scrubber::with_rules(Policy::Default, [7; 32], &rules), learned] {
            let (mut quick, mut whole) = (Vec::new(), Vec::new());
            let quick_changed = scrubber.scrub_arguments(tid, name.as_bytes(), args.as_bytes(), &mut quick);
            let whole_changed = scrubber.scrub_arguments_wholly(tid, name.as_bytes(), args.as_bytes(), &mut whole);
            prop_assert_eq!(quick_changed, whole_changed, "{}({})", &name, &args);
            prop_assert_eq!(String::from_utf8_lossy(&quick), String::from_utf8_lossy(&whole), "{}({})", &name, &args);
        }
    }

    #[test]
    fn any_bytes_pass(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut out = Vec::new();
        scrubber().scrub_line(&line, &mut out);
        prop_assert!(out.len() <= line.len() * (token::TOKEN_LEN + 1) + token::TOKEN_LEN);
    }

    #[test]
    fn a_canary_after_a_secret_key_never_survives(before in pieces(), key in "(DB_)?(password|api_key|secret|auth_token)", after in "[ &;,\"')]?") {
        let mut bytes = format!("{before} {key}=CANARY7{after}").into_bytes();
        scrubber().text(TextKind::Payload, &mut bytes);
        prop_assert!(!String::from_utf8_lossy(&bytes).contains("CANARY7"));
    }
}
