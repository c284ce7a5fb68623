//! What the sentinels say: who is the master, and which replicas it has.
//!
//! Every sentinel that is configured, and every one that those know of, is asked once a second and at each of its
//! announcements, by a task of its own ([`follow`]). What they said last is kept ([`view`]), and the newest master that
//! was decided on; the decisions over it are pure functions: who leads ([`view::decide`]), and who could follow
//! ([`candidates`]). Who is named here is not trusted yet: the keeper asks the server for its role.

mod candidates;
mod follow;
pub mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::{Error, Result, Status};
use crate::runtime::Signal;
use crate::store::redis::connection::Address;
use crate::store::redis::connection::handshake::Dial;
use crate::store::redis::nodes::Sentinels;
use crate::sync::Mutex;

pub use candidates::Candidates;
use view::{Decision, Named, View};

/// The most sentinels that are followed.
const MOST: usize = 32;
/// The most of them while one is learned that is down to others. Sentinels never forget each other, and list those of pods
/// that are gone for good.
const MOST_WITH_DOWN: usize = 16;
/// How long one that was learned is away until it is not followed any more; it is learned again where others list it.
const LONG_AWAY: Duration = Duration::from_secs(60);

/// One sentinel, as it was last heard.
#[derive(Clone, Debug, Default)]
struct Sighting {
    /// What it says; `None` while it cannot be asked.
    view: Option<View>,
    /// Why it cannot be asked.
    error: Option<Error>,
    /// Its id, also while it cannot be asked; empty of one that never told it.
    id: String,
}

/// All that was heard.
#[derive(Default)]
struct Heard {
    sightings: BTreeMap<Address, Sighting>,
    /// The master that was decided on last.
    newest: Option<Named>,
}

impl Heard {
    fn views(&self) -> impl Iterator<Item = &View> {
        self.sightings.values().filter_map(|sighting| sighting.view.as_ref())
    }

    fn decide(&self) -> Decision {
        view::decide(self.views(), self.newest.as_ref(), self.known())
    }

    /// How many sentinels there are, as far as is known: one that is followed by two addresses is one, and an address that
    /// was never heard is none, for it may be another name of one, or none's any more.
    fn known(&self) -> usize {
        let ids = self.sightings.values().filter(|sighting| !sighting.id.is_empty()).map(|sighting| &sighting.id);
        let nameless = self.views().filter(|view| view.id.is_empty()).count();
        let counted = self.views().map(|view| view.sentinels).max().unwrap_or(0);
        counted.max(ids.collect::<BTreeSet<_>>().len() + nameless)
    }
}

/// Follows all sentinels of one master.
pub struct Monitor {
    name: String,
    configured: Vec<Address>,
    dial: Dial,
    max_delay: Duration,
    heard: Mutex<Heard>,
    changed: watch::Sender<u64>,
    started: AtomicBool,
    closed: Signal,
}

impl Monitor {
    /// A monitor that connects nothing yet.
    pub fn new(sentinels: &Sentinels, dial: Dial, max_delay: Duration, closed: Signal) -> Arc<Monitor> {
        Arc::new(Monitor {
            name: sentinels.master.clone(),
            configured: sentinels.addresses.clone(),
            dial,
            max_delay,
            heard: Mutex::default(),
            changed: watch::Sender::new(0),
            started: AtomicBool::new(false),
            closed,
        })
    }

    /// The sentinels that are followed, and whether each can be asked.
    pub fn sentinels(&self) -> Vec<(Address, bool)> {
        let sightings = &self.heard.lock().sightings;
        if sightings.is_empty() {
            return self.configured.iter().map(|address| (address.clone(), false)).collect();
        }
        sightings.iter().map(|(address, sighting)| (address.clone(), sighting.view.is_some())).collect()
    }

    /// Begins to follow; inside the runtime. Idempotent.
    pub fn start(self: &Arc<Self>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        for address in self.configured.clone() {
            self.follow(address, MOST);
        }
    }

    /// Follows one more sentinel, which others know.
    fn learn(self: &Arc<Self>, address: Address, is_down: bool) {
        self.follow(address, if is_down { MOST_WITH_DOWN } else { MOST });
    }

    fn follow(self: &Arc<Self>, address: Address, most: usize) {
        if !self.admit(&address, most) {
            return;
        }
        let monitor = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = follow::follow(&monitor, &address) => {}
                () = monitor.closed.raised() => {}
            }
        });
    }

    /// Notes that a sentinel is followed from now on; false when it is already, or when there are so many.
    fn admit(&self, address: &Address, most: usize) -> bool {
        let sightings = &mut self.heard.lock().sightings;
        if sightings.len() >= most || sightings.contains_key(address) {
            return false;
        }
        sightings.insert(address.clone(), Sighting::default());
        true
    }

    /// Whether the sentinel at an address can be asked.
    fn is_heard(&self, address: &Address) -> bool {
        self.heard.lock().sightings.get(address).is_some_and(|sighting| sighting.view.is_some())
    }

    /// Whether a sentinel that cannot be asked need not be followed any more: nobody configured it, and it has been away
    /// for long, or has another address now, as one has that moved to another pod. Not while none is heard, who would tell
    /// of it again.
    fn gives_up(&self, address: &Address, away: Duration) -> bool {
        if self.configured.contains(address) {
            return false;
        }
        let (id, is_anyone_heard) = {
            let heard = self.heard.lock();
            let id = heard.sightings.get(address).map(|sighting| sighting.id.clone());
            (id, heard.views().next().is_some())
        };
        (away >= LONG_AWAY && is_anyone_heard) || id.is_some_and(|id| self.hears(&id))
    }

    /// Whether a sentinel of this id is heard already, by whatever address: containers announce others than they have outside.
    fn hears(&self, id: &str) -> bool {
        let is_it = |sighting: &Sighting| sighting.view.as_ref().is_some_and(|view| view.id == id);
        !id.is_empty() && self.heard.lock().sightings.values().any(is_it)
    }

    /// Whether the sentinel at `address`, which is not configured, is heard by one that is, or by another that was learned
    /// and goes before it: whoever has several addresses may be learned by them before anybody hears who it is.
    fn hears_elsewhere(&self, address: &Address) -> bool {
        if self.configured.contains(address) {
            return false;
        }
        let sightings = &self.heard.lock().sightings;
        let id = |sighting: &Sighting| Some(sighting.view.as_ref()?.id.clone()).filter(|id| !id.is_empty());
        let Some(here) = sightings.get(address).and_then(id) else { return false };
        let others = sightings.iter().filter(|(other, _)| *other < address || self.configured.contains(other));
        others.filter(|(other, _)| *other != address).any(|(_, sighting)| id(sighting).as_ref() == Some(&here))
    }

    /// Follows the sentinel at this address no longer.
    fn forget(&self, address: &Address) {
        self.heard.lock().sightings.remove(address);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Tells of changes in what is known; subscribe before looking.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The master that the sentinels name now; `None` while none can be asked, none knows one, or those who can be asked
    /// name one that was superseded.
    pub fn decided(&self) -> Option<Address> {
        match self.heard.lock().decide() {
            Decision::Master(named) => Some(named.master),
            Decision::Nobody | Decision::Superseded(_) => None,
        }
    }

    /// The master that the sentinels name, waiting for one until the deadline.
    ///
    /// # Errors
    ///
    /// `CONFIG` when every sentinel that answers knows no master of that name, `AUTH`, or `UNAVAILABLE`.
    pub async fn master(&self, deadline: Instant) -> Result<Address> {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            if let Some(master) = self.decided() {
                return Ok(master);
            }
            if let Some(error) = self.all_failed() {
                return Err(error);
            }
            match tokio::time::timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                _ => return Err(self.all_failed().unwrap_or_else(|| self.undecided())),
            }
        }
    }

    /// Why none can be asked, once all of them have failed: the failure that can be mended by the user before others.
    fn all_failed(&self) -> Option<Error> {
        let sightings = &self.heard.lock().sightings;
        let errors: Option<Vec<&Error>> = sightings.values().map(|sighting| sighting.error.as_ref()).collect();
        let errors = errors?;
        let of = |status| errors.iter().find(|error| error.status() == status).copied();
        of(Status::AUTH).or_else(|| of(Status::CONFIG)).or_else(|| errors.first().copied()).cloned()
    }

    fn undecided(&self) -> Error {
        let heard = self.heard.lock();
        let text = match (heard.decide(), &heard.newest) {
            (Decision::Superseded(old), Some(newest)) => format!(
                "the sentinels that answer name {} as the master \"{}\" (epoch {}), but {} was named since (epoch {}); \
                 waiting for one that knows, or for most of the {} sentinels to agree",
                old.master,
                self.name,
                old.epoch,
                newest.master,
                newest.epoch,
                heard.known(),
            ),
            _ => format!("no sentinel has named the master \"{}\" yet", self.name),
        };
        Error::new(Status::UNAVAILABLE, "sentinel", text)
    }

    /// The replicas that could come after `master`, when it is whom the sentinels name; `None` when they name another
    /// one, or when none can be asked: what they said before may be behind a failover that they began since.
    pub fn candidates_after(&self, master: &Address) -> Option<Candidates> {
        let heard = self.heard.lock();
        match heard.decide() {
            Decision::Master(named) if named.master == *master => Some(candidates::candidates(heard.views(), master)),
            _ => None,
        }
    }

    /// A monitor of one sentinel, which names this master.
    #[cfg(all(test, not(larder_loom)))]
    pub fn naming(master: Address) -> Arc<Monitor> {
        let sentinels = Sentinels { addresses: Vec::new(), master: "m".to_owned() };
        let dial = Dial {
            role: "sentinel",
            tls: None,
            username: None,
            password: None,
            database: 0,
            client_name: "larder".to_owned(),
            limit: Duration::ZERO,
        };
        let monitor = Monitor::new(&sentinels, dial, Duration::ZERO, Signal::default());
        let sentinel = Address { host: "s".to_owned(), port: 1 };
        monitor.saw(&sentinel, Ok(View { master: Some(master), sentinels: 1, ..View::default() }));
        monitor
    }

    /// Notes what a sentinel said.
    fn saw(&self, address: &Address, seen: Result<View>) {
        {
            let mut heard = self.heard.lock();
            let sighting = heard.sightings.entry(address.clone()).or_default();
            match seen {
                Ok(view) => {
                    let view = match &sighting.view {
                        Some(before) => view.remembering(before),
                        None => view,
                    };
                    let id = view.id.clone();
                    *sighting = Sighting { view: Some(view), error: None, id };
                }
                Err(error) => (sighting.view, sighting.error) = (None, Some(error)),
            }
            if let Decision::Master(named) = heard.decide() {
                heard.newest = Some(named);
            }
        }
        self.changed.send_modify(|count| *count += 1);
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "h".to_owned(), port }
    }

    fn naming(id: &str, master: u16, epoch: u64, sentinels: usize) -> Result<View> {
        Ok(View { id: id.to_owned(), master: Some(at(master)), epoch, sentinels, replicas: Vec::new() })
    }

    fn lost() -> Result<View> {
        Err(Error::new(Status::UNAVAILABLE, "sentinel", "no answer"))
    }

    /// A monitor that heard three sentinels change masters, of which only the third, which did not, is left.
    fn cut_off() -> Arc<Monitor> {
        let monitor = Monitor::naming(at(1));
        monitor.forget(&Address { host: "s".to_owned(), port: 1 });
        for (port, id) in [(11, "a"), (12, "b"), (13, "c")] {
            monitor.saw(&at(port), naming(id, 1, 1, 3));
        }
        for (port, id) in [(11, "a"), (12, "b")] {
            monitor.saw(&at(port), naming(id, 2, 2, 3));
        }
        assert_eq!(monitor.decided(), Some(at(2)));
        assert!(monitor.candidates_after(&at(1)).is_none() && monitor.candidates_after(&at(2)).is_some());
        for port in [11, 12] {
            monitor.saw(&at(port), lost());
        }
        monitor
    }

    #[test]
    fn a_master_that_was_superseded_is_not_gone_back_to_while_those_who_know_are_silent() {
        let monitor = cut_off();
        assert_eq!((monitor.decided(), monitor.candidates_after(&at(1))), (None, None));
        let text = monitor.undecided().to_string();
        assert!(text.contains("h:1") && text.contains("h:2 was named since") && text.contains("3 sentinels"), "{text}");
        // One that was set up anew and knows nobody else is no majority of all.
        monitor.saw(&at(13), naming("new", 1, 0, 1));
        assert_eq!(monitor.decided(), None);
        monitor.saw(&at(11), naming("a", 2, 2, 3));
        assert_eq!(monitor.decided(), Some(at(2)));
    }

    #[test]
    fn a_learned_sentinel_is_not_followed_any_more_that_was_away_for_long_or_moved() {
        let sentinels = Sentinels { addresses: vec![at(1)], master: "m".to_owned() };
        let dial = Monitor::naming(at(9)).dial.clone();
        let monitor = Monitor::new(&sentinels, dial, Duration::ZERO, Signal::default());
        let (short, long) = (LONG_AWAY - Duration::from_millis(1), LONG_AWAY);
        for (port, id) in [(1, "a"), (2, "b")] {
            monitor.saw(&at(port), naming(id, 9, 1, 2));
            monitor.saw(&at(port), lost());
        }
        assert_eq!([short, long].map(|away| monitor.gives_up(&at(1), away)), [false, false]);
        // Nobody would tell of it again.
        assert!(!monitor.gives_up(&at(2), long));
        monitor.saw(&at(1), naming("a", 9, 1, 2));
        assert_eq!([short, long].map(|away| monitor.gives_up(&at(2), away)), [false, true]);
        for port in 3..=MOST as u16 {
            assert!(monitor.admit(&at(port), MOST));
        }
        assert!(!monitor.admit(&at(100), MOST));
        assert!(!monitor.gives_up(&at(3), short), "who never said who it is");
        monitor.forget(&at(3));
        assert!(!monitor.admit(&at(100), MOST_WITH_DOWN));
        assert!(monitor.admit(&at(100), MOST));
        // The same one by its new address.
        monitor.saw(&at(100), naming("b", 9, 1, 2));
        assert!(monitor.gives_up(&at(2), Duration::ZERO));
    }

    #[test]
    fn sentinels_that_were_all_set_up_anew_are_believed() {
        let monitor = cut_off();
        for (port, id, expected) in [(11, "x", None), (12, "y", Some(at(1)))] {
            monitor.saw(&at(13), lost());
            monitor.saw(&at(port), naming(id, 1, 0, 3));
            assert_eq!(monitor.decided(), expected);
        }
        monitor.saw(&at(11), naming("x", 2, 1, 3));
        assert_eq!(monitor.decided(), Some(at(2)));
    }
}
