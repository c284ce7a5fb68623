//! A request that was checked: what it needs it owns or borrows until it was started.

use std::sync::Arc;

use super::handle::keep_alive;
use super::operation::{self, Answer, Operation, OperationKind};
use crate::store::Store;
use crate::store::event::{Cursor, Watch};
use crate::store::reply::Reply;

/// A checked request.
pub struct Request<'a> {
    /// What is asked.
    pub kind: OperationKind,
    /// Of whom.
    pub target: Target<'a>,
}

/// Whom a request is for.
pub enum Target<'a> {
    /// A store.
    Store(Arc<dyn Store>, Operation<'a>),
    /// A cursor, for at most so many records.
    Cursor(Arc<dyn Cursor>, usize),
    /// A watch, for at most so many events.
    Watch(Arc<dyn Watch>, usize),
}

impl Request<'_> {
    /// Starts it; the reply keeps alive whom it is for.
    pub fn start(self) -> Reply<Answer> {
        match self.target {
            Target::Store(store, operation) => {
                let reply = operation::start(&store, operation);
                keep_alive(store, reply)
            }
            Target::Cursor(cursor, most) => {
                let reply = cursor.next(most);
                keep_alive(cursor, reply).map(|page| Answer::Records(page.into_iter().map(Some).collect()))
            }
            Target::Watch(watch, most) => {
                let reply = watch.next(most);
                keep_alive(watch, reply).map(Answer::Events)
            }
        }
    }
}
