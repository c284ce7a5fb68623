//! The task that listens to one sentinel.

use std::time::Duration;

use tokio::time::Instant;

use super::{Monitor, view};
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::store::redis::config::FIRST_RECONNECT_DELAY;
use crate::store::redis::connection::handshake::{is_auth, plain};
use crate::store::redis::connection::{Address, Connection, Unanswered, pushes};
use crate::store::redis::wire::{Packed, Value};
use crate::store::remote::backoff::Backoff;

/// How often a sentinel is asked although it announces nothing.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often after an announcement, and for how long: a sentinel that has a new master, or knows of a new replica, asks
/// them for their roles first, and says what it hears only when it is asked.
const EAGER_INTERVAL: Duration = Duration::from_millis(25);
const EAGER: Duration = Duration::from_secs(2);
/// How long its answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is asked for the other sentinels: each so many times that it is asked, and not the first time, when those
/// that are configured have not all said yet who they are.
const ASKED_FOR_OTHERS: u32 = 10;

/// What a sentinel announces that may change the answer. `+promoted-slave` comes before `+switch-master`: from there
/// on the failover is not taken back.
const CHANNELS: [&[u8]; 11] = [
    b"+switch-master",
    b"+promoted-slave",
    b"+odown",
    b"-odown",
    b"+reset-master",
    b"+sdown",
    b"-sdown",
    b"+slave",
    b"+role-change",
    b"-role-change",
    b"+sentinel",
];

/// Listens to a sentinel until it turns out to be one that is heard by another address, or until one that was learned has
/// been away for long: connects again whenever the connection ends.
pub(super) async fn follow(monitor: &std::sync::Arc<Monitor>, address: &Address) {
    let mut backoff = Backoff::new(FIRST_RECONNECT_DELAY, monitor.max_delay);
    // Of one that others tell of and that is gone nobody has to know, again and again.
    let mut was_heard = monitor.configured.contains(address);
    let mut lost_at = None;
    loop {
        let begun = Instant::now();
        let error = match session(monitor, address).await {
            Ok(HeardElsewhere) => return monitor.forget(address),
            Err(error) => error,
        };
        if monitor.is_heard(address) {
            lost_at = None;
        }
        let away = lost_at.get_or_insert_with(Instant::now).elapsed();
        if begun.elapsed() > PATIENCE {
            backoff.reset();
            was_heard = true;
        }
        if std::mem::take(&mut was_heard) {
            log::write(Level::Warn, "store.redis", || error.to_string());
        }
        monitor.saw(address, Err(error));
        if monitor.gives_up(address, away) {
            return monitor.forget(address);
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

/// The sentinel is followed by another address.
struct HeardElsewhere;

async fn session(monitor: &std::sync::Arc<Monitor>, address: &Address) -> Result<HeardElsewhere> {
    let (sender, mut pushes) = pushes::queue();
    let heard = monitor.dial.connect(address, Some(sender)).await?;
    // They end with their last handles, which are here.
    let listening = heard.connection.clone();
    // Under RESP2 a connection that listens cannot ask.
    let asking = if heard.protocol == 3 { heard } else { monitor.dial.connect(address, None).await? };
    let asking = asking.connection;
    let mut words = vec![&b"SUBSCRIBE"[..]];
    words.extend(CHANNELS);
    listening.tell(Packed::of(&words).without_answer());
    let mut next = Instant::now();
    let mut eager_until = next;
    for round in 0_u32.. {
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            push = pushes.next() => {
                while pushes.try_next().is_some() {}
                if push.is_none() {
                    return Err(lost(address, "the connection ended"));
                }
                eager_until = Instant::now() + EAGER;
            }
            reason = listening.wait_for_end() => return Err(lost(address, &reason)),
        }
        ask(monitor, address, &asking, round % ASKED_FOR_OTHERS == 1).await?;
        if monitor.hears_elsewhere(address) {
            return Ok(HeardElsewhere);
        }
        let now = Instant::now();
        next = now + if now < eager_until { EAGER_INTERVAL } else { INTERVAL };
    }
    Err(lost(address, "it was asked too often"))
}

async fn ask(
    monitor: &std::sync::Arc<Monitor>,
    address: &Address,
    connection: &Connection,
    for_others: bool,
) -> Result<()> {
    let name = monitor.name.as_bytes();
    let mut packed = Packed::of(&[b"SENTINEL", b"MYID"]);
    packed.push(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name]);
    packed.push(&[b"SENTINEL", b"MASTER", name]);
    packed.push(&[b"SENTINEL", b"REPLICAS", name]);
    if for_others {
        packed.push(&[b"SENTINEL", b"SENTINELS", name]);
    }
    let answers = match connection.call(packed, Instant::now() + PATIENCE).await {
        Ok(answers) => answers,
        Err(Unanswered::Broken(broken)) => return Err(lost(address, &broken.reason)),
        Err(Unanswered::Late { .. }) => return Err(lost(address, "no answer within 1 s")),
    };
    if let Some(text) = answers.iter().find_map(Value::as_error).filter(|text| is_auth(text)) {
        let text =
            format!("{address} refused to answer ({}); check sentinel_username and sentinel_password", plain(text));
        return Err(Error::new(Status::AUTH, "sentinel", text));
    }
    let Some(seen) = view::read(&answers) else {
        let text = format!("the sentinel {address} knows no master \"{}\"; check the name", monitor.name);
        monitor.saw(address, Err(Error::config("master", text)));
        return Ok(());
    };
    monitor.saw(address, Ok(seen));
    for other in answers.get(4).and_then(Value::as_array).unwrap_or_default() {
        let id = other.field("runid").and_then(Value::as_text).unwrap_or_default();
        if let Some(address) = view::instance(other).filter(|_| !monitor.hears(id)) {
            monitor.learn(address, view::is_down(other));
        }
    }
    Ok(())
}

fn lost(address: &Address, text: &str) -> Error {
    Error::new(Status::UNAVAILABLE, "sentinel", format!("{address}: {text}"))
}
