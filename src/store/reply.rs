//! An answer that is there at once, or comes by a future.

use std::future::Future;
use std::pin::Pin;

use crate::error::Result;

/// A future that a store answers with. It owns all it needs and may be dropped at any point.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'static>>;

/// The answer to one call on a store.
pub enum Reply<T> {
    /// Answered without input or output.
    Ready(Result<T>),
    /// Needs input or output.
    Pending(Pending<T>),
}

impl<T: Send + 'static> Reply<T> {
    /// A reply that comes by `future`.
    pub fn pending(future: impl Future<Output = Result<T>> + Send + 'static) -> Reply<T> {
        Reply::Pending(Box::pin(future))
    }

    /// The answer, for asynchronous callers.
    ///
    /// # Errors
    ///
    /// What the store answered.
    pub async fn wait(self) -> Result<T> {
        match self {
            Reply::Ready(result) => result,
            Reply::Pending(future) => future.await,
        }
    }

    /// The same reply with its success changed by `change`.
    pub fn map<U: Send + 'static>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Reply<U> {
        match self {
            Reply::Ready(result) => Reply::Ready(result.map(change)),
            Reply::Pending(future) => Reply::pending(async move { future.await.map(change) }),
        }
    }
}
