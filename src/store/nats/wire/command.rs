//! Commands as the bytes that go to the server.

use super::headers::Headers;

/// Asks whether the other side is there.
pub const PING: &[u8] = b"PING\r\n";
/// Says that we are.
pub const PONG: &[u8] = b"PONG\r\n";

/// Appends the login, whose text is JSON.
pub fn connect(out: &mut Vec<u8>, login: &str) {
    append(out, &[b"CONNECT ", login.as_bytes(), b"\r\n"]);
}

/// Appends a subscription, and says how many bytes its line has behind the verb, as servers count it.
pub fn subscribe(out: &mut Vec<u8>, subject: &str, number: u64) -> usize {
    append(out, &[b"SUB "]);
    let begin = out.len();
    append(out, &[subject.as_bytes(), b" "]);
    push_number(out, number);
    let length = out.len() - begin;
    append(out, &[b"\r\n"]);
    length
}

/// Appends the end of a subscription.
pub fn unsubscribe(out: &mut Vec<u8>, number: u64) {
    append(out, &[b"UNSUB "]);
    push_number(out, number);
    append(out, &[b"\r\n"]);
}

/// What ends a message, behind its payload.
pub const END: &[u8] = b"\r\n";

/// Appends a message up to its payload, which has to follow, and [`END`]. `reply` is written in pieces; without any, no
/// answer is expected. Says how many bytes its line has behind the verb, as servers count it.
pub fn publish(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: &[&[u8]],
    headers: Option<&Headers>,
    payload_length: usize,
) -> usize {
    let replies: usize = reply.iter().map(|piece| piece.len()).sum();
    let headers_length = headers.map_or(0, Headers::length);
    append(out, &[if headers.is_some() { b"HPUB " } else { b"PUB " }]);
    let begin = out.len();
    append(out, &[subject, b" "]);
    append(out, reply);
    if replies > 0 {
        out.push(b' ');
    }
    if headers.is_some() {
        push_number(out, headers_length as u64);
        out.push(b' ');
    }
    push_number(out, (headers_length + payload_length) as u64);
    let length = out.len() - begin;
    append(out, &[b"\r\n"]);
    if let Some(headers) = headers {
        headers.write(out);
    }
    length
}

fn append(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_as_the_protocol_has_them() {
        fn publish(out: &mut Vec<u8>, subject: &[u8], reply: &[&[u8]], headers: Option<&Headers>, payload: &[u8]) {
            let begin = out.len();
            let length = super::publish(out, subject, reply, headers, payload.len());
            let line = out[begin..].split(|byte| *byte == b'\r').next().expect("a line");
            assert_eq!(length, line.len() - if headers.is_some() { 5 } else { 4 });
            append(out, &[payload, END]);
        }
        let mut out = Vec::new();
        connect(&mut out, "{}");
        assert_eq!(subscribe(&mut out, "_INBOX.x.*", 1), 12);
        publish(&mut out, b"a.b", &[], None, b"");
        publish(&mut out, b"a.b", &[b"_INBOX.x.", b"7f"], None, b"a\r\nb");
        let mut headers = Headers::default();
        headers.insert("A", "b");
        publish(&mut out, b"a", &[b"r"], Some(&headers), b"body");
        publish(&mut out, b"a", &[], Some(&headers), b"");
        unsubscribe(&mut out, 18_446_744_073_709_551_615);
        let expected: &[u8] = b"CONNECT {}\r\nSUB _INBOX.x.* 1\r\nPUB a.b 0\r\n\r\nPUB a.b _INBOX.x.7f 4\r\na\r\nb\r\n\
            HPUB a r 18 22\r\nNATS/1.0\r\nA: b\r\n\r\nbody\r\nHPUB a 18 18\r\nNATS/1.0\r\nA: b\r\n\r\n\r\n\
            UNSUB 18446744073709551615\r\n";
        assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}
