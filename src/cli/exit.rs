//! Exit codes: what a script learns from the command.

use std::process::ExitCode;

use crate::error::Status;

/// What the command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done = 0,
    /// 1: there is no such record.
    NotFound = 1,
    /// 2: the arguments or the configuration cannot be used.
    Usage = 2,
    /// 3: the record has another revision than expected, or is there already.
    Conflict = 3,
    /// 4: the store cannot be reached, or did not answer in time; the same command can succeed later.
    Unavailable = 4,
    /// 5: another error.
    Failed = 5,
}

impl Exit {
    /// The code of a status.
    pub fn of(status: Status) -> Exit {
        match status {
            Status::OK => Exit::Done,
            Status::NOT_FOUND => Exit::NotFound,
            Status::CONFLICT => Exit::Conflict,
            Status::CONFIG | Status::INVALID_ARGUMENT | Status::NO_SUCH_STORE => Exit::Usage,
            status if status.is_retryable() => Exit::Unavailable,
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
