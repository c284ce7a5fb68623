//! Keys and values with which formats go wrong.

/// Keys that both engines hold.
pub const KEYS: &[&[u8]] = &[
    b"One",
    b"userid",
    b"some-admin-user-id-0000-000000000000",
    b"storage-users-1$some-admin-user-id-0000-000000000000!some-admin-user-id-0000-000000000000",
    b"spaces/f1/bdd61a-6d4b-4b2b/nodes/64/bb/e1",
    b"/leading/slash",
    b"trailing/",
    b"a//b/../c/./d",
    b"uid:u!sid:s!oid:o!path:/p!mdk:k",
    b"with spaces ",
    b" ",
    b"a<b>&c/\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9",
    b"quote\"back\\slash\ttab\r\nlines\x08\x0c\x00\x01\x7f",
    b"globs*?[a-z]\\{}^",
    b"*",
    b"dots..and.more.",
    b"under_score_",
    b"_",
    b"NZQW2ZI=",
    b"bad\xffutf8",
    b"\xf0\x9f\x92cut",
    b"\xed\xa0\x80surrogate",
    "\u{1F4E6} larder \u{1F511}".as_bytes(),
    b"\x00",
];

/// A long key: what NATS takes of it, base32 makes 1.6 times as long.
pub fn long_key() -> Vec<u8> {
    (0..1500_u32).map(|place| b'a' + (place % 26) as u8).collect()
}

/// All of them.
pub fn keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = KEYS.iter().map(|key| key.to_vec()).collect();
    keys.push(long_key());
    keys
}

/// Values of every kind.
pub fn values() -> Vec<Vec<u8>> {
    vec![
        b"First value".to_vec(),
        Vec::new(),
        vec![0],
        (0..=255).collect(),
        b"{\"key\":\"not\",\"data\":\"an envelope\"}".to_vec(),
        b"\x82\xa3uid\xc4\x02ab\xa4name\xa5larder".to_vec(),
        vec![0xa5; 300_000],
    ]
}

/// Databases and tables as oCIS names them.
pub const TABLES: &[&str] = &["", "names", "signing-keys", "events"];
