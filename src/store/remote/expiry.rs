//! One timer for the deadlines of all requests of a connection.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use tokio::time::{Instant, Sleep};

/// A timer that is set anew only when the moment is another one.
#[derive(Default)]
pub struct Expiry {
    /// Made with the first request.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Expiry {
    /// Whether `at` has come; where it has not, the task is woken then.
    pub fn has_come(&mut self, at: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(context).is_ready()
    }
}
