//! Requests and responses of HTTP/1 (RFC 9112).

use super::find;

/// A request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'b> {
    /// `GET`.
    pub method: &'b [u8],
    /// `/users/17?page=2`, as it was sent.
    pub target: &'b [u8],
    /// Value of the header `Host`; empty when it was not seen.
    pub host: &'b [u8],
}

/// Methods of RFC 9110 and PATCH (RFC 5789).
const METHODS: &[&[u8]] = &[
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
];

/// Longest request line that is looked at; servers accept 8,000 bytes (RFC 9112, 3).
const LINE_MAX: usize = 16 << 10;
/// So far the header `Host` is looked for.
const HEAD_MAX: usize = 64 << 10;

/// The request that a buffer begins with.
pub fn request(bytes: &[u8]) -> Option<Request<'_>> {
    let space = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let (method, rest) = bytes.split_at_checked(space)?;
    if !METHODS.contains(&method) {
        return None;
    }
    let line = rest.get(1..)?;
    let line = line.get(..LINE_MAX).unwrap_or(line);
    let end = find(line, b" HTTP/1.")?;
    let target = line.get(..end)?;
    let is_target = !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    is_target.then(|| Request {
        method,
        target,
        host: host(bytes),
    })
}

fn host(bytes: &[u8]) -> &[u8] {
    let head = bytes.get(..HEAD_MAX).unwrap_or(bytes);
    head.split(|byte| *byte == b'\n')
        .skip(1)
        .map(<[u8]>::trim_ascii)
        .take_while(|line| !line.is_empty())
        .find_map(|line| {
            let (name, value) = line.split_at_checked(5)?;
            name.eq_ignore_ascii_case(b"host:")
                .then(|| value.trim_ascii())
        })
        .unwrap_or(&[])
}

/// Status of the response that a buffer begins with: `HTTP/1.1 404 Not Found`.
pub fn response(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(b"HTTP/1.")?;
    let [
        b'0'..=b'9',
        b' ',
        a @ b'1'..=b'9',
        b @ b'0'..=b'9',
        c @ b'0'..=b'9',
        ..,
    ] = rest
    else {
        return None;
    };
    let digit = |byte: &u8| u16::from(byte - b'0');
    Some(digit(a) * 100 + digit(b) * 10 + digit(c))
}

/// Appends the target without what differs from call to call: no query, no fragment, no scheme and host, `{id}` for
/// components that name one thing.
pub fn route(target: &[u8], out: &mut Vec<u8>) {
    let path = match find(target, b"://") {
        Some(at) if at < 8 => {
            let rest = target.get(at + 3..).unwrap_or(&[]);
            let slash = rest.iter().position(|byte| *byte == b'/');
            slash.and_then(|slash| rest.get(slash..)).unwrap_or(b"/")
        }
        _ => target,
    };
    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#'));
    let path = path.get(..end.unwrap_or(path.len())).unwrap_or(path);
    for (index, part) in path.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        if is_id(part) {
            out.extend_from_slice(b"{id}");
        } else {
            out.extend_from_slice(part);
        }
    }
}

/// Components longer than this are never the name of a kind.
const NAME_MAX: usize = 40;

/// Numbers, hashes, UUIDs, mail addresses, tokens.
fn is_id(part: &[u8]) -> bool {
    let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_hex = part
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let is_token = part.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.' | b'~')
    });
    let others = part.len() - digits;
    (digits > 0 && others == 0)
        || (is_hex && digits > 0 && part.len() >= 8)
        || (is_token && part.len() >= 16 && digits >= 3)
        || part.contains(&b'@')
        || part.contains(&b'%')
        || part.len() > NAME_MAX
        // `order-4711`, `img_0042`: more digits than a version has.
        || (digits >= 4 && digits * 3 >= part.len())
}
