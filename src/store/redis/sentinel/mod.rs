//! What the sentinels say: who is the master, and which replicas it has.
//!
//! Every sentinel that is configured, and every one that those know of, is asked once a second and at each of its
//! announcements, by a task of its own ([`follow`]). What they said last is kept ([`view`]); the decisions over it are
//! pure functions: who leads ([`view::decide`]), and who could follow ([`candidates`]). Who is named here is not trusted yet: the keeper asks the server for its role.

mod candidates;
mod follow;
pub mod view;

use std::collections::BTreeMap;
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
use view::View;

/// The most sentinels that are followed.
const MOST: usize = 32;

/// One sentinel, as it was last heard.
#[derive(Clone, Debug, Default)]
struct Sighting {
    /// What it says; `None` while it cannot be asked.
    view: Option<View>,
    /// Why it cannot be asked.
    error: Option<Error>,
}

/// Follows all sentinels of one master.
pub struct Monitor {
    name: String,
    configured: Vec<Address>,
    dial: Dial,
    max_delay: Duration,
    sightings: Mutex<BTreeMap<Address, Sighting>>,
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
            sightings: Mutex::default(),
            changed: watch::Sender::new(0),
            started: AtomicBool::new(false),
            closed,
        })
    }

    /// The sentinels that are followed, and whether each can be asked.
    pub fn sentinels(&self) -> Vec<(Address, bool)> {
        let sightings = self.sightings.lock();
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
            self.follow(address);
        }
    }

    /// Follows one more sentinel.
    fn follow(self: &Arc<Self>, address: Address) {
        {
            let mut sightings = self.sightings.lock();
            if sightings.len() >= MOST || sightings.contains_key(&address) {
                return;
            }
            sightings.insert(address.clone(), Sighting::default());
        }
        let monitor = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = follow::follow(&monitor, &address) => {}
                () = monitor.closed.raised() => {}
            }
        });
    }

    /// Whether a sentinel of this id is heard already, by whatever address: containers announce others than they have outside.
    fn hears(&self, id: &str) -> bool {
        let is_it = |sighting: &Sighting| sighting.view.as_ref().is_some_and(|view| view.id == id);
        !id.is_empty() && self.sightings.lock().values().any(is_it)
    }

    /// Whether the sentinel at `address`, which is not configured, is heard by one that is, or by another that was learned
    /// and goes before it: whoever has several addresses may be learned by them before anybody hears who it is.
    fn hears_elsewhere(&self, address: &Address) -> bool {
        if self.configured.contains(address) {
            return false;
        }
        let sightings = self.sightings.lock();
        let id = |sighting: &Sighting| Some(sighting.view.as_ref()?.id.clone()).filter(|id| !id.is_empty());
        let Some(here) = sightings.get(address).and_then(id) else { return false };
        let others = sightings.iter().filter(|(other, _)| *other < address || self.configured.contains(other));
        others.filter(|(other, _)| *other != address).any(|(_, sighting)| id(sighting).as_ref() == Some(&here))
    }

    /// Follows the sentinel at this address no longer.
    fn forget(&self, address: &Address) {
        self.sightings.lock().remove(address);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Tells of changes in what is known; subscribe before looking.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The master that the sentinels name now; `None` while none can be asked or none knows one.
    pub fn decided(&self) -> Option<Address> {
        let sightings = self.sightings.lock();
        view::decide(sightings.values().filter_map(|sighting| sighting.view.as_ref()))
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
                _ => return Err(self.all_failed().unwrap_or_else(|| self.silent())),
            }
        }
    }

    /// Why none can be asked, once all of them have failed: the failure that can be mended by the user before others.
    fn all_failed(&self) -> Option<Error> {
        let sightings = self.sightings.lock();
        let errors: Option<Vec<&Error>> = sightings.values().map(|sighting| sighting.error.as_ref()).collect();
        let errors = errors?;
        let of = |status| errors.iter().find(|error| error.status() == status).copied();
        of(Status::AUTH).or_else(|| of(Status::CONFIG)).or_else(|| errors.first().copied()).cloned()
    }

    fn silent(&self) -> Error {
        let text = format!("no sentinel has named the master \"{}\" yet", self.name);
        Error::new(Status::UNAVAILABLE, "sentinel", text)
    }

    /// The replicas that could come after `master`, when it is whom the sentinels name; `None` when they name another
    /// one, or when none can be asked: what they said before may be behind a failover that they began since.
    pub fn candidates_after(&self, master: &Address) -> Option<Candidates> {
        let sightings = self.sightings.lock();
        candidates::candidates(sightings.values().filter_map(|sighting| sighting.view.as_ref()), master)
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
            let mut sightings = self.sightings.lock();
            let sighting = sightings.entry(address.clone()).or_default();
            match seen {
                Ok(view) => {
                    let view = match &sighting.view {
                        Some(before) => view.remembering(before),
                        None => view,
                    };
                    *sighting = Sighting { view: Some(view), error: None };
                }
                Err(error) => *sighting = Sighting { view: None, error: Some(error) },
            }
        }
        self.changed.send_modify(|count| *count += 1);
    }
}
