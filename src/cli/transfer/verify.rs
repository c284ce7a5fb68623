//! Whether a target has what its source has.

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::endpoint::Endpoint;
use super::keeps::Keeps;
use super::plan::Plan;
use super::progress::{Progress, Total};
use super::show_key;
use super::sink::IfExists;
use super::source::{Source, Unreadable, item_of};
use super::stamp::{expires_alike, may_have_expired};
use crate::error::Result;
use crate::store::format::dump::Item;

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Verified {
    /// How many records are the same in both.
    pub same: u64,
    /// How many the target does not have.
    pub missing: u64,
    /// How many are different there.
    pub different: u64,
    /// How many were left as they were in the target, as was asked for.
    pub kept: u64,
    /// The keys of what is missing or different, and may be written again.
    pub wrong: Vec<Vec<u8>>,
    /// The digest of what was compared in the source, in hexadecimal.
    pub source_digest: String,
    /// The digest of the same records in the target.
    pub target_digest: String,
}

impl Verified {
    /// Whether the target has all that it should have.
    pub fn is_good(&self) -> bool {
        self.missing == 0 && self.different == 0 && self.source_digest == self.target_digest
    }
}

/// Compares what is under `prefix` in `source` with what `target` has under the same keys, but for those in `left_out`.
///
/// # Errors
///
/// What a store answers, when patience is at its end.
pub fn verify(
    source: &Endpoint,
    target: &Endpoint,
    prefix: &[u8],
    if_exists: IfExists,
    left_out: &HashSet<Vec<u8>>,
    progress: &mut Progress,
) -> Result<Verified> {
    let plan = Plan::read(source, prefix, |keys| progress.listed(keys))?;
    progress.expect(Total::Records(plan.len() as u64), 0);
    let mut reader = Source::new(source, plan, Unreadable::Skip);
    let mut comparison = Comparison { keeps: target.keeps(), if_exists, ..Comparison::default() };
    let (mut records, mut bytes) = (0, 0);
    loop {
        let mut items = reader.next()?;
        reader.take_left_out();
        if items.is_empty() {
            break;
        }
        records += items.len() as u64;
        bytes += items.iter().map(Item::size).sum::<u64>();
        items.retain(|item| !left_out.contains(&item.key));
        let keys: Vec<&[u8]> = items.iter().map(|item| item.key.as_slice()).collect();
        let found = target.patience.ask(|| target.store.get_many(&keys))?;
        for (item, found) in items.iter().zip(found) {
            comparison.note(item, found.as_ref().map(item_of), progress);
        }
        progress.advance(records, bytes);
    }
    Ok(comparison.finish())
}

#[derive(Default)]
struct Comparison {
    keeps: Keeps,
    if_exists: IfExists,
    verified: Verified,
    source: Sha256,
    target: Sha256,
}

impl Comparison {
    fn note(&mut self, item: &Item, found: Option<Item>, progress: &mut Progress) {
        let Some(found) = found else {
            // One that expired meanwhile is rightly gone.
            if !may_have_expired(item) {
                self.verified.missing += 1;
                self.verified.wrong.push(item.key.clone());
                self.feed(item, None);
                progress.note(&format!("key {} is not in the target", show_key(&item.key)));
            }
            return;
        };
        if self.is_same(item, &found) {
            self.verified.same += 1;
        } else if self.if_exists == IfExists::Skip {
            self.verified.kept += 1;
            return;
        } else {
            self.verified.different += 1;
            // With `fail`, what somebody else has changed would end the next run.
            if self.if_exists != IfExists::Fail {
                self.verified.wrong.push(item.key.clone());
            }
            progress.note(&format!("key {} is different in the target", show_key(&item.key)));
        }
        self.feed(item, Some(&found));
    }

    fn is_same(&self, item: &Item, found: &Item) -> bool {
        let lifespan = !self.keeps.lifespan || expires_alike(item.expires_unix_ms, found.expires_unix_ms);
        let metadata = !self.keeps.metadata || item.metadata == found.metadata;
        item.value == found.value && metadata && lifespan
    }

    fn feed(&mut self, item: &Item, found: Option<&Item>) {
        let with_metadata = self.keeps.metadata;
        feed(&mut self.source, item, with_metadata);
        if let Some(found) = found {
            feed(&mut self.target, found, with_metadata);
        }
    }

    fn finish(mut self) -> Verified {
        let hex = |digest: Sha256| HEXLOWER.encode(&digest.finalize());
        self.verified.source_digest = hex(self.source);
        self.verified.target_digest = hex(self.target);
        self.verified
    }
}

fn feed(digest: &mut Sha256, item: &Item, with_metadata: bool) {
    let metadata = if with_metadata { item.metadata.as_bytes() } else { &[] };
    for part in [item.key.as_slice(), metadata, &item.value] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
}
