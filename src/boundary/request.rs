//! A request that was checked: what it needs it owns or borrows until it was started.

use std::sync::Arc;
use std::time::Duration;

use super::operation::{self, Answer, Operation, OperationKind, keeping, present};
use super::queue::Queue;
use super::reading::WatchReader;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::event::Cursor;
use crate::store::given::Given;
use crate::store::options::Condition;
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
    Watch(Arc<WatchReader>, usize),
}

impl Request<'_> {
    /// Submits it to a queue.
    ///
    /// # Errors
    ///
    /// As [`Queue::submit`].
    pub fn submit(self, queue: &Queue, id: u64, timeout: Option<Duration>) -> Result<()> {
        match self.target {
            Target::Store(_, Operation::Put(_, Given::Lent(_), _)) => {
                queue.submit_borrower(id, self.kind, timeout, || self.start())
            }
            _ => queue.submit(id, self.kind, timeout, || self.start()),
        }
    }

    /// Starts it; the reply keeps alive whom it is for.
    pub fn start(self) -> Reply<Answer> {
        match self.target {
            Target::Store(store, operation) => operation::start(store, operation),
            Target::Cursor(cursor, most) => keeping(cursor.next(most), cursor, present),
            Target::Watch(watch, most) => keeping(watch.read(most), watch, Answer::Events),
        }
    }
}

/// The revision that a remove under `condition` expects; `None` for any.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for [`Condition::IfAbsent`].
pub fn expected_revision(condition: Condition) -> Result<Option<u64>> {
    match condition {
        Condition::Always => Ok(None),
        Condition::IfRevision(revision) => Ok(Some(revision)),
        Condition::IfAbsent => Err(Error::argument("condition", "a record that is absent cannot be removed")),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn a_remove_on_condition_that_there_is_nothing_is_refused() {
        assert_eq!(expected_revision(Condition::Always), Ok(None));
        assert_eq!(expected_revision(Condition::IfRevision(7)), Ok(Some(7)));
        let refused = expected_revision(Condition::IfAbsent).expect_err("it makes no sense");
        assert_eq!((refused.status(), refused.origin()), (Status::INVALID_ARGUMENT, "condition"));
    }
}
