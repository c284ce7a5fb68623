//! Reads: single records, many, and all that pass a filter.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::error::{Error, Result, Status};
use crate::store::format::envelope::HEADER_LENGTH;
use crate::store::options::{ListOptions, Projection};
use crate::store::record::Record;
use crate::store::redis::connection::Unanswered;
use crate::store::redis::master::client::Client;
use crate::store::redis::master::lease::Lane;
use crate::store::redis::master::refusal::{self, Refusal};
use crate::store::redis::records::layout::{Layout, escape_glob};
use crate::store::redis::wire::{Packed, Value};

/// How many keys one request asks for.
pub const CHUNK: usize = 500;
/// How many keys the server looks at for one page of a scan.
const SCAN_COUNT: &[u8] = b"1000";

/// What of records is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    Whole,
    /// All but what takes a command of its own: of bare values their lifespans, as if they had none.
    Values,
    /// Keys, revisions and lifespans.
    Keys,
}

impl Part {
    /// Whether a bare value's lifespan is asked for.
    fn has_lifespans(self, layout: &Layout) -> bool {
        self != Part::Values && !layout.has_envelopes()
    }

    fn projection(self) -> Projection {
        match self {
            Part::Whole | Part::Values => Projection::Records,
            Part::Keys => Projection::Keys,
        }
    }
}

impl From<Projection> for Part {
    fn from(projection: Projection) -> Part {
        match projection {
            Projection::Records => Part::Whole,
            Projection::Keys => Part::Keys,
        }
    }
}

/// The commands that read one record.
pub fn get(layout: &Layout, key: &[u8], part: Part) -> Packed {
    let mut packed = Packed::with_room(&[2 * (key.len() + layout.prefix.len())]);
    packed.begin(2);
    packed.word(b"GET");
    packed.word_of(&[&layout.prefix, key]);
    if part.has_lifespans(layout) {
        packed.begin(2);
        packed.word(b"PTTL");
        packed.word_of(&[&layout.prefix, key]);
    }
    packed
}

/// The record in the answers to [`get`].
///
/// # Errors
///
/// `CORRUPT`.
pub fn record(layout: &Layout, key: &[u8], answers: &[Value]) -> Result<Option<Record>> {
    let Some(stored) = answers.first().and_then(Value::as_bulk) else { return Ok(None) };
    let left_ms = answers.get(1).and_then(Value::as_integer).unwrap_or(-1);
    layout.record(key, stored, left_ms, Projection::Records)
}

/// The records under full keys of the server, in their order.
///
/// # Errors
///
/// As [`Client::read`]; `CORRUPT`.
pub async fn records<K: AsRef<[u8]>>(
    client: &Arc<Client>,
    layout: &Layout,
    full: &[K],
    part: Part,
    deadline: Instant,
) -> Result<Vec<Option<Record>>> {
    let mut found = Vec::with_capacity(full.len());
    for chunk in full.chunks(CHUNK) {
        let lane = if full.len() > 64 { Lane::Long } else { Lane::Quick };
        let answers = client.read_until(ask(layout, chunk, part), lane, deadline).await?;
        for (place, key) in chunk.iter().enumerate() {
            let key = layout.key_of(key.as_ref()).unwrap_or_default();
            found.push(answered(layout, key, &answers, place, part)?);
        }
    }
    Ok(found)
}

/// The commands that read records under full keys.
pub fn ask<K: AsRef<[u8]>>(layout: &Layout, full: &[K], part: Part) -> Packed {
    let mut packed = Packed::default();
    if layout.has_envelopes() && part == Part::Keys {
        let last = (HEADER_LENGTH - 1).to_string();
        for key in full {
            packed.push(&[b"GETRANGE", key.as_ref(), b"0", last.as_bytes()]);
        }
        return packed;
    }
    packed.begin(1 + full.len());
    packed.word(b"MGET");
    for key in full {
        packed.word(key.as_ref());
    }
    if part.has_lifespans(layout) {
        for key in full {
            packed.push(&[b"PTTL", key.as_ref()]);
        }
    }
    packed
}

/// The record at a place in the answers to [`ask`].
///
/// # Errors
///
/// `CORRUPT`.
pub fn answered(layout: &Layout, key: &[u8], answers: &[Value], place: usize, part: Part) -> Result<Option<Record>> {
    if layout.has_envelopes() && part == Part::Keys {
        return match answers.get(place).and_then(Value::as_bytes) {
            None | Some([]) => Ok(None),
            Some(header) => layout.record_of_header(key, header),
        };
    }
    let values = answers.first().and_then(Value::as_array).unwrap_or_default();
    let Some(stored) = values.get(place).and_then(Value::as_bulk) else { return Ok(None) };
    let left_ms = match part.has_lifespans(layout) {
        true => answers.get(1 + place).and_then(Value::as_integer).unwrap_or(-2),
        false => -1,
    };
    layout.record(key, stored, left_ms, part.projection())
}

/// The full keys of a layout that pass prefix and suffix, sorted, each once.
///
/// # Errors
///
/// As [`Client::read`].
pub async fn keys(
    client: &Arc<Client>,
    layout: &Layout,
    options: &ListOptions,
    deadline: Instant,
) -> Result<Vec<Bytes>> {
    let mut found = Vec::new();
    let take = |page: Vec<Bytes>, is_first: bool| {
        if is_first {
            // What another server said before, this one may not have.
            found.clear();
        }
        let passes = |full: &Bytes| layout.key_of(full).is_some_and(|key| options.matches(key));
        // Copies: a key as it was read holds on to all that was read with it.
        found.extend(page.iter().filter(|full| passes(full)).map(|full| Bytes::copy_from_slice(full)));
        std::future::ready(Ok(()))
    };
    scan(client, &pattern(layout, options), deadline, take).await?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The glob of a filter. A key may be shorter than prefix and suffix together, so that only one of them is in it.
pub fn pattern(layout: &Layout, options: &ListOptions) -> Vec<u8> {
    let mut pattern = escape_glob(&layout.prefix);
    pattern.extend(escape_glob(&options.prefix));
    pattern.push(b'*');
    if options.prefix.is_empty() {
        pattern.extend(escape_glob(&options.suffix));
    }
    pattern
}

/// Gives every key that matches a glob to `take`, page by page, and whether it is the first page: the scan begins anew on
/// another server, to which a place in this one's keys means nothing, and with it all that was found. Some may come more
/// than once.
///
/// # Errors
///
/// As [`Client::read`], and what `take` answers.
pub async fn scan<F: Future<Output = Result<()>>>(
    client: &Arc<Client>,
    pattern: &[u8],
    deadline: Instant,
    mut take: impl FnMut(Vec<Bytes>, bool) -> F,
) -> Result<()> {
    client.refuse_long("prefix", pattern.len()).await?;
    'anew: loop {
        let lease = client.lease(deadline).await?;
        let mut place = Bytes::from_static(b"0");
        let mut is_first = true;
        loop {
            let packed = Packed::of(&[b"SCAN", &place, b"MATCH", pattern, b"COUNT", SCAN_COUNT]);
            let answers = match lease.connection(Lane::Long).call(packed, deadline).await {
                Ok(answers) => answers,
                Err(Unanswered::Broken(broken)) => {
                    lease.retire(&broken.reason);
                    continue 'anew;
                }
                Err(Unanswered::Late { .. }) => {
                    let text = "the keys were not read before the deadline; allow more time, or narrow the prefix";
                    return Err(Error::new(Status::TIMEOUT, "redis", text));
                }
            };
            match refusal::find(&answers) {
                None => {}
                Some(Refusal::Final(error) | Refusal::LoggedOut(error)) => return Err(error),
                Some(_) => {
                    client.pause(deadline, "it cannot be read for the moment").await?;
                    continue 'anew;
                }
            }
            let Some([Value::Bulk(next), Value::Array(page)]) = answers.first().and_then(Value::as_array) else {
                return Err(Error::new(Status::INTERNAL, "redis", "a scan was answered by something else"));
            };
            let page = page.iter().filter_map(|key| if let Value::Bulk(key) = key { Some(key.clone()) } else { None });
            take(page.collect(), std::mem::take(&mut is_first)).await?;
            if next.as_ref() == b"0" {
                return Ok(());
            }
            place = next.clone();
        }
    }
}

/// Keys that were found, and how far they have been read.
pub struct Pages {
    keys: Vec<Bytes>,
    projection: Projection,
    next: usize,
    limit: usize,
}

impl Pages {
    /// Pages over the keys that a filter leaves.
    pub fn new(keys: Vec<Bytes>, options: &ListOptions) -> Pages {
        let limit = if options.limit == 0 { usize::MAX } else { options.limit };
        Pages { next: options.offset.min(keys.len()), keys, projection: options.projection, limit }
    }

    /// The next records, at most `most`; a failure leaves the place as it was.
    ///
    /// # Errors
    ///
    /// As [`records`].
    pub async fn read(
        &mut self,
        client: &Arc<Client>,
        layout: &Layout,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<Record>> {
        let most = most.min(self.limit);
        let mut page = Vec::new();
        let mut next = self.next;
        while page.len() < most && next < self.keys.len() {
            let end = self.keys.len().min(next + (most - page.len()).min(CHUNK));
            let found = records(client, layout, &self.keys[next..end], self.projection.into(), deadline).await?;
            page.extend(found.into_iter().flatten());
            next = end;
        }
        self.next = next;
        self.limit -= page.len();
        Ok(page)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::store::format::Format;
    use crate::store::redis::connection::Address;
    use crate::store::redis::connection::testing::{LONG, connected, run};
    use crate::store::redis::master::lease::Lease;

    #[test]
    fn a_scan_that_begins_anew_forgets_what_it_found_before() {
        run(async {
            let (connection, mut server, _pushes) = connected().await;
            let address = Address { host: "h".to_owned(), port: 1 };
            let lease = Arc::new(Lease::new(address, String::new(), 3, vec![connection]));
            let answers = async {
                let page = |next: u32, keys: &str| format!("*2\r\n$1\r\n{next}\r\n*2\r\n{keys}");
                let refused = "-LOADING it began anew\r\n".to_owned();
                let key = |key: char| format!("$1\r\n{key}\r\n");
                let (before, after) = (key('a') + &key('b'), key('b') + &key('c'));
                for answer in [page(7, &before), refused, page(0, &after)] {
                    let mut asked = vec![0; 1 << 10];
                    assert!(server.read(&mut asked).await.expect("it was asked") > 0);
                    server.write_all(answer.as_bytes()).await.expect("open");
                }
            };
            let client = Client::holding(Some(lease));
            let layout = Layout::new(Format::Raw, "", "", Arc::default());
            let options = ListOptions::default();
            let (found, ()) = tokio::join!(keys(&client, &layout, &options, Instant::now() + LONG), answers);
            assert_eq!(found.expect("read"), [&b"b"[..], b"c"]);
        });
    }

    #[test]
    fn a_glob_holds_the_prefix_or_else_the_suffix() {
        let layout = Layout::new(Format::Raw, "", "t*", Arc::default());
        let of = |prefix: &[u8], suffix: &[u8]| {
            let options = ListOptions { prefix: prefix.to_vec(), suffix: suffix.to_vec(), ..ListOptions::default() };
            String::from_utf8(pattern(&layout, &options)).expect("text")
        };
        assert_eq!(of(b"", b""), "t\\**");
        assert_eq!(of(b"a", b"b"), "t\\*a*");
        assert_eq!(of(b"", b"[b"), "t\\**\\[b");
    }
}
