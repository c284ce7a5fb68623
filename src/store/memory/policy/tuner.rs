//! Finds the regime that suits the requests, by trying each on a sample of them.
//!
//! The shadows of all regimes see the same keys, 64 to 256 at a time, so a small lead of one over another
//! is no accident of the sample. The caches in miniature are as large as the part of the sample that the true
//! cache holds: an unlucky sample, with more or fewer keys than its due, is so corrected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::segments::Regime;
use super::shadow::{MOST_ENTRIES, Shadow};

/// The regimes to choose from, each with about five times the window of the one before: for loops and scans, for skewed
/// popularity, for a mixture, for recency. In a loop the newcomer was always used once more than its rival, which is
/// needed first, so there it must lead by two; that a lead suits the third too was measured.
pub(super) const REGIMES: [Regime; 4] = [
    Regime { window_percent: 1, lead: 1 },
    Regime { window_percent: 5, lead: 0 },
    Regime { window_percent: 25, lead: 1 },
    Regime { window_percent: 80, lead: 0 },
];
/// The regime to begin with.
pub(super) const FIRST: u8 = 1;

/// Requests that wait for the next insertions to be tried; hits beyond these are not seen.
const NOTES: usize = 256;
/// Requests that one insertion tries, at most.
const REQUESTS_PER_INSERTION: u32 = 32;
/// Fewer sampled keys than these, and twice as many are sampled.
const LEAST_ENTRIES: usize = MOST_ENTRIES / 4;
/// Levels of sampling, each of half the keys of the one before.
const LEVELS: usize = 24;
/// Requests, for each entry of a shadow, after which a hit counts for a third.
const MEMORY: f32 = 30.0;
/// Requests, for each entry of a shadow, in which its size follows that of the true cache.
const SIZE_MEMORY: f32 = 4.0;
/// How far ahead in hits, in standard deviations of their number if each were a toss of a coin, a regime takes over.
const LEAD: f32 = 0.3;

/// Shadows, and what they have shown.
pub(super) struct Tuner {
    shadows: Box<[Shadow; REGIMES.len()]>,
    /// Hits of each shadow, the old ones discounted.
    hits: [f32; REGIMES.len()],
    /// Requests, discounted alike.
    requests: f32,
    since_choice: usize,
    choice: Arc<AtomicU8>,
    notes: [AtomicU32; NOTES],
    /// How many were noted, and how many of these were tried, modulo 2³².
    noted: AtomicU32,
    tried: u32,
    /// Keys that the true cache holds, by the last level at which they are sampled.
    census: [usize; LEVELS],
    level: u32,
    /// The room of a shadow.
    size: f32,
    is_full: bool,
}

impl Tuner {
    /// Knows nothing yet, and will say into `choice` which of [`REGIMES`] is best.
    pub(super) fn new(choice: Arc<AtomicU8>) -> Tuner {
        Tuner {
            shadows: Box::new(REGIMES.map(Shadow::new)),
            hits: [0.0; REGIMES.len()],
            requests: 0.0,
            since_choice: 0,
            choice,
            notes: [const { AtomicU32::new(0) }; NOTES],
            noted: AtomicU32::new(0),
            tried: 0,
            census: [0; LEVELS],
            level: 0,
            size: 0.0,
            is_full: false,
        }
    }

    /// `key` is asked for.
    #[inline]
    pub(super) fn note(&self, key: u32) {
        if level(key) < self.level || self.waiting() >= NOTES as u32 {
            return;
        }
        // Threads that come here at once may pass the limit together; the oldest notes are lost then.
        let place = self.noted.fetch_add(1, Ordering::Relaxed);
        self.notes[place as usize % NOTES].store(key, Ordering::Relaxed);
    }

    /// `key` is asked for, and is held from now on.
    pub(super) fn enter(&mut self, key: u32) {
        self.census[level(key) as usize] += 1;
        self.resample();
        for _ in 0..self.waiting().min(REQUESTS_PER_INSERTION) {
            let note = *self.notes[self.tried as usize % NOTES].get_mut();
            self.tried = self.tried.wrapping_add(1);
            self.request(note);
        }
        self.note(key);
    }

    /// `key` is no longer held.
    pub(super) fn leave(&mut self, key: u32) {
        let count = &mut self.census[level(key) as usize];
        *count = count.saturating_sub(1);
    }

    /// `key` is no longer held, for want of room.
    pub(super) fn evict(&mut self, key: u32) {
        self.is_full = true;
        self.leave(key);
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<Tuner>() + size_of_val(&*self.shadows) + self.shadows.iter().map(Shadow::memory).sum::<usize>()
    }

    fn waiting(&self) -> u32 {
        self.noted.load(Ordering::Relaxed).wrapping_sub(self.tried)
    }

    fn request(&mut self, key: u32) {
        if level(key) < self.level {
            return;
        }
        self.follow_size();
        let size = self.size.round() as usize;
        let kept = 1.0 - 1.0 / (MEMORY * self.size.max(1.0));
        self.requests = self.requests * kept + 1.0;
        for (shadow, hits) in self.shadows.iter_mut().zip(&mut self.hits) {
            *hits = *hits * kept + f32::from(u8::from(shadow.request(remix(key), size)));
        }
        self.since_choice += 1;
        if self.since_choice > size / 8 {
            self.since_choice = 0;
            self.choose();
        }
    }

    fn choose(&self) {
        let best = (0..REGIMES.len()).max_by(|a, b| self.hits[*a].total_cmp(&self.hits[*b])).unwrap_or(0);
        let present = usize::from(self.choice.load(Ordering::Relaxed));
        if self.hits[best] - self.hits[present] > LEAD * self.requests.sqrt() {
            self.choice.store(best as u8, Ordering::Relaxed);
        }
    }

    /// Until the true cache is full its size is exactly known; later it goes up and down with what passes through.
    fn follow_size(&mut self) {
        let sampled = self.sampled() as f32;
        if self.is_full {
            self.size += (sampled - self.size) / (SIZE_MEMORY * self.size.max(1.0));
        } else {
            self.size = sampled;
        }
    }

    fn sampled(&self) -> usize {
        self.census[self.level as usize..].iter().sum()
    }

    fn resample(&mut self) {
        let sampled = self.sampled();
        if sampled > MOST_ENTRIES && (self.level as usize) < LEVELS - 1 {
            self.level += 1;
        } else if sampled < LEAST_ENTRIES && self.level > 0 {
            self.level -= 1;
        } else {
            return;
        }
        self.size = self.sampled() as f32;
        self.shadows.iter_mut().for_each(Shadow::clear);
    }
}

/// The last level at which a key of 31 bits is sampled: the number of zeros that it begins with.
#[inline]
fn level(key: u32) -> u32 {
    (key << 1).leading_zeros().min(LEVELS as u32 - 1)
}

/// Other 31 bits for a sampled key, whose first ones are all zero.
fn remix(key: u32) -> u32 {
    let mixed = key.wrapping_mul(0x9E37_79B1);
    (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA6B) >> 1
}
