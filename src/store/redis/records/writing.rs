//! Writes as commands, and what their answers mean.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::error::{Error, Result, Status};
use crate::store::format::{Contents, envelope};
use crate::store::given::Given;
use crate::store::options::{Condition, Lifetime, Outcome, PutOptions, Term};
use crate::store::redis::records::layout::Layout;
use crate::store::redis::script::{self, SCRIPTS};
use crate::store::redis::wire::{Packed, Value};

/// Milliseconds from which on a lifespan is none: 140,000 years, which no expiry of Redis can hold.
const NO_END_MS: u64 = 1 << 52;
/// Where the revision stands in an envelope.
const REVISION: Range<usize> = 8..16;
/// The largest revision that a script can compare.
const MAX_REVISION: u64 = 1 << 53;

/// Envelopes from so many bytes on are written by a transaction, which hands them to no script: the server's time for
/// the two ways is the same at about 1,000 bytes.
const LONG_ENVELOPE: usize = 1 << 10;

/// A write that is ready to be sent.
pub struct Command {
    /// The bytes.
    pub packed: Packed,
    /// Whether an answer means that something was written.
    pub has_written: fn(&Value) -> bool,
    /// What an answer means.
    pub meaning: Meaning,
    /// How to ask again when the transaction wrote nothing, for a write that is one.
    pub otherwise: Option<Box<Otherwise>>,
    /// What has to be there, for a write that depends on a bare value. Its SHA-1 is the last word, which is still to come.
    pub compares: Option<Box<Compares>>,
}

/// A bare value that has to be there.
pub struct Compares {
    /// The key, as the server has it.
    pub full: Vec<u8>,
    /// The revision that stands for the value.
    pub revision: u64,
}

impl Command {
    fn plain(packed: Packed, has_written: fn(&Value) -> bool, meaning: Meaning) -> Command {
        Command { packed, has_written, meaning, otherwise: None, compares: None }
    }
}

/// A put of a long envelope, by the script that finds a revision for it.
pub struct Otherwise {
    full: Vec<u8>,
    envelope: Bytes,
    revision: u64,
    life_ms: u64,
}

impl Otherwise {
    /// The command.
    pub fn command(&self) -> Command {
        put_by_script(b"", &self.full, &self.envelope, self.revision, self.life_ms)
    }
}

/// What a put has to know beside the record.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The lifespan of a record that is given none, in milliseconds; 0 for none.
    pub lifespan_ms: u64,
    /// The revision that is proposed for it.
    pub revision: u64,
    /// Whether it may be a transaction, which has several answers. Whether the user may make one is seen when it is sent.
    pub may_transact: bool,
}

/// How the answer to a write is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Of a transaction: the second of its answers is `OK` when it wrote, and this is the revision.
    Transaction(u64),
    /// A revision; with its sign turned one that stood in the way; 0 for none.
    Revision,
    /// Whatever it is, it is done, and this is the revision.
    Done(u64),
    /// 1 for done with this revision, 0 for none, or the value that stood in the way.
    Bare(u64),
    /// The value that was removed, or nothing.
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
            Meaning::Transaction(revision) => has_transacted(answer).then_some(Outcome::Done { revision }),
            Meaning::Revision => answer.as_integer().map(|number| match number {
                0 => Outcome::NotFound,
                done if done > 0 => Outcome::Done { revision: done.unsigned_abs() },
                other => Outcome::Conflict { revision: other.unsigned_abs() },
            }),
            Meaning::Bare(revision) => match answer {
                Value::Integer(1) => Some(Outcome::Done { revision }),
                Value::Integer(0) => Some(Outcome::NotFound),
                Value::Bulk(present) => Some(Outcome::Conflict { revision: script::fingerprint(present) }),
                _ => None,
            },
            Meaning::BareRemoved => match answer {
                Value::Nil => Some(Outcome::NotFound),
                Value::Bulk(removed) => Some(Outcome::Done { revision: script::fingerprint(removed) }),
                _ => None,
            },
        };
        read.ok_or_else(|| Error::new(Status::INTERNAL, "redis", "a script answered what it does not have"))
    }
}

/// Refuses a put that the layout cannot keep.
///
/// # Errors
///
/// `UNSUPPORTED` naming the option that the format cannot keep, `TOO_LARGE`.
pub fn check_put(layout: &Layout, key: &[u8], value: &[u8], options: &PutOptions) -> Result<()> {
    refuse_max_idle(options.lifetime)?;
    layout.check_key(key)?;
    layout.check_value(value, &options.metadata)?;
    if layout.has_envelopes() || options.metadata.is_empty() {
        return Ok(());
    }
    let text = format!("the format \"{}\" has no place for it; leave it out, or use \"larder\"", layout.format.name());
    Err(Error::new(Status::UNSUPPORTED, "metadata", text))
}

/// The command of a put.
///
/// # Errors
///
/// As [`check_put`].
pub fn put(layout: &Layout, key: &[u8], value: Given<'_>, options: &PutOptions, terms: Terms) -> Result<Command> {
    check_put(layout, key, &value, options)?;
    let life_ms = lifespan_ms(options.lifetime.lifespan, terms.lifespan_ms);
    if layout.has_envelopes() {
        return Ok(put_envelope(layout, key, &value, options, Terms { lifespan_ms: life_ms, ..terms }));
    }
    Ok(put_bare(layout, key, value, options.condition, life_ms))
}

/// The lifespan of the terms is the record's own here.
fn put_envelope(layout: &Layout, key: &[u8], value: &[u8], options: &PutOptions, terms: Terms) -> Command {
    let life_ms = terms.lifespan_ms;
    let now = layout.clock.unix_ms();
    let stored = Bytes::from(envelope::encode(&Contents {
        key: None,
        value: Cow::Borrowed(value),
        metadata: options.metadata.clone(),
        created_unix_ms: now,
        expires_unix_ms: if life_ms == 0 { 0 } else { now.saturating_add(life_ms) },
        revision: terms.revision,
    }));
    let expected = match options.condition {
        Condition::Always if terms.may_transact && stored.len() >= LONG_ENVELOPE => {
            return put_by_transaction(layout.full(key), stored, terms);
        }
        Condition::Always => return put_by_script(&layout.prefix, key, &stored, terms.revision, life_ms),
        Condition::IfAbsent => "0".to_owned(),
        Condition::IfRevision(revision) => comparable(revision),
    };
    let mut packed = Packed::with_room(&[stored.len(), key.len() + layout.prefix.len()]);
    SCRIPTS.put_if.begin(&mut packed, &layout.prefix, key, 4);
    packed.word(&stored[..REVISION.start]);
    packed.share(&stored.slice(REVISION.end..));
    packed.word(life_ms.to_string().as_bytes());
    packed.word(expected.as_bytes());
    Command::plain(packed, is_positive, Meaning::Revision)
}

fn put_by_script(prefix: &[u8], key: &[u8], envelope: &Bytes, revision: u64, life_ms: u64) -> Command {
    let mut packed = Packed::with_room(&[envelope.len(), key.len() + prefix.len()]);
    SCRIPTS.put.begin(&mut packed, prefix, key, if life_ms == 0 { 2 } else { 3 });
    packed.share(envelope);
    packed.number(revision);
    if life_ms != 0 {
        packed.number(life_ms);
    }
    Command::plain(packed, is_positive, Meaning::Revision)
}

/// Clears the way for the new record and writes it, at once; nothing when the revision is not above that of the old.
fn put_by_transaction(full: Vec<u8>, envelope: Bytes, terms: Terms) -> Command {
    let Terms { lifespan_ms: life_ms, revision, .. } = terms;
    let mut packed = Packed::with_room(&[envelope.len(), 2 * full.len(), 160]);
    packed.push(&[b"MULTI"]);
    SCRIPTS.clear.begin(&mut packed, b"", &full, 1);
    packed.number(revision);
    packed.begin(if life_ms == 0 { 4 } else { 6 });
    packed.word(b"SET");
    packed.word(&full);
    packed.share(&envelope);
    packed.word(b"NX");
    if life_ms != 0 {
        packed.word(b"PX");
        packed.number(life_ms);
    }
    packed.push(&[b"EXEC"]);
    let otherwise = Some(Box::new(Otherwise { full, envelope, revision, life_ms }));
    Command { otherwise, ..Command::plain(packed, has_transacted, Meaning::Transaction(revision)) }
}

/// Whether the answer to a transaction says that it wrote.
pub fn has_transacted(answer: &Value) -> bool {
    answer.as_array().and_then(|answers| answers.get(1)).and_then(Value::as_bytes) == Some(b"OK")
}

fn put_bare(layout: &Layout, key: &[u8], value: Given<'_>, condition: Condition, life_ms: u64) -> Command {
    let mut packed = Packed::with_room(&[value.len(), key.len() + layout.prefix.len()]);
    let revision = script::fingerprint(&value);
    if condition == Condition::Always {
        packed.begin(if life_ms == 0 { 3 } else { 5 });
        packed.word(b"SET");
        packed.word_of(&[&layout.prefix, key]);
        packed.given(value);
        // As the plugin does: seconds where they are whole.
        let (unit, number) = if life_ms.is_multiple_of(1000) { ("EX", life_ms / 1000) } else { ("PX", life_ms) };
        if life_ms != 0 {
            packed.word(unit.as_bytes());
            packed.number(number);
        }
        return Command::plain(packed, |_| true, Meaning::Done(revision));
    }
    SCRIPTS.put_bare_if.begin(&mut packed, &layout.prefix, key, 3);
    packed.given(value);
    packed.number(life_ms);
    let compares = match condition {
        Condition::IfRevision(expected) => Some(Box::new(Compares { full: layout.full(key), revision: expected })),
        Condition::IfAbsent | Condition::Always => {
            packed.word(b"-");
            None
        }
    };
    Command { compares, ..Command::plain(packed, is_one, Meaning::Bare(revision)) }
}

/// The command of a remove.
pub fn remove(layout: &Layout, key: &[u8], revision: Option<u64>) -> Command {
    let mut packed = Packed::with_room(&[key.len() + layout.prefix.len()]);
    if layout.has_envelopes() {
        SCRIPTS.remove.begin(&mut packed, &layout.prefix, key, 1);
        packed.word(revision.map_or_else(|| "0".to_owned(), comparable).as_bytes());
        return Command::plain(packed, is_positive, Meaning::Revision);
    }
    let Some(revision) = revision else {
        SCRIPTS.remove_bare.begin(&mut packed, &layout.prefix, key, 0);
        return Command::plain(packed, |answer| answer.as_bytes().is_some(), Meaning::BareRemoved);
    };
    SCRIPTS.remove_bare_if.begin(&mut packed, &layout.prefix, key, 1);
    let compares = Some(Box::new(Compares { full: layout.full(key), revision }));
    Command { compares, ..Command::plain(packed, is_one, Meaning::Bare(revision)) }
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
    let mut packed = Packed::with_room(&[key.len() + layout.prefix.len()]);
    if layout.has_envelopes() {
        let expires = if life_ms == 0 { 0 } else { layout.clock.unix_ms().saturating_add(life_ms) };
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

/// Whether an answer is the number 1: a text that reads so may be a value.
fn is_one(answer: &Value) -> bool {
    *answer == Value::Integer(1)
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
    use std::sync::Arc;
    use std::time::Duration;

    fn text(words: &'static str) -> Value {
        Value::Bulk(bytes::Bytes::from_static(words.as_bytes()))
    }

    const TERMS: Terms = Terms { lifespan_ms: 0, revision: 7, may_transact: true };

    fn living(lifespan: Term) -> PutOptions {
        PutOptions { lifetime: Lifetime { lifespan, max_idle: Term::Default }, ..PutOptions::default() }
    }

    #[test]
    fn a_plain_put_is_the_plugins_command() {
        let layout = Layout::new(Format::GoMicro, "ignored", "tbl", Arc::default());
        let sent = |lifespan| {
            let command = put(&layout, b"k", Given::Borrowed(b"v"), &living(lifespan), TERMS).expect("valid");
            String::from_utf8_lossy(&command.packed.to_vec()).replace("\r\n", " ")
        };
        assert_eq!(sent(Term::Default), "*3 $3 SET $4 tblk $1 v ");
        assert_eq!(sent(Term::For(Duration::from_secs(90))), "*5 $3 SET $4 tblk $1 v $2 EX $2 90 ");
        assert_eq!(sent(Term::For(Duration::from_millis(1500))), "*5 $3 SET $4 tblk $1 v $2 PX $4 1500 ");
        assert_eq!(sent(Term::For(Duration::from_nanos(1))), "*5 $3 SET $4 tblk $1 v $2 PX $1 1 ");
        assert_eq!(sent(Term::For(Duration::MAX)), "*3 $3 SET $4 tblk $1 v ");
    }

    #[test]
    fn what_the_format_cannot_keep_is_refused_by_name() {
        let layout = Layout::new(Format::Raw, "", "", Arc::default());
        let metadata = Metadata::new([("a", &b"1"[..])]).expect("small");
        let error = put(&layout, b"k", Given::Borrowed(b"v"), &PutOptions { metadata, ..PutOptions::default() }, TERMS)
            .err()
            .expect("refused");
        assert_eq!((error.status(), error.origin()), (Status::UNSUPPORTED, "metadata"));
        let lifetime = Lifetime { lifespan: Term::Default, max_idle: Term::For(Duration::from_secs(1)) };
        let error = put(&layout, b"k", Given::Borrowed(b"v"), &PutOptions { lifetime, ..PutOptions::default() }, TERMS)
            .err()
            .expect("refused");
        assert_eq!((error.status(), error.origin()), (Status::UNSUPPORTED, "max_idle"));
        assert_eq!(touch(&layout, b"k", lifetime).expect_err("refused").origin(), "max_idle");
    }

    #[test]
    fn answers_of_scripts_are_outcomes() {
        let of = |meaning: Meaning, answer| meaning.outcome(&answer).ok();
        assert_eq!(of(Meaning::Revision, Value::Integer(5)), Some(Outcome::Done { revision: 5 }));
        assert_eq!(of(Meaning::Revision, Value::Integer(-5)), Some(Outcome::Conflict { revision: 5 }));
        assert_eq!(of(Meaning::Revision, Value::Integer(0)), Some(Outcome::NotFound));
        assert_eq!(of(Meaning::Revision, Value::Nil), None);
        let of_text = |words: &str| script::fingerprint(words.as_bytes());
        assert_eq!(of(Meaning::Bare(9), Value::Integer(1)), Some(Outcome::Done { revision: 9 }));
        assert_eq!(of(Meaning::Bare(9), Value::Integer(0)), Some(Outcome::NotFound));
        // What reads as a number is a value all the same.
        for words in ["1", "0", "done", ""] {
            assert_eq!(of(Meaning::Bare(9), text(words)), Some(Outcome::Conflict { revision: of_text(words) }));
            assert_eq!(of(Meaning::BareRemoved, text(words)), Some(Outcome::Done { revision: of_text(words) }));
        }
        assert_eq!(of(Meaning::BareRemoved, Value::Nil), Some(Outcome::NotFound));
        assert_eq!((of(Meaning::Bare(9), Value::Nil), of(Meaning::BareRemoved, Value::Integer(1))), (None, None));
    }

    #[test]
    fn a_long_envelope_is_a_transaction_that_can_be_asked_again_as_a_script() {
        let layout = Layout::new(Format::Larder, "d", "t", Arc::default());
        let value = [b'v'; LONG_ENVELOPE];
        let command = put(&layout, b"k", Given::Borrowed(&value), &living(Term::For(Duration::from_secs(2))), TERMS)
            .expect("valid");
        assert_eq!(command.packed.answers(), 4);
        let script = command.otherwise.expect("one").command();
        let terms = Terms { may_transact: false, ..TERMS };
        let direct = put(&layout, b"k", Given::Borrowed(&value), &living(Term::For(Duration::from_secs(2))), terms)
            .expect("valid");
        assert!(direct.otherwise.is_none());
        // All but the envelope's times, which the clock says.
        let before = |packed: &Packed| packed.to_vec()[..90].to_vec();
        assert_eq!(before(&script.packed), before(&direct.packed));
        assert_eq!(script.packed.length(), direct.packed.length());
        assert!(script.packed.to_vec().ends_with(b"v\r\n$1\r\n7\r\n$4\r\n2000\r\n"));
        let of = |values| Meaning::Transaction(7).outcome(&Value::Array(values)).ok();
        assert_eq!(of(vec![Value::Integer(1), text("OK")]), Some(Outcome::Done { revision: 7 }));
        assert_eq!(of(vec![Value::Integer(0), Value::Nil]), None);
    }

    #[test]
    fn a_revision_that_no_record_can_have_matches_none() {
        assert_eq!((comparable(0).as_str(), comparable(u64::MAX).as_str(), comparable(7).as_str()), ("-1", "-1", "7"));
    }
}
