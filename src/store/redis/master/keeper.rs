//! The task that keeps a lease on the master: finds it, connects, looks at its role, and leaves it when it must.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::store::redis::config::{FIRST_RECONNECT_DELAY, Place};
use crate::store::redis::connection::handshake::plain;
use crate::store::redis::connection::{Address, Connection, Reason, Unanswered};
use crate::store::redis::master::client::{Client, Line};
use crate::store::redis::master::lease::{Lane, Lease};
use crate::store::redis::master::refusal::{self, Refusal};
use crate::store::redis::master::role::Role;
use crate::store::redis::records::layout::MAX_BULK;
use crate::store::redis::script;
use crate::store::redis::wire::{Packed, Value};
use crate::store::remote::backoff::Backoff;

/// How often the master is asked for its role: so long at most is a demoted one trusted that no sentinel speaks of.
const ROLE_INTERVAL: Duration = Duration::from_secs(1);
/// A lease that ended sooner than this counts as a failure to connect.
const SHORT: Duration = Duration::from_secs(1);

/// Starts the task; inside the runtime.
pub fn start(client: &Arc<Client>) {
    if let Some(monitor) = &client.monitor {
        monitor.start();
    }
    let client = Arc::clone(client);
    tokio::spawn(async move {
        tokio::select! {
            () = keep(&client) => {}
            () = client.closed.raised() => {}
        }
        client.close();
    });
}

async fn keep(client: &Arc<Client>) {
    let mut backoff = Backoff::new(FIRST_RECONNECT_DELAY, client.config.max_reconnect_delay);
    let mut was_up = true;
    loop {
        let begun = Instant::now();
        match establish(client).await {
            Ok(lease) => {
                log::write(Level::Info, "store.redis", || format!("the master is {}", lease.address));
                was_up = true;
                client.line.send_replace(Line::Up(Arc::clone(&lease)));
                let reason = hold(client, &lease).await;
                lease.retire(&reason);
                let level = if client.closed.is_raised() { Level::Debug } else { Level::Warn };
                log::write(level, "store.redis", || format!("{} was left: {reason}", lease.address));
                let text = format!("{}: {reason}", lease.address);
                let why = Error::new(Status::UNAVAILABLE, "redis", text);
                client.line.send_replace(Line::Down(Some(why)));
                if begun.elapsed() >= SHORT {
                    backoff.reset();
                    continue;
                }
            }
            Err(error) => {
                if std::mem::take(&mut was_up) {
                    log::write(Level::Warn, "store.redis", || error.to_string());
                }
                client.line.send_replace(Line::Down(Some(error)));
            }
        }
        rest(client, backoff.next_delay()).await;
    }
}

/// Waits before the next attempt; less when a sentinel says something new.
async fn rest(client: &Client, delay: Duration) {
    let Some(monitor) = &client.monitor else { return tokio::time::sleep(delay).await };
    let mut changes = monitor.changes();
    let before = monitor.decided();
    let end = Instant::now() + delay;
    // Never at once: sentinels speak every second, and a server that refuses would be asked without a pause.
    tokio::time::sleep(delay.min(FIRST_RECONNECT_DELAY)).await;
    while monitor.decided() == before {
        if !matches!(tokio::time::timeout_at(end, changes.changed()).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn establish(client: &Arc<Client>) -> Result<Arc<Lease>> {
    let config = &client.config;
    loop {
        let address = match (&config.place, &client.monitor) {
            (Place::Server(address), _) => address.clone(),
            (Place::Sentinels(_), Some(monitor)) => monitor.master(Instant::now() + config.server.limit).await?,
            (Place::Sentinels(_), None) => return Err(Error::new(Status::INTERNAL, "redis", "there is no monitor")),
        };
        tokio::select! {
            connected = connect(client, &address) => return connected,
            // A master that hangs is found to hang before the sentinels name another, and would be dialled for long.
            _ = another(client, &address) => {}
        }
    }
}

async fn connect(client: &Arc<Client>, address: &Address) -> Result<Arc<Lease>> {
    let config = &client.config;
    let first = config.server.connect(address, None).await?;
    let mut connections = vec![first.connection];
    let checked = check(client, address, &connections[0], &first.hello).await;
    if checked.is_ok() {
        for _ in 1..config.connections {
            match config.server.connect(address, None).await {
                Ok(further) => connections.push(further.connection),
                // The server may have no room for more; one is enough to work.
                Err(error) => {
                    log::write(Level::Warn, "store.redis", || format!("{error}; going on with fewer connections"));
                    break;
                }
            }
        }
    }
    let lease = Lease::new(address.clone(), first.version, first.protocol, connections);
    let checked = checked?;
    lease.says_role.store(checked.says_role, Ordering::Relaxed);
    lease.may_transact.store(checked.may_transact, Ordering::Relaxed);
    Ok(Arc::new(lease))
}

/// What was found of a server that is to be the master.
struct Checked {
    /// Whether it says that it is.
    says_role: bool,
    /// Whether the user may make transactions.
    may_transact: bool,
}

/// Sees that the server is a master, what its clock and its limits are and what the user may, and loads the scripts.
async fn check(client: &Client, address: &Address, connection: &Connection, hello: &Value) -> Result<Checked> {
    let unavailable = |text: String| Error::new(Status::UNAVAILABLE, "redis", format!("{address}: {text}"));
    let mut packed = Packed::of(&[b"ROLE"]);
    packed.push(&[b"TIME"]);
    packed.push(&[b"MULTI"]);
    packed.push(&[b"EXEC"]);
    packed.push(&[b"CONFIG", b"GET", b"proto-max-bulk-len"]);
    // It is off on a new connection: only whether the user may is asked.
    packed.push(&[b"CLIENT", b"TRACKING", b"OFF"]);
    packed.append(&script::load());
    let asked = client.clock.ask();
    let answers = match connection.call(packed, Instant::now() + client.config.server.limit).await {
        Ok(answers) => answers,
        Err(Unanswered::Broken(broken)) => return Err(unavailable(broken.reason.to_string())),
        Err(Unanswered::Late { .. }) => return Err(unavailable("it does not say its role".to_owned())),
    };
    let role = answers.first().unwrap_or(&Value::Nil);
    if let Some(Refusal::LoggedOut(error)) = refusal::find(std::slice::from_ref(role)) {
        return Err(error);
    }
    let says = Role::read(role).or_else(|| Role::read_hello(hello));
    if let Some(error) = says.as_ref().and_then(|role| no_master(client, address, role)) {
        return Err(error);
    }
    if says.is_none() {
        warn_of_role(client, address, role);
    }
    let (facts, scripts) = answers.split_at(answers.len().min(6));
    client.clock.heard(facts.get(1).unwrap_or(&Value::Nil), asked);
    let mut checked = Checked { says_role: says.is_some(), may_transact: false };
    if let [_, _, multi, exec, limit, tracking] = facts {
        checked.may_transact = multi.as_error().is_none() && exec.as_error().is_none();
        client.may_track.store(tracking.as_error().is_none(), Ordering::Relaxed);
        // Many do not let their users ask for it.
        let limit = limit.field("proto-max-bulk-len").and_then(Value::as_integer);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_BULK);
        client.most_bytes.store(limit, Ordering::Relaxed);
    }
    match refusal::find(scripts) {
        None => Ok(checked),
        Some(Refusal::Later(text)) => Err(unavailable(text)),
        Some(Refusal::Final(error) | Refusal::LoggedOut(error)) => {
            // A user without the right to scripts can still read.
            log::write(Level::Warn, "store.redis", || format!("{address}: {}", error.message()));
            Ok(checked)
        }
        Some(Refusal::Demoted | Refusal::NoScript) => Err(unavailable("it is no master".to_owned())),
    }
}

/// Warns, once, of a server that does not say what it is: to its user it may be a replica, and become one.
fn warn_of_role(client: &Client, address: &Address, answer: &Value) {
    if client.has_warned_of_role.swap(true, Ordering::Relaxed) {
        return;
    }
    log::write(Level::Warn, "store.redis", || {
        let why = plain(answer.as_error().unwrap_or("it answers something else"));
        format!(
            "{address} does not say whether it is a master ({why}), so that a replica would be read, and be left only when \
             it refuses a write; give the user the right to it (ACL SETUSER … +role)"
        )
    });
}

/// Why a server of this role cannot be the master; `None` of a master.
fn no_master(client: &Client, address: &Address, role: &Role) -> Option<Error> {
    let advice = match (role, &client.monitor) {
        (Role::Master { .. }, _) => return None,
        (Role::Replica, Some(_)) => "it is a replica, although the sentinels name it; a failover may be under way",
        (Role::Replica, None) => "it is a replica; name the master, or use the type redis-sentinel",
        (Role::Sentinel { .. }, Some(_)) => "it is a sentinel, although the sentinels name it",
        (Role::Sentinel { masters }, None) => {
            let names: Vec<String> = masters.iter().map(|name| format!("\"{}\"", plain(name))).collect();
            let text = format!(
                "{address} is a sentinel, and no server; use \"redis-sentinel\" with the name of a master, of which it \
                 knows {}",
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            );
            return Some(Error::config("type", text));
        }
    };
    Some(Error::new(Status::UNAVAILABLE, "redis", format!("{address}: {advice}")))
}

/// Returns when the master must be left, with the reason.
async fn hold(client: &Client, lease: &Arc<Lease>) -> Reason {
    tokio::select! {
        reason = lease.wait_for_end() => reason,
        master = another(client, &lease.address) => format!("the sentinels name {master} as the master").into(),
        reason = watch_role(client, lease) => reason,
    }
}

/// The master that the sentinels name, as soon as it is another one.
async fn another(client: &Client, than: &Address) -> Address {
    let Some(monitor) = &client.monitor else { return std::future::pending().await };
    let mut changes = monitor.changes();
    loop {
        if let Some(master) = monitor.decided().filter(|master| master != than) {
            return master;
        }
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Asks the master for its role now and then, and for its time. A user may have the right to `ROLE` or not, and be given
/// it or lose it; to `HELLO` has every user who logged in by it.
async fn watch_role(client: &Client, lease: &Lease) -> Reason {
    let mut tick = tokio::time::interval_at(Instant::now() + ROLE_INTERVAL, ROLE_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut by_hello = false;
    loop {
        tick.tick().await;
        // A server that says nothing the connection itself notices.
        // Servers before 6.2 want the protocol's version, too, which does not change.
        let mut packed = if by_hello { Packed::of(&[b"HELLO", b"3"]) } else { Packed::of(&[b"ROLE"]) };
        packed.push(&[b"TIME"]);
        let asked = client.clock.ask();
        let answers = lease.connection(Lane::Quick).call(packed, Instant::now() + ROLE_INTERVAL).await;
        let Ok([answer, time]) = answers.as_deref() else { continue };
        client.clock.heard(time, asked);
        let role = if by_hello { Role::read_hello(answer) } else { Role::read(answer) };
        match role {
            Some(Role::Replica | Role::Sentinel { .. }) => return "it is a replica now".into(),
            Some(Role::Master { .. }) => lease.says_role.store(true, Ordering::Relaxed),
            None if lease.protocol == 3 && !by_hello => by_hello = true,
            None => {
                lease.says_role.store(false, Ordering::Relaxed);
                warn_of_role(client, &lease.address, answer);
                by_hello = false;
            }
        }
    }
}
