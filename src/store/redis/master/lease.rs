//! The master of this moment, and the connections to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::time::Instant;

use crate::error::Result;
use crate::store::redis::connection::handshake::Dial;
use crate::store::redis::connection::{Address, Connection, Reason};
use crate::store::redis::master::durable::Committer;
use crate::store::redis::master::rights;
use crate::store::redis::sentinel::Monitor;
use crate::sync::Mutex;

/// Which of the connections a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// For what is answered at once: one connection, so that a system call carries as many requests as there are.
    Quick,
    /// For what is long: it must not keep the others waiting.
    Long,
}

/// Requests and values over this many bytes are long.
pub const LONG: usize = 64 << 10;

/// Connections to one master. It ends as a whole: when one of its connections fails, when the server turns out to be no
/// master, or when the sentinels name another one. Only the connection for durable writes may end alone, as long as no
/// write is lost with it: it is made anew then.
pub struct Lease {
    /// Where the master is.
    pub address: Address,
    /// The server's version, where it says it.
    pub version: String,
    /// Of the protocol.
    pub protocol: u8,
    /// Whether it says that it is the master, and not only nothing else.
    pub says_role: AtomicBool,
    /// Whether the user may make transactions.
    pub may_transact: AtomicBool,
    connections: Vec<Connection>,
    turn: AtomicUsize,
    committer: Mutex<Option<Arc<Committer>>>,
    /// Held by whoever makes a committer.
    making: tokio::sync::Mutex<()>,
}

impl Lease {
    /// A lease on connections to `address`; at least one.
    pub fn new(address: Address, version: String, protocol: u8, connections: Vec<Connection>) -> Lease {
        let (says_role, may_transact, turn, committer, making) = Default::default();
        Lease { address, version, protocol, says_role, may_transact, connections, turn, committer, making }
    }

    /// A connection for a request.
    pub fn connection(&self, lane: Lane) -> &Connection {
        let others = self.connections.len() - 1;
        if lane == Lane::Quick || others == 0 {
            return &self.connections[0];
        }
        &self.connections[1 + self.turn.fetch_add(1, Ordering::Relaxed) % others]
    }

    /// The connection for durable writes, made when it is first asked for and when the last one has ended, and not before
    /// the user has the rights for it: who lacks them is told so each time, by the connections that there are.
    ///
    /// # Errors
    ///
    /// As [`rights::check`] and [`Dial::connect`].
    pub async fn committer(self: &Arc<Self>, dial: &Dial, monitor: Option<&Arc<Monitor>>) -> Result<Arc<Committer>> {
        if let Some(committer) = self.living_committer() {
            return Ok(committer);
        }
        let _turn = self.making.lock().await;
        if let Some(committer) = self.living_committer() {
            return Ok(committer);
        }
        rights::check(self.connection(Lane::Quick), &self.address, Instant::now() + dial.limit).await?;
        let connection = dial.connect(&self.address, None).await?.connection;
        let committer = Committer::start(Arc::downgrade(self), self.address.clone(), connection, monitor.cloned());
        let committer = Arc::new(committer);
        *self.committer.lock() = Some(Arc::clone(&committer));
        // Whoever left the server meanwhile did not find it.
        if self.has_ended() {
            committer.end("the server was left");
        }
        Ok(committer)
    }

    fn living_committer(&self) -> Option<Arc<Committer>> {
        self.committer.lock().as_ref().filter(|committer| !committer.has_ended()).map(Arc::clone)
    }

    /// Leaves the server: requests that were sent are told so, and no more are.
    pub fn retire(&self, reason: &str) {
        for connection in &self.connections {
            connection.end(reason);
        }
        let committer = self.committer.lock().clone();
        if let Some(committer) = committer {
            committer.end(reason);
        }
    }

    /// Whether the server was left, or left us.
    pub fn has_ended(&self) -> bool {
        self.connections.iter().any(Connection::has_ended)
    }

    /// Returns when it has ended, with the reason.
    pub async fn wait_for_end(&self) -> Reason {
        let ends: Vec<_> = self.connections.iter().map(|connection| Box::pin(connection.wait_for_end())).collect();
        first(ends).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.retire("it is not used any more");
    }
}

/// The first answer of several futures.
async fn first<T, F: Future<Output = T> + Unpin>(mut futures: Vec<F>) -> T {
    std::future::poll_fn(|context| {
        let ready = futures.iter_mut().find_map(|future| match std::pin::Pin::new(future).poll(context) {
            std::task::Poll::Ready(answer) => Some(answer),
            std::task::Poll::Pending => None,
        });
        ready.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}
