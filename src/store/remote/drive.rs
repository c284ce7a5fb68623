//! The life of the task that moves one connection's bytes, whatever the connection speaks.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

/// How often the task looks whether the server still speaks. One that does not is given up at the [silence]'s seventh tick:
/// after 2.4 s at least, 2.8 s at most, as it falls silent within one.
///
/// [silence]: super::silence
const TICK: Duration = Duration::from_millis(400);

/// How many answers are given out before those who got them have their turn. What they ask for next is then with the
/// server while the rest is given out: with all at once, client and server would wait for each other.
pub const TURN: usize = 32;

/// Why a connection ended, for logs and errors.
pub type Reason = Arc<str>;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same again: there may be more to do.
    Again,
    /// The same again, after the others that are runnable.
    Yield,
    /// Nothing, until a byte comes, or a command.
    Wait,
}

/// A connection as its task has it. Whatever it waits for wakes the task that polls.
pub trait Exchange {
    /// Has the task woken when a command is queued from now on.
    fn listen(&self, context: &Context<'_>);

    /// Moves queued commands among the outgoing bytes, and on, where that must not wait.
    ///
    /// # Errors
    ///
    /// Why the connection was ended, or is of no more use.
    fn take_commands(&mut self, context: &mut Context<'_>) -> Result<(), Reason>;

    /// Writes and reads what can be.
    ///
    /// # Errors
    ///
    /// Why the connection is of no more use.
    fn exchange(&mut self, context: &mut Context<'_>) -> Result<Next, Reason>;

    /// Tells the requests whose deadline has passed.
    fn expire(&mut self, context: &mut Context<'_>);

    /// Counts a tick without a word of the server, if it was one.
    ///
    /// # Errors
    ///
    /// That the server is gone.
    fn note_silence(&mut self) -> Result<(), Reason>;
}

/// Moves a connection's bytes until it ends; says why it did.
pub async fn drive(connection: &mut impl Exchange) -> Reason {
    let mut tick = tokio::time::interval(TICK);
    // A process that slept must not take its own absence for the server's.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    poll_fn(|context| match poll(connection, &mut tick, context) {
        Err(reason) => Poll::Ready(reason),
        Ok(Next::Wait) => Poll::Pending,
        Ok(Next::Again | Next::Yield) => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

fn poll(connection: &mut impl Exchange, tick: &mut Interval, context: &mut Context<'_>) -> Result<Next, Reason> {
    connection.listen(context);
    let mut next = Next::Again;
    while next == Next::Again {
        connection.take_commands(context)?;
        next = connection.exchange(context)?;
    }
    // After the reading, so that what has come counts.
    connection.expire(context);
    while tick.poll_tick(context).is_ready() {
        // What was read and is not given out yet is a word of the server's, too.
        if next == Next::Yield {
            continue;
        }
        connection.note_silence()?;
        // What the server is asked with.
        next = connection.exchange(context)?;
    }
    Ok(next)
}
