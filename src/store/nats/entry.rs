//! From records to messages and back.
//!
//! A lifespan is written twice where both can be: as `Nats-TTL`, in whole seconds and rounded up, for a server that then
//! removes the message, unless it is longer than a server can count; and as a moment that Larder's readers go by, in the
//! envelope (`larder`) and in the header `Larder-Expires`, which other readers do not look at. That moment is of the writer's clock, and the bucket's own limit
//! counts from the server's; what they say is compared with the reader's clock.

use std::borrow::Cow;

use bytes::Bytes;

use super::attempt::Claim;
use super::bucket::Facts;
use super::protocol::{self, Mark, Stored};
use super::wire::Headers;
use crate::clock;
use crate::error::{Error, Result, Status};
use crate::store::format::{Contents, Format, envelope, go_micro};
use crate::store::options::PutOptions;
use crate::store::record::{Metadata, Parts, Record};

/// The longest lifespan that a server is told of, in seconds: a hundred years. Servers keep the end of one in nanoseconds
/// since 1970 and in 64 bits, which end in the year 2262, and remove at once what is to live beyond that.
const MOST_TTL: u64 = 100 * 366 * 24 * 3600;

/// How far apart two deadlines of one moment are at most: the clocks are read for each.
const CLOCKS_APART_MS: u64 = 50;

/// A record to be written.
pub(super) struct Draft {
    /// The message's body.
    pub body: Bytes,
    /// How long the record lives, in milliseconds; 0 for ever.
    lifespan_ms: u64,
    expires_unix_ms: u64,
}

impl Draft {
    /// The message of a record.
    ///
    /// # Errors
    ///
    /// `UNSUPPORTED` for metadata in the raw format, and what the format's encoder says.
    pub fn new(format: Format, key: &[u8], value: &[u8], options: &PutOptions, default_ms: u64) -> Result<Draft> {
        let lifespan_ms = options.lifetime.lifespan.resolve_ms(default_ms);
        let now = clock::unix_ms();
        let expires_unix_ms = if lifespan_ms == 0 { 0 } else { now.saturating_add(lifespan_ms) };
        let contents = |key| Contents {
            key,
            value: Cow::Borrowed(value),
            metadata: options.metadata.clone(),
            created_unix_ms: now,
            expires_unix_ms,
            revision: 0,
        };
        let body = match format {
            Format::Raw if !options.metadata.is_empty() => {
                let text = "the raw format has no place for it; the formats larder and go-micro have";
                return Err(Error::new(Status::UNSUPPORTED, "metadata", text));
            }
            Format::Raw => value.to_vec(),
            Format::GoMicro => go_micro::encode(key, &contents(Some(Cow::Borrowed(key))))?,
            Format::Larder => envelope::encode(&contents(None)),
        };
        Ok(Draft { body: body.into(), lifespan_ms, expires_unix_ms })
    }

    /// The message's headers in a bucket; `claim` is what it depends on.
    pub fn headers(&self, facts: &Facts, claim: Option<Claim>) -> Option<Headers> {
        if self.lifespan_ms == 0 && claim.is_none() {
            return None;
        }
        let mut headers = Headers::default();
        if let Some(claim) = claim {
            claim.put_into(&mut headers);
        }
        if self.lifespan_ms != 0 {
            headers.insert(protocol::EXPIRES, self.expires_unix_ms);
            let seconds = self.lifespan_ms.div_ceil(1000);
            if facts.drops_messages() && seconds <= MOST_TTL {
                headers.insert(protocol::TTL, seconds);
            }
        }
        Some(headers)
    }
}

/// Whether there is a record in a message: not a mark, and not expired.
pub(super) fn is_live(facts: &Facts, stored: &Stored) -> bool {
    stored.marks.mark == Mark::None && !clock::has_passed(deadline(facts, stored))
}

/// Whether nothing but the bucket's limit, as it was when the bucket was last looked at, says that a record has expired.
/// Somebody may have raised the limit since: whoever decides by it asks anew first.
pub(super) fn is_dead_by_bucket_only(facts: &Facts, stored: &Stored) -> bool {
    if facts.max_age_ms == 0 || is_live(facts, stored) {
        return false;
    }
    stored.marks.mark == Mark::None && !clock::has_passed(own_deadline(facts, stored))
}

/// When a message's record expires, as [`clock::now_ms`] counts, as far as its headers and the bucket tell.
pub(super) fn deadline(facts: &Facts, stored: &Stored) -> u64 {
    // A record with a lifespan of its own outlives the bucket's limit no more than one without.
    own_deadline(facts, stored).min(clock::deadline_of_unix(after(stored.time_unix_ms, facts.max_age_ms)))
}

/// When a message's record expires by what its headers say.
fn own_deadline(facts: &Facts, stored: &Stored) -> u64 {
    let ttl_ms = if facts.allow_msg_ttl { stored.marks.ttl_ms } else { 0 };
    let ends = [stored.marks.expires_unix_ms, after(stored.time_unix_ms, ttl_ms)];
    let first = ends.into_iter().filter(|end| *end != 0).min();
    first.map_or(clock::NEVER, clock::deadline_of_unix)
}

/// So long after a moment; 0 where neither is known.
fn after(unix_ms: u64, lifespan_ms: u64) -> u64 {
    if unix_ms == 0 || lifespan_ms == 0 { 0 } else { unix_ms.saturating_add(lifespan_ms) }
}

/// A record's end that the bucket's limit sets, which somebody may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Limited {
    /// When the server took the message.
    written_unix_ms: u64,
    /// When the record expires whatever the limit.
    own: u64,
}

impl Limited {
    /// Of a record with this end; `None` where the record expires before the limit would end it.
    pub fn of(facts: &Facts, stored: &Stored, deadline: u64) -> Option<Limited> {
        let limit = after(stored.time_unix_ms, facts.max_age_ms);
        if limit == 0 || deadline.saturating_add(CLOCKS_APART_MS) < clock::deadline_of_unix(limit) {
            return None;
        }
        Some(Limited { written_unix_ms: stored.time_unix_ms, own: own_deadline(facts, stored) })
    }

    /// The end by the limit as these facts have it.
    pub fn deadline(self, facts: &Facts) -> u64 {
        self.own.min(clock::deadline_of_unix(after(self.written_unix_ms, facts.max_age_ms)))
    }
}

/// The record of a message; `None` for a mark, and when it has expired.
///
/// # Errors
///
/// `CORRUPT` that names the key when the body is not of the format.
pub(super) fn record(format: Format, facts: &Facts, key: &[u8], stored: &Stored) -> Result<Option<Record>> {
    if !is_live(facts, stored) {
        return Ok(None);
    }
    let mut deadline = deadline(facts, stored);
    let corrupt = |error: Error| {
        let text = format!("the record of key \"{}\" cannot be read: {}", key.escape_ascii(), error.message());
        Error::new(Status::CORRUPT, super::KIND, text)
    };
    let contents = match format {
        Format::Raw => None,
        Format::GoMicro => Some(go_micro::decode(&stored.body).map_err(corrupt)?),
        Format::Larder => Some(envelope::decode(&stored.body).map_err(corrupt)?),
    };
    let (value, metadata) = match contents {
        None => (Cow::Borrowed(stored.body.as_ref()), Metadata::default()),
        Some(contents) => {
            deadline = deadline.min(clock::deadline_of_unix(contents.expires_unix_ms));
            (contents.value, contents.metadata)
        }
    };
    if clock::has_passed(deadline) {
        return Ok(None);
    }
    let parts =
        Parts { table: 0, key, value: b"", revision: stored.sequence, deadline, max_idle_ms: 0, metadata: &metadata };
    Record::found(parts, value, &stored.body).map(Some)
}

/// The record of a message without its body.
///
/// # Errors
///
/// `OUT_OF_MEMORY`, `TOO_LARGE`.
pub(super) fn bare(key: &[u8], revision: u64, deadline: u64) -> Result<Record> {
    let metadata = &Metadata::default();
    Record::new(Parts { table: 0, key, value: b"", revision, deadline, max_idle_ms: 0, metadata })
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::store::nats::protocol::Marks;
    use crate::store::options::{Lifetime, Term};

    #[test]
    fn a_server_is_told_of_no_end_that_it_cannot_count_to() {
        let facts = Facts { allow_msg_ttl: true, history: 1, ..Facts::default() };
        let told = |lifespan| {
            let lifetime = Lifetime { lifespan: Term::For(lifespan), max_idle: Term::Default };
            let options = PutOptions { lifetime, ..PutOptions::default() };
            let draft = Draft::new(Format::Raw, b"k", b"v", &options, 0).expect("a draft");
            let mut bytes = Vec::new();
            draft.headers(&facts, None).expect("an end").write(&mut bytes);
            let marks = protocol::Marks::of_block(&bytes);
            assert!(marks.expires_unix_ms > clock::unix_ms(), "{marks:?}");
            marks.ttl_ms
        };
        use std::time::Duration;
        assert_eq!(told(Duration::from_millis(1_500)), 2_000);
        assert_eq!(told(Duration::from_secs(MOST_TTL)), MOST_TTL * 1_000);
        for lifespan in [
            Duration::from_secs(MOST_TTL) + Duration::from_millis(1),
            Duration::from_secs(2_562_047 * 3600),
            Duration::from_millis(i64::MAX as u64),
            Duration::MAX,
        ] {
            assert_eq!(told(lifespan), 0, "{lifespan:?}");
        }
    }

    #[test]
    fn only_the_bucket_can_be_wrong_about_what_it_alone_says() {
        let facts = Facts { max_age_ms: 1_000, allow_msg_ttl: true, ..Facts::default() };
        let written = |ago_ms: u64, marks| Stored {
            sequence: 1,
            time_unix_ms: clock::unix_ms() - ago_ms,
            marks,
            body: Bytes::new(),
        };
        let removed = Marks { mark: Mark::Removed, ..Marks::default() };
        let is_in_doubt = |ago_ms, marks| is_dead_by_bucket_only(&facts, &written(ago_ms, marks));
        assert!(is_in_doubt(60_000, Marks::default()));
        assert!(!is_in_doubt(0, Marks::default()));
        assert!(!is_in_doubt(60_000, removed));
        assert!(!is_in_doubt(60_000, Marks { ttl_ms: 2_000, ..Marks::default() }));
        assert!(!is_in_doubt(60_000, Marks { expires_unix_ms: 1, ..Marks::default() }));
        let unlimited = Facts { max_age_ms: 0, ..facts.clone() };
        assert!(!is_dead_by_bucket_only(&unlimited, &written(60_000, Marks::default())));
    }
}
