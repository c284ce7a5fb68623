//! Handles: what a host holds. Each knows the process that it was made in and whether it was closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::closing::Closing;
use super::guard::Birth;
use super::reading::WatchReader;
use super::wait;
use crate::error::{Error, Result};
use crate::larder::Larder;
use crate::runtime::{self, CatchPanic, Signal};
use crate::store::Store;
use crate::store::event::{Cursor, Watch};
use crate::store::reply::Reply;

/// An opened larder.
pub struct LarderHandle {
    birth: Birth,
    closing: Signal,
    larder: Arc<Larder>,
}

/// A store of a larder.
pub struct StoreHandle {
    birth: Birth,
    closed: AtomicBool,
    closing: Signal,
    store: Arc<dyn Store>,
}

/// A cursor over a store.
pub struct CursorHandle {
    birth: Birth,
    cursor: Arc<dyn Cursor>,
}

/// A watch on a store.
pub struct WatchHandle {
    birth: Birth,
    watch: Arc<WatchReader>,
}

impl LarderHandle {
    /// Opens a larder; see [`Larder::open`].
    ///
    /// # Errors
    ///
    /// As [`Larder::open`].
    pub fn open(config: &str) -> Result<LarderHandle> {
        let larder = Arc::new(Larder::open(config)?);
        Ok(LarderHandle { birth: Birth::now(), closing: Signal::default(), larder })
    }

    /// The larder, in the process that opened it.
    ///
    /// # Errors
    ///
    /// `FORKED`.
    pub fn larder(&self) -> Result<&Arc<Larder>> {
        self.birth.check()?;
        Ok(&self.larder)
    }

    /// Opens a named store, or another database and table of its backend.
    ///
    /// # Errors
    ///
    /// `FORKED`, and as [`Larder::store_at`].
    pub fn store(&self, name: &str, database: Option<&str>, table: Option<&str>) -> Result<StoreHandle> {
        let store = self.larder()?.store_at(name, database, table)?;
        let closing = self.closing.child();
        let store = Closing::over(store, closing.clone(), self.closing.clone());
        Ok(StoreHandle { birth: self.birth, closed: AtomicBool::new(false), closing, store })
    }

    /// Closes the larder, ends what is in flight with `CLOSED`, or `AMBIGUOUS` for a write that may have been sent, and waits
    /// for its backends, at most `timeout`.
    ///
    /// # Errors
    ///
    /// `FORKED`, `TIMEOUT`, `WOULD_DEADLOCK`.
    pub fn close(&self, timeout: Option<Duration>) -> Result<()> {
        let larder = self.larder()?;
        self.closing.raise();
        wait::wait(in_background(larder.close())?, timeout)
    }

    /// Whether it belongs to this process, so that dropping it may take its locks.
    pub fn is_here(&self) -> bool {
        self.birth.is_here()
    }
}

impl Drop for LarderHandle {
    fn drop(&mut self) {
        self.closing.raise();
    }
}

impl StoreHandle {
    /// The store, while the handle is open and in its own process.
    ///
    /// # Errors
    ///
    /// `FORKED`, `CLOSED`.
    #[inline]
    pub fn store(&self) -> Result<&Arc<dyn Store>> {
        self.birth.check()?;
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::closed("store"));
        }
        Ok(&self.store)
    }

    /// Closes this handle and ends what is in flight on it with `CLOSED`, or `AMBIGUOUS` for a write that may have been sent;
    /// the larder's other handles on the same records stay open. Idempotent.
    ///
    /// # Errors
    ///
    /// `FORKED`.
    pub fn close(&self) -> Result<()> {
        self.birth.check()?;
        self.closed.store(true, Ordering::Relaxed);
        self.closing.raise();
        Ok(())
    }

    /// Whether it belongs to this process.
    pub fn is_here(&self) -> bool {
        self.birth.is_here()
    }
}

impl CursorHandle {
    /// A handle on `cursor`.
    pub fn new(cursor: Box<dyn Cursor>) -> CursorHandle {
        CursorHandle { birth: Birth::now(), cursor: Arc::from(cursor) }
    }

    /// The cursor.
    ///
    /// # Errors
    ///
    /// `FORKED`.
    pub fn cursor(&self) -> Result<&Arc<dyn Cursor>> {
        self.birth.check()?;
        Ok(&self.cursor)
    }

    /// Whether it belongs to this process.
    pub fn is_here(&self) -> bool {
        self.birth.is_here()
    }
}

impl WatchHandle {
    /// A handle on `watch`.
    pub fn new(watch: Arc<dyn Watch>) -> WatchHandle {
        WatchHandle { birth: Birth::now(), watch: WatchReader::new(watch) }
    }

    /// The watch.
    ///
    /// # Errors
    ///
    /// `FORKED`.
    pub fn watch(&self) -> Result<&Arc<WatchReader>> {
        self.birth.check()?;
        Ok(&self.watch)
    }

    /// Whether it belongs to this process.
    pub fn is_here(&self) -> bool {
        self.birth.is_here()
    }
}

/// The same reply, but its work goes on when nobody waits for it any more.
fn in_background(reply: Reply<()>) -> Result<Reply<()>> {
    let Reply::Pending(future) = reply else { return Ok(reply) };
    let (answer, answered) = tokio::sync::oneshot::channel();
    runtime::get()?.spawn(async move {
        // Who waited may have gone.
        let _ = answer.send(CatchPanic(future).await);
    });
    Ok(Reply::pending(async move { answered.await.unwrap_or(Ok(())) }))
}

/// Drops a handle of this process; one of the parent's is leaked, because its locks may be held by threads that do not
/// exist here.
pub fn release<T>(handle: T, is_here: bool) {
    if is_here {
        drop(handle);
    } else {
        std::mem::forget(handle);
    }
}

/// A reply of a watch or cursor that keeps it alive until it is answered.
pub fn keep_alive<K: Send + Sync + ?Sized + 'static, T: Send + 'static>(kept: Arc<K>, reply: Reply<T>) -> Reply<T> {
    match reply {
        Reply::Ready(result) => Reply::Ready(result),
        Reply::Pending(future) => Reply::pending(async move {
            let result = future.await;
            drop(kept);
            result
        }),
    }
}
