//! A step of an examination, and what came of it.

use std::time::{Duration, Instant};

use crate::error::Status;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// There was nothing to look at.
    Skipped,
    /// All is well.
    Fine,
    /// It works, and something about it should be looked at.
    Warning,
    /// It does not work.
    Failed,
}

impl Outcome {
    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Skipped => "skipped",
            Outcome::Fine => "ok",
            Outcome::Warning => "warning",
            Outcome::Failed => "failed",
        }
    }
}

/// What a look at something found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub advice: Option<String>,
    /// The status of what failed.
    pub status: Status,
    /// How many seconds the server's clock is ahead of this machine's, for the step that compares them.
    pub skew_seconds: Option<f64>,
}

impl Finding {
    /// All is well.
    pub fn fine(detail: impl Into<String>) -> Finding {
        let (outcome, detail) = (Outcome::Fine, detail.into());
        Finding { outcome, detail, advice: None, status: Status::OK, skew_seconds: None }
    }

    /// There was nothing to look at.
    pub fn skipped(detail: impl Into<String>) -> Finding {
        Finding { outcome: Outcome::Skipped, ..Finding::fine(detail) }
    }

    /// It works, but.
    pub fn warning(detail: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { outcome: Outcome::Warning, advice: Some(advice.into()), ..Finding::fine(detail) }
    }

    /// It does not work.
    pub fn failed(status: Status, detail: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { outcome: Outcome::Failed, status, advice: Some(advice.into()), ..Finding::fine(detail) }
    }

    /// The same, with how far the clocks are apart.
    pub fn with_skew(self, seconds: f64) -> Finding {
        Finding { skew_seconds: Some(seconds), ..self }
    }
}

/// A step that was taken.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was looked at, such as `connect`.
    pub name: &'static str,
    /// On which node; empty for what is about the store as a whole.
    pub node: String,
    /// What was found.
    pub finding: Finding,
    /// How long it took.
    pub took: Duration,
}

/// The examination of one store.
#[derive(Clone, Debug)]
pub struct Examination {
    /// What the configuration calls it.
    pub store: String,
    /// Its type.
    pub kind: String,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

impl Examination {
    /// One without steps.
    pub fn new(store: &str, kind: &str) -> Examination {
        Examination { store: store.to_owned(), kind: kind.to_owned(), steps: Vec::new() }
    }

    /// Takes a step; says whether it may go on from there.
    pub fn step(&mut self, name: &'static str, node: &str, look: impl FnOnce() -> Finding) -> bool {
        let begin = Instant::now();
        let finding = look();
        let works = finding.outcome != Outcome::Failed;
        self.steps.push(Step { name, node: node.to_owned(), finding, took: begin.elapsed() });
        works
    }

    /// The worst that was found.
    pub fn outcome(&self) -> Outcome {
        self.steps.iter().map(|step| step.finding.outcome).max().unwrap_or(Outcome::Skipped)
    }

    /// The status of the first step that failed; `OK` when none did.
    pub fn status(&self) -> Status {
        let failed = self.steps.iter().find(|step| step.finding.outcome == Outcome::Failed);
        failed.map_or(Status::OK, |step| step.finding.status)
    }
}
