//! Programs that take a secret on their command line in a way that no name gives away.

use super::sieve::Sieve;

/// How an option or an operand of a program holds a secret.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// `-pSECRET`.
    Attached(&'static [u8]),
    /// `-a SECRET`.
    Separate(&'static [u8]),
    /// `-p SECRET` and `-pSECRET`.
    Both(&'static [u8]),
    /// `-u USER:SECRET` and `-uUSER:SECRET`, with the byte that divides the two.
    Divided(&'static [u8], u8),
    /// The first operand that holds `/` is `USER/SECRET[@DATABASE]`.
    UserSlash,
    /// The operand that follows this word.
    AfterWord(&'static [u8]),
    /// The operand with this number, counted from 0, when the option is given.
    Operand(usize, &'static [u8]),
    /// The operand that follows one that is the name of a secret: `aws configure set aws_secret_access_key X`.
    AfterKey,
}

/// The rules of programs that share them.
#[derive(Debug)]
pub(super) struct Program {
    /// Base names.
    pub names: &'static [&'static [u8]],
    /// A word that has to stand before the options, empty when none has to: `login` of `docker login`.
    pub subcommand: &'static [u8],
    pub rules: &'static [Rule],
}

/// The table. One entry for each way of giving a secret; a name may stand in several.
pub(super) static PROGRAMS: &[Program] = &[
    Program {
        names: &[
            b"mysql",
            b"mysqldump",
            b"mysqladmin",
            b"mysqlimport",
            b"mysqlshow",
            b"mysqlcheck",
            b"mysqlsh",
            b"mariadb",
            b"mariadb-dump",
            b"mariadb-admin",
            b"mycli",
        ],
        subcommand: b"",
        rules: &[Rule::Attached(b"-p")],
    },
    Program {
        names: &[b"curl"],
        subcommand: b"",
        rules: &[
            Rule::Divided(b"-u", b':'),
            Rule::Divided(b"--user", b':'),
            Rule::Divided(b"-U", b':'),
            Rule::Divided(b"--proxy-user", b':'),
            Rule::Divided(b"-E", b':'),
            Rule::Divided(b"--cert", b':'),
            Rule::Both(b"-b"),
            Rule::Separate(b"--cookie"),
        ],
    },
    Program {
        names: &[b"http", b"https", b"xh"],
        subcommand: b"",
        rules: &[Rule::Divided(b"-a", b':'), Rule::Divided(b"--auth", b':')],
    },
    Program {
        names: &[b"sshpass"],
        subcommand: b"",
        rules: &[Rule::Both(b"-p")],
    },
    Program {
        names: &[
            b"docker", b"podman", b"buildah", b"skopeo", b"oras", b"crane", b"nerdctl", b"oc",
            b"helm", b"az",
        ],
        subcommand: b"login",
        rules: &[Rule::Both(b"-p")],
    },
    Program {
        names: &[b"redis-cli", b"valkey-cli", b"redis-benchmark"],
        subcommand: b"",
        rules: &[Rule::Separate(b"-a"), Rule::Separate(b"--pass")],
    },
    Program {
        names: &[
            b"mongo",
            b"mongosh",
            b"mongodump",
            b"mongorestore",
            b"mongoimport",
            b"mongoexport",
        ],
        subcommand: b"",
        rules: &[Rule::Both(b"-p")],
    },
    Program {
        names: &[
            b"ldapsearch",
            b"ldapadd",
            b"ldapmodify",
            b"ldapdelete",
            b"ldappasswd",
            b"ldapwhoami",
            b"ldapcompare",
        ],
        subcommand: b"",
        rules: &[Rule::Both(b"-w"), Rule::Both(b"-s"), Rule::Both(b"-a")],
    },
    Program {
        names: &[
            b"smbclient",
            b"smbget",
            b"rpcclient",
            b"net",
            b"smbmap",
            b"nmblookup",
        ],
        subcommand: b"",
        rules: &[Rule::Divided(b"-U", b'%'), Rule::Divided(b"--user", b'%')],
    },
    Program {
        names: &[b"sqlcmd", b"bcp", b"tsql", b"isql", b"osql"],
        subcommand: b"",
        rules: &[Rule::Both(b"-P")],
    },
    Program {
        names: &[
            b"sqlplus", b"expdp", b"impdp", b"exp", b"imp", b"sqlldr", b"rman",
        ],
        subcommand: b"",
        rules: &[Rule::UserSlash],
    },
    Program {
        names: &[b"7z", b"7za", b"7zr", b"7zz", b"rar", b"unrar"],
        subcommand: b"",
        rules: &[Rule::Attached(b"-p"), Rule::Attached(b"-hp")],
    },
    Program {
        names: &[b"zip", b"unzip", b"zipcloak"],
        subcommand: b"",
        rules: &[Rule::Both(b"-P")],
    },
    Program {
        names: &[b"openssl"],
        subcommand: b"",
        rules: &[
            Rule::Separate(b"-k"),
            Rule::Separate(b"-K"),
            Rule::Divided(b"-pass", b':'),
            Rule::Divided(b"-passin", b':'),
            Rule::Divided(b"-passout", b':'),
            Rule::Separate(b"-hmac"),
        ],
    },
    Program {
        names: &[b"ssh-keygen"],
        subcommand: b"",
        rules: &[Rule::Separate(b"-N"), Rule::Separate(b"-P")],
    },
    Program {
        names: &[b"htpasswd"],
        subcommand: b"",
        rules: &[Rule::Operand(2, b"b")],
    },
    Program {
        names: &[b"lftp"],
        subcommand: b"",
        rules: &[Rule::Divided(b"-u", b',')],
    },
    Program {
        names: &[b"ncftp", b"ncftpget", b"ncftpput"],
        subcommand: b"",
        rules: &[Rule::Both(b"-p")],
    },
    Program {
        names: &[b"xfreerdp", b"wlfreerdp", b"rdesktop"],
        subcommand: b"",
        rules: &[Rule::Both(b"-p"), Rule::Attached(b"/p:")],
    },
    Program {
        names: &[b"ipmitool"],
        subcommand: b"",
        rules: &[Rule::Both(b"-P")],
    },
    Program {
        names: &[
            b"snmpget",
            b"snmpwalk",
            b"snmpset",
            b"snmpbulkwalk",
            b"snmpgetnext",
        ],
        subcommand: b"",
        rules: &[Rule::Both(b"-c"), Rule::Both(b"-A"), Rule::Both(b"-X")],
    },
    Program {
        names: &[b"useradd", b"usermod"],
        subcommand: b"",
        rules: &[Rule::Both(b"-p")],
    },
    Program {
        names: &[b"wpa_passphrase"],
        subcommand: b"",
        rules: &[Rule::Operand(1, b"")],
    },
    Program {
        names: &[b"nmcli"],
        subcommand: b"",
        rules: &[
            Rule::AfterWord(b"password"),
            Rule::AfterWord(b"wifi-sec.psk"),
        ],
    },
    Program {
        names: &[b"aws"],
        subcommand: b"configure",
        rules: &[Rule::AfterKey],
    },
    Program {
        names: &[
            b"npm", b"yarn", b"pnpm", b"git", b"pip", b"pip3", b"poetry", b"gh", b"gcloud",
        ],
        subcommand: b"config",
        rules: &[Rule::AfterKey],
    },
    Program {
        names: &[b"mc", b"mcli"],
        subcommand: b"alias",
        rules: &[Rule::Operand(5, b"")],
    },
    Program {
        names: &[b"rclone"],
        subcommand: b"obscure",
        rules: &[Rule::AfterWord(b"obscure")],
    },
    Program {
        names: &[b"mosquitto_pub", b"mosquitto_sub"],
        subcommand: b"",
        rules: &[Rule::Both(b"-P")],
    },
    Program {
        names: &[b"cqlsh", b"nodetool"],
        subcommand: b"",
        rules: &[Rule::Both(b"-p"), Rule::Both(b"-pw")],
    },
    Program {
        names: &[b"plink", b"pscp", b"psftp"],
        subcommand: b"",
        rules: &[Rule::Separate(b"-pw")],
    },
    Program {
        names: &[b"svn", b"svnadmin", b"svnsync"],
        subcommand: b"",
        rules: &[Rule::Separate(b"--password")],
    },
    Program {
        names: &[b"vault"],
        subcommand: b"login",
        rules: &[Rule::AfterWord(b"login")],
    },
    Program {
        names: &[b"x11vnc"],
        subcommand: b"",
        rules: &[Rule::Separate(b"-passwd"), Rule::Separate(b"-viewpasswd")],
    },
];

static SIEVE: Sieve = {
    let mut sieve = Sieve::new();
    let mut at = 0;
    while at < PROGRAMS.len() {
        let names = PROGRAMS[at].names;
        let mut name = 0;
        while name < names.len() {
            sieve = sieve.with(names[name]);
            name += 1;
        }
        at += 1;
    }
    sieve
};

/// The entries of the program that the word `path` names, by its base name.
pub(super) fn named(path: &[u8]) -> impl Iterator<Item = &'static Program> + use<'_> {
    let base = memchr::memrchr(b'/', path).map_or(path, |at| &path[at + 1..]);
    let candidates = if SIEVE.may_hold(base) { PROGRAMS } else { &[] };
    candidates
        .iter()
        .filter(move |program| program.names.contains(&base))
}
