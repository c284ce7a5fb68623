//! How far the clocks of this machine and of the server are apart. Lifespans are judged by both.

use std::time::{Duration, Instant, SystemTime};

use super::advice;
use super::place::failed;
use super::step::Finding;
use crate::boundary::wait::wait;
use crate::cli::transfer::endpoint::Endpoint;
use crate::error::Status;

/// What is warned of when it is certainly exceeded.
const MOST: Duration = Duration::from_secs(1);

/// Compares the clocks.
pub fn compare(endpoint: &Endpoint) -> Finding {
    let (before, begun) = (SystemTime::now(), Instant::now());
    let told = wait(endpoint.store.server_time(), endpoint.timeout);
    // The server looked at its clock somewhere between.
    let half = begun.elapsed() / 2;
    match told {
        Ok(Some(theirs)) => judge(theirs, before + half, half),
        Ok(None) => Finding::skipped(untold(&endpoint.kind)),
        Err(error) if matches!(error.status(), Status::AUTH | Status::UNSUPPORTED) => {
            Finding::skipped(format!("{}: {error}", untold(&endpoint.kind)))
        }
        Err(error) => failed(&error),
    }
}

fn judge(theirs: SystemTime, ours: SystemTime, doubt: Duration) -> Finding {
    let (apart, word, sign) = match theirs.duration_since(ours) {
        Ok(ahead) => (ahead, "ahead of", 1.0),
        Err(behind) => (behind.duration(), "behind", -1.0),
    };
    let (seconds, give) = (apart.as_secs_f64(), doubt.as_secs_f64());
    let detail = format!("the server's clock is {seconds:.3} s {word} this machine's, give or take {give:.3} s");
    let finding = if apart.saturating_sub(doubt) > MOST {
        Finding::warning(detail, advice::ON_CLOCKS)
    } else {
        Finding::fine(detail)
    };
    finding.with_skew(sign * seconds)
}

fn untold(kind: &str) -> &'static str {
    match kind {
        "nats-js-kv" => "the server does not tell its time (NATS does since 2.10, and of a bucket that is there)",
        _ => "the server does not tell its time",
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::cli::doctor::step::Outcome;

    #[test]
    fn clocks_that_are_apart_for_certain_are_warned_of() {
        let ours = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ms = Duration::from_millis;
        let cases = [
            (ours, ms(5), Outcome::Fine, 0.0),
            (ours + ms(1_000), ms(0), Outcome::Fine, 1.0),
            (ours + ms(1_500), ms(5), Outcome::Warning, 1.5),
            (ours - ms(1_500), ms(5), Outcome::Warning, -1.5),
            // A slow answer leaves it open.
            (ours - ms(1_500), ms(600), Outcome::Fine, -1.5),
        ];
        for (theirs, doubt, outcome, skew) in cases {
            let finding = judge(theirs, ours, doubt);
            assert_eq!((finding.outcome, finding.skew_seconds), (outcome, Some(skew)), "{}", finding.detail);
        }
        let behind = judge(ours - ms(2_000), ours, ms(1));
        assert_eq!(behind.detail, "the server's clock is 2.000 s behind this machine's, give or take 0.001 s");
        assert!(behind.advice.is_some_and(|advice| advice.contains("NTP")));
    }
}
