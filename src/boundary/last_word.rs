//! What a request comes to that is closed before it was answered.
//!
//! Its future is polled once more with its deadline in the present ([`deadline`](crate::deadline)): a store that talks to a
//! server then says at once whether a write was sent. Nobody is waited for: who has nothing to say by then is closed.

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::deadline::Within;
use crate::error::{Error, Result, Status};
use crate::store::reply::Pending;

/// The last word of a future, which is polled no more afterwards.
pub fn ask<T>(future: &mut Pending<T>) -> Option<Result<T>> {
    Within::new(future, Some(Instant::now())).now_or_never()
}

/// The result of a request that was closed, by its last word; `closed` where that does not answer it. A write of many
/// records without one may have sent some of them.
///
/// # Errors
///
/// `CLOSED`; `AMBIGUOUS` for a write that may have happened; what the store answered.
pub fn settle<T>(last: Option<Result<T>>, closed: Error, writes_many: bool) -> Result<T> {
    match last {
        None if writes_many => Err(ambiguous(&closed)),
        None => Err(closed),
        Some(Err(error)) => match error.status() {
            Status::AMBIGUOUS => Err(ambiguous(&closed)),
            // It was not answered, and as far as its store knows not executed.
            Status::TIMEOUT | Status::UNAVAILABLE | Status::CLOSED => Err(closed),
            _ => Err(error),
        },
        Some(answered) => answered,
    }
}

fn ambiguous(closed: &Error) -> Error {
    let text = "it was closed before the write was answered; the write may have happened, read to see";
    Error::new(Status::AMBIGUOUS, closed.origin().to_owned(), text)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::deadline;

    fn settled(last: Option<Result<u8>>, writes_many: bool) -> std::result::Result<u8, (Status, String)> {
        settle(last, Error::closed("larder"), writes_many).map_err(|error| (error.status(), error.origin().to_owned()))
    }

    #[test]
    fn a_future_is_asked_with_its_deadline_in_the_present() {
        let mut says: Pending<bool> = Box::pin(async { Ok(deadline::has_come()) });
        let mut never: Pending<bool> = Box::pin(std::future::pending());
        assert_eq!((ask(&mut says), ask(&mut never)), (Some(Ok(true)), None));
    }

    #[test]
    fn what_was_answered_stays_what_was_sent_is_ambiguous_and_the_rest_is_closed() {
        let said = |status| Some(Err(Error::new(status, "redis", "said")));
        let of_larder = |status| Err((status, "larder".to_owned()));
        assert_eq!(settled(Some(Ok(7)), false), Ok(7));
        assert_eq!(settled(said(Status::TOO_LARGE), false), Err((Status::TOO_LARGE, "redis".to_owned())));
        assert_eq!(settled(said(Status::AMBIGUOUS), false), of_larder(Status::AMBIGUOUS));
        for status in [Status::TIMEOUT, Status::UNAVAILABLE, Status::CLOSED] {
            assert_eq!(settled(said(status), true), of_larder(Status::CLOSED));
        }
        assert_eq!(settled(None, false), of_larder(Status::CLOSED));
        assert_eq!(settled(None, true), of_larder(Status::AMBIGUOUS));
    }
}
