//! A record of the doctor's own, which is written, read, swapped, watched and removed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::advice::refusal::on_error;
use super::place::failed;
use super::step::{self, Examination, Finding};
use crate::boundary::wait::wait;
use crate::cli::transfer::endpoint::Endpoint;
use crate::error::{Error, Status};
use crate::store::event::Watch;
use crate::store::options::{Condition, Lifetime, Outcome, PutOptions, Term, WatchOptions};

/// How long the record lives if nobody removes it.
const LIFESPAN: Duration = Duration::from_secs(60);
/// How many events of other keys are passed over at most.
const MOST_EVENTS: usize = 1024;

/// A key that nobody has.
pub fn key() -> Vec<u8> {
    format!("larder-doctor-{:016x}", fastrand::u64(..)).into_bytes()
}

/// Takes all steps with the record.
pub fn examine(endpoint: &Endpoint, key: &[u8], examination: &mut Examination) {
    if endpoint.store.kind() == "noop" {
        examination.step("write", "", || Finding::skipped("a noop store holds nothing"));
        return;
    }
    let probe = Probe { endpoint, key };
    let mut revision = 0;
    // First, so that what a write lacks is not met by a watch, which makes a bucket too.
    if !examination.step("write", "", || probe.write(&mut revision)) {
        return;
    }
    examination.step("read", "", || probe.read());
    let mut watch = None;
    examination.step("watch", "", || probe.begin_watch(&mut watch));
    let mut has_swapped = false;
    examination.step("swap", "", || {
        let found = probe.swap(revision);
        has_swapped = found.outcome == step::Outcome::Fine;
        found
    });
    if let Some(watch) = watch {
        if has_swapped {
            examination.step("event", "", || probe.hear(&*watch));
        }
        watch.close();
    }
    examination.step("remove", "", || probe.remove());
}

struct Probe<'a> {
    endpoint: &'a Endpoint,
    key: &'a [u8],
}

impl Probe<'_> {
    fn begin_watch(&self, begun: &mut Option<Arc<dyn Watch>>) -> Finding {
        let options = WatchOptions { prefix: self.key.to_vec(), ..WatchOptions::default() };
        match wait(self.endpoint.store.watch(&options), self.endpoint.timeout) {
            Ok(watch) => {
                *begun = Some(watch);
                Finding::fine("a watch has begun")
            }
            // Whoever never watches does not miss it. What else the user may not do, the next steps meet.
            Err(error) if error.status() == Status::AUTH => Finding::warning(error.to_string(), on_error(&error)),
            Err(error) => unless_unsupported(&error),
        }
    }

    fn write(&self, revision: &mut u64) -> Finding {
        match self.put(b"1", Condition::Always) {
            Ok(Outcome::Done { revision: written }) => {
                *revision = written;
                Finding::fine(format!("written with revision {written}"))
            }
            Ok(_) => unexpected("a write without a condition was refused"),
            Err(error) => failed(&error),
        }
    }

    fn read(&self) -> Finding {
        match wait(self.endpoint.store.get(self.key), self.endpoint.timeout) {
            Ok(Some(record)) if record.value() == b"1" => Finding::fine("what was written reads back"),
            Ok(Some(_)) => unexpected("what reads back is something else"),
            Ok(None) => Finding::failed(
                Status::NOT_FOUND,
                "what was written does not read back",
                "A replica that lags behind answers reads: read_your_writes asks the leader. Or a limit of the bucket or \
                 server removes records at once. Or this machine's clock is ahead, so that the record has expired here: \
                 see the step clock.",
            ),
            Err(error) => failed(&error),
        }
    }

    /// A write that expects the right revision is done, one that expects the one before is not.
    fn swap(&self, revision: u64) -> Finding {
        match self.put(b"2", Condition::IfRevision(revision)) {
            Ok(Outcome::Done { .. }) => {}
            Ok(_) => return unexpected("a swap was refused, although it names the revision that was written"),
            Err(error) => return unless_unsupported(&error),
        }
        match self.put(b"3", Condition::IfRevision(revision)) {
            Ok(Outcome::Conflict { .. }) => Finding::fine("by revision; another revision is refused"),
            Ok(_) => unexpected("a swap was done, although it names an old revision"),
            Err(error) => unless_unsupported(&error),
        }
    }

    fn hear(&self, watch: &dyn Watch) -> Finding {
        let end = self.endpoint.timeout.map(|timeout| Instant::now() + timeout);
        for _ in 0..MOST_EVENTS {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
            match wait(watch.next(1), left) {
                Ok(events)
                    if events.iter().any(|event| event.record.as_ref().is_some_and(|it| it.key() == self.key)) =>
                {
                    return Finding::fine("the watch told of the swap");
                }
                Ok(events) if events.is_empty() => break,
                Ok(_) => {}
                Err(error) if error.status() == Status::TIMEOUT => break,
                Err(error) => return failed(&error),
            }
        }
        Finding::failed(
            Status::UNAVAILABLE,
            "the watch did not tell of the swap",
            "Events do not arrive: a proxy between here and the server may let answers through only, or the user may not \
             subscribe.",
        )
    }

    fn remove(&self) -> Finding {
        match wait(self.endpoint.store.remove(self.key, None), self.endpoint.timeout) {
            Ok(Outcome::Done { .. }) => {}
            Ok(_) => return unexpected("the record was gone before it was removed"),
            Err(error) => return failed(&error),
        }
        match wait(self.endpoint.store.contains(self.key), self.endpoint.timeout) {
            Ok(false) => Finding::fine("removed"),
            Ok(true) => unexpected("a record that was removed is still there"),
            Err(error) => failed(&error),
        }
    }

    fn put(&self, value: &[u8], condition: Condition) -> crate::error::Result<Outcome> {
        let lifetime = Lifetime { lifespan: Term::For(LIFESPAN), max_idle: Term::Default };
        let options = PutOptions { lifetime, condition, ..PutOptions::default() };
        wait(self.endpoint.store.put(self.key, value, &options), self.endpoint.timeout)
    }
}

fn unless_unsupported(error: &Error) -> Finding {
    if error.status() == Status::UNSUPPORTED { Finding::skipped(error.to_string()) } else { failed(error) }
}

fn unexpected(detail: &str) -> Finding {
    Finding::failed(
        Status::INTERNAL,
        detail,
        "Does something else write or remove keys that begin with larder-doctor-?",
    )
}
