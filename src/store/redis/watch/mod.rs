//! Watches, by the server's own account of what changes (`CLIENT TRACKING` in broadcasting mode).
//!
//! The server says which keys of a prefix changed, not how; it needs no configuration for that, as keyspace
//! notifications would. A task for each watch reads those keys again and tells the difference to what it knows
//! ([`known`]): one event for each key and reading, in order for each key, whatever happened between two readings. After
//! a lost connection or a failover, and when the reader was so slow that what the server said was dropped
//! ([`pushes`](super::connection::pushes)), it reads everything and tells the differences in the same way, so that no
//! record is left in a state that was not told.
//!
//! A difference is another revision. Of a bare value that is another content: a write of the same bytes is none, nor two
//! writes of which the second brings back what was there, when both come before the reading. What the server says could
//! not stand for it: it says the same of a new lifespan, and for each of several writes of which the first reading shows the
//! last, so that one event would be told again and again. `describe` says what is left out.

mod known;
mod portion;
mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::runtime::Signal;
use crate::store::event::{Event, Watch};
use crate::store::options::WatchOptions;
use crate::store::redis::config::FIRST_RECONNECT_DELAY;
use crate::store::redis::master::client::Client;
use crate::store::redis::records::layout::Layout;
use crate::store::remote::backoff::Backoff;
use crate::store::reply::Reply;

use crate::store::remote::events::Queue;
use session::Session;

/// A session that lasted so long was no failure to begin one.
const LONG: Duration = Duration::from_secs(1);

/// A watch on one database and table.
pub struct RedisWatch {
    queue: Arc<Queue>,
    closed: Signal,
}

impl RedisWatch {
    /// Begins to watch; answers once every later change will be told. Inside the runtime.
    ///
    /// # Errors
    ///
    /// As a read; `UNSUPPORTED` by a server older than 6.
    pub async fn begin(client: Arc<Client>, layout: Arc<Layout>, options: WatchOptions) -> Result<Arc<RedisWatch>> {
        let queue = Arc::new(Queue::new(options.capacity));
        let closed = Signal::default();
        let watch = Arc::new(RedisWatch { queue: Arc::clone(&queue), closed: closed.clone() });
        let deadline = client.deadline();
        let (ready, began) = oneshot::channel();
        tokio::spawn(async move {
            let all = client.closed.clone();
            let session = Session::new(client, layout, options, Arc::clone(&queue), ready);
            tokio::select! {
                () = run(session, &all, deadline) => {}
                () = closed.raised() => {}
                () = all.raised() => {}
            }
            queue.close();
        });
        match tokio::time::timeout_at(deadline, began).await {
            Ok(Ok(Ok(()))) => Ok(watch),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(Error::closed("store")),
            Err(_) => Err(Error::new(Status::TIMEOUT, "redis", "the watch did not begin before the deadline")),
        }
    }
}

/// Watches until it is told to end: one session after another.
async fn run(mut session: Session, closed: &Signal, deadline: Instant) {
    let mut backoff = Backoff::new(FIRST_RECONNECT_DELAY, session.max_delay());
    loop {
        let begun = Instant::now();
        let error = session.run(deadline).await;
        if session.has_failed_for_good(&error) {
            return;
        }
        if closed.is_raised() {
            return;
        }
        log::write(Level::Warn, "store.redis", || format!("a watch begins anew: {error}"));
        if begun.elapsed() >= LONG {
            backoff.reset();
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

impl Watch for RedisWatch {
    fn next(&self, most: usize) -> Reply<Vec<Event>> {
        if let Some(events) = self.queue.take(most) {
            return Reply::Ready(Ok(events));
        }
        let queue = Arc::clone(&self.queue);
        Reply::pending(async move { Ok(queue.wait(most).await) })
    }

    fn close(&self) {
        self.closed.raise();
        self.queue.close();
    }
}

impl Drop for RedisWatch {
    fn drop(&mut self) {
        self.close();
    }
}
