//! Writes as commands, and what their answers mean.

use std::borrow::Cow;

use crate::clock;
use crate::error::{Error, Result, Status};
use crate::store::format::{Contents, envelope};
use crate::store::options::{Condition, Lifetime, Outcome, PutOptions, Term};
use crate::store::redis::records::layout::Layout;
use crate::store::redis::script::{self, SCRIPTS};
use crate::store::redis::wire::{Packed, Value};

/// Milliseconds from which on a lifespan is none: 140,000 years, which no expiry of Redis can hold.
const NO_END_MS: u64 = 1 << 52;
/// Where the revision stands in an envelope.
const REVISION: std::ops::Range<usize> = 8..16;
/// The largest revision that a script can compare.
const MAX_REVISION: u64 = 1 << 53;

/// A write that is ready to be sent.
pub struct Command {
    /// The bytes.
    pub packed: Packed,
    /// Whether an answer means that something was written.
    pub has_written: fn(&Value) -> bool,
    /// What an answer means.
    pub meaning: Meaning,
}

/// How the answer to a write is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A revision; with its sign turned one that stood in the way; 0 for none.
    Revision,
    /// Whatever it is, it is done, and this is the revision.
    Done(u64),
    /// `done` with this revision, `none`, or the fingerprint that stood in the way.
    Bare(u64),
    /// The fingerprint that was removed; behind a `!` the one that stood in the way; `none`.
    BareRemoved,
}

impl Meaning {
    /// What a write came to.
    ///
    /// # Errors
    ///
    /// `INTERNAL` for an answer that the command does not have.
    pub fn outcome(self, answer: &Value) -> Result<Outcome> {
        let read = match self {
            Meaning::Done(revision) => Some(Outcome::Done { revision }),
            Meaning::Revision => answer.as_integer().map(|number| match number {
                0 => Outcome::NotFound,
                done if done > 0 => Outcome::Done { revision: done.unsigned_abs() },
                other => Outcome::Conflict { revision: other.unsigned_abs() },
            }),
            Meaning::Bare(revision) => answer.as_text().and_then(|text| match text {
                "done" => Some(Outcome::Done { revision }),
                "none" => Some(Outcome::NotFound),
                other => script::parse_fingerprint(other).map(|revision| Outcome::Conflict { revision }),
            }),
            Meaning::BareRemoved => answer.as_text().and_then(|text| match text.strip_prefix('!') {
                _ if text == "none" => Some(Outcome::NotFound),
                Some(other) => script::parse_fingerprint(other).map(|revision| Outcome::Conflict { revision }),
                None => script::parse_fingerprint(text).map(|revision| Outcome::Done { revision }),
            }),
        };
        read.ok_or_else(|| Error::new(Status::INTERNAL, "redis", "a script answered what it does not have"))
    }
}

/// The command of a put.
///
/// # Errors
///
/// `UNSUPPORTED` naming the option that the format cannot keep, `TOO_LARGE`.
pub fn put(layout: &Layout, key: &[u8], value: &[u8], options: &PutOptions, default_ms: u64) -> Result<Command> {
    refuse_max_idle(options.lifetime)?;
    layout.check_key(key)?;
    layout.check_value(value, &options.metadata)?;
    let life_ms = lifespan_ms(options.lifetime.lifespan, default_ms);
    if layout.has_envelopes() {
        return Ok(put_envelope(layout, key, value, options, life_ms));
    }
    if !options.metadata.is_empty() {
        let text =
            format!("the format \"{}\" has no place for it; leave it out, or use \"larder\"", layout.format.name());
        return Err(Error::new(Status::UNSUPPORTED, "metadata", text));
    }
    Ok(put_bare(layout, key, value, options.condition, life_ms))
}

fn put_envelope(layout: &Layout, key: &[u8], value: &[u8], options: &PutOptions, life_ms: u64) -> Command {
    let now = clock::unix_ms();
    let stored = envelope::encode(&Contents {
        key: None,
        value: Cow::Borrowed(value),
        metadata: options.metadata.clone(),
        created_unix_ms: now,
        expires_unix_ms: if life_ms == 0 { 0 } else { now.saturating_add(life_ms) },
        revision: 0,
    });
    let (head, tail) = (&stored[..REVISION.start], &stored[REVISION.end..]);
    let life = life_ms.to_string();
    let mut packed = Packed::with_room(stored.len() + key.len() + layout.prefix.len());
    let expected = match options.condition {
        Condition::Always => None,
        Condition::IfAbsent => Some("0".to_owned()),
        Condition::IfRevision(revision) => Some(comparable(revision)),
    };
    match &expected {
        None => SCRIPTS.put.begin(&mut packed, &layout.prefix, key, 3),
        Some(_) => SCRIPTS.put_if.begin(&mut packed, &layout.prefix, key, 4),
    }
    packed.word(head);
    packed.word(tail);
    packed.word(life.as_bytes());
    if let Some(expected) = expected {
        packed.word(expected.as_bytes());
    }
    Command { packed, has_written: is_positive, meaning: Meaning::Revision }
}

fn put_bare(layout: &Layout, key: &[u8], value: &[u8], condition: Condition, life_ms: u64) -> Command {
    let mut packed = Packed::with_room(value.len() + key.len() + layout.prefix.len());
    let revision = script::fingerprint(value);
    let expected = match condition {
        Condition::Always => {
            packed.begin(if life_ms == 0 { 3 } else { 5 });
            packed.word(b"SET");
            packed.word_of(&[&layout.prefix, key]);
            packed.word(value);
            // As the plugin does: seconds where they are whole.
            let (unit, number) = if life_ms.is_multiple_of(1000) { ("EX", life_ms / 1000) } else { ("PX", life_ms) };
            if life_ms != 0 {
                packed.word(unit.as_bytes());
                packed.word(number.to_string().as_bytes());
            }
            return Command { packed, has_written: |_| true, meaning: Meaning::Done(revision) };
        }
        Condition::IfAbsent => "-".to_owned(),
        Condition::IfRevision(expected) => script::fingerprint_digits(expected),
    };
    SCRIPTS.put_bare_if.begin(&mut packed, &layout.prefix, key, 3);
    packed.word(value);
    packed.word(life_ms.to_string().as_bytes());
    packed.word(expected.as_bytes());
    Command { packed, has_written: |answer| answer.as_bytes() == Some(b"done"), meaning: Meaning::Bare(revision) }
}

/// The command of a remove.
pub fn remove(layout: &Layout, key: &[u8], revision: Option<u64>) -> Command {
    let mut packed = Packed::with_room(key.len() + layout.prefix.len());
    if layout.has_envelopes() {
        SCRIPTS.remove.begin(&mut packed, &layout.prefix, key, 1);
        packed.word(revision.map_or_else(|| "0".to_owned(), comparable).as_bytes());
        return Command { packed, has_written: is_positive, meaning: Meaning::Revision };
    }
    SCRIPTS.remove_bare.begin(&mut packed, &layout.prefix, key, 1);
    packed.word(revision.map_or_else(String::new, script::fingerprint_digits).as_bytes());
    let has_written = |answer: &Value| answer.as_text().is_some_and(|text| text != "none" && !text.starts_with('!'));
    Command { packed, has_written, meaning: Meaning::BareRemoved }
}

/// The command of a touch; `None` when it changes nothing, so that it is enough to look whether the record is there.
/// Its answer is 1 for a record that was there.
///
/// # Errors
///
/// `UNSUPPORTED` naming `max_idle`.
pub fn touch(layout: &Layout, key: &[u8], lifetime: Lifetime) -> Result<Option<Packed>> {
    refuse_max_idle(lifetime)?;
    if lifetime.lifespan == Term::Default {
        return Ok(None);
    }
    let life_ms = lifespan_ms(lifetime.lifespan, 0);
    let mut packed = Packed::with_room(key.len() + layout.prefix.len());
    if layout.has_envelopes() {
        let expires = if life_ms == 0 { 0 } else { clock::unix_ms().saturating_add(life_ms) };
        SCRIPTS.touch.begin(&mut packed, &layout.prefix, key, 2);
        packed.word(life_ms.to_string().as_bytes());
        packed.word(&expires.to_le_bytes());
    } else {
        SCRIPTS.touch_bare.begin(&mut packed, &layout.prefix, key, 1);
        packed.word(life_ms.to_string().as_bytes());
    }
    Ok(Some(packed))
}

/// Whether an answer is a number above 0.
pub fn is_positive(answer: &Value) -> bool {
    answer.as_integer().is_some_and(|number| number > 0)
}

/// A revision as a script compares it: one that no record can have reads as -1.
fn comparable(revision: u64) -> String {
    if revision == 0 || revision > MAX_REVISION { "-1".to_owned() } else { revision.to_string() }
}

fn lifespan_ms(term: Term, default_ms: u64) -> u64 {
    match term.resolve_ms(default_ms) {
        life if life >= NO_END_MS => 0,
        life => life,
    }
}

fn refuse_max_idle(lifetime: Lifetime) -> Result<()> {
    if let Term::For(_) = lifetime.max_idle {
        let text = "Redis does not count reads; give a lifespan, or a max-idle to a memory store";
        return Err(Error::new(Status::UNSUPPORTED, "max_idle", text));
    }
    Ok(())
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::store::format::Format;
    use crate::store::record::Metadata;
    use std::time::Duration;

    fn text(words: &'static str) -> Value {
        Value::Bulk(bytes::Bytes::from_static(words.as_bytes()))
    }

    fn living(lifespan: Term) -> PutOptions {
        PutOptions { lifetime: Lifetime { lifespan, max_idle: Term::Default }, ..PutOptions::default() }
    }

    #[test]
    fn a_plain_put_is_the_plugins_command() {
        let layout = Layout::new(Format::GoMicro, "ignored", "tbl");
        let sent = |lifespan| {
            let command = put(&layout, b"k", b"v", &living(lifespan), 0).expect("valid");
            String::from_utf8_lossy(command.packed.bytes()).replace("\r\n", " ")
        };
        assert_eq!(sent(Term::Default), "*3 $3 SET $4 tblk $1 v ");
        assert_eq!(sent(Term::For(Duration::from_secs(90))), "*5 $3 SET $4 tblk $1 v $2 EX $2 90 ");
        assert_eq!(sent(Term::For(Duration::from_millis(1500))), "*5 $3 SET $4 tblk $1 v $2 PX $4 1500 ");
        assert_eq!(sent(Term::For(Duration::from_nanos(1))), "*5 $3 SET $4 tblk $1 v $2 PX $1 1 ");
        assert_eq!(sent(Term::For(Duration::MAX)), "*3 $3 SET $4 tblk $1 v ");
    }

    #[test]
    fn what_the_format_cannot_keep_is_refused_by_name() {
        let layout = Layout::new(Format::Raw, "", "");
        let metadata = Metadata::new([("a", &b"1"[..])]).expect("small");
        let error =
            put(&layout, b"k", b"v", &PutOptions { metadata, ..PutOptions::default() }, 0).err().expect("refused");
        assert_eq!((error.status(), error.origin()), (Status::UNSUPPORTED, "metadata"));
        let lifetime = Lifetime { lifespan: Term::Default, max_idle: Term::For(Duration::from_secs(1)) };
        let error =
            put(&layout, b"k", b"v", &PutOptions { lifetime, ..PutOptions::default() }, 0).err().expect("refused");
        assert_eq!((error.status(), error.origin()), (Status::UNSUPPORTED, "max_idle"));
        assert_eq!(touch(&layout, b"k", lifetime).err().expect("refused").origin(), "max_idle");
    }

    #[test]
    fn answers_of_scripts_are_outcomes() {
        let of = |meaning: Meaning, answer| meaning.outcome(&answer).ok();
        assert_eq!(of(Meaning::Revision, Value::Integer(5)), Some(Outcome::Done { revision: 5 }));
        assert_eq!(of(Meaning::Revision, Value::Integer(-5)), Some(Outcome::Conflict { revision: 5 }));
        assert_eq!(of(Meaning::Revision, Value::Integer(0)), Some(Outcome::NotFound));
        assert_eq!(of(Meaning::Revision, Value::Nil), None);
        assert_eq!(of(Meaning::Bare(9), text("done")), Some(Outcome::Done { revision: 9 }));
        assert_eq!(of(Meaning::Bare(9), text("none")), Some(Outcome::NotFound));
        assert_eq!(of(Meaning::Bare(9), text("00000000000000a")), Some(Outcome::Conflict { revision: 10 }));
        assert_eq!(of(Meaning::BareRemoved, text("00000000000000a")), Some(Outcome::Done { revision: 10 }));
        assert_eq!(of(Meaning::BareRemoved, text("!00000000000000a")), Some(Outcome::Conflict { revision: 10 }));
        assert_eq!(of(Meaning::BareRemoved, text("none")), Some(Outcome::NotFound));
        assert_eq!(of(Meaning::BareRemoved, text("what")), None);
    }

    #[test]
    fn a_revision_that_no_record_can_have_matches_none() {
        assert_eq!((comparable(0).as_str(), comparable(u64::MAX).as_str(), comparable(7).as_str()), ("-1", "-1", "7"));
    }
}
