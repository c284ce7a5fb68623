//! Runs calls one after the other, or in many lanes at once, and takes their times.

use std::future::Future;
use std::time::{Duration, Instant};

/// What one turn measured; times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub per_second: f64,
    pub p50: f64,
    pub p99: f64,
}

/// How many times of one turn are kept.
const KEPT: usize = 1 << 20;

impl Figure {
    fn new(mut times: Vec<Duration>, count: usize, taken: Duration) -> Figure {
        assert!(!times.is_empty(), "no call ended in {taken:?}");
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
        Figure { per_second: count as f64 / taken.as_secs_f64(), p50: at(50), p99: at(99) }
    }

    /// A rate that another program measured.
    pub fn rate(per_second: f64) -> Figure {
        Figure { per_second, p50: f64::NAN, p99: f64::NAN }
    }
}

/// The figure of the median rate.
pub fn median(figures: &mut [Figure]) -> Figure {
    figures.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    figures[figures.len() / 2]
}

/// Blocking calls, one after the other; each is given its number.
pub fn one_at_a_time(turn: Duration, mut call: impl FnMut(usize)) -> Figure {
    let mut times = Vec::new();
    let begin = Instant::now();
    let mut last = begin;
    while last - begin < turn {
        call(times.len());
        let now = Instant::now();
        times.push(now - last);
        last = now;
    }
    let count = times.len();
    Figure::new(times, count, last - begin)
}

/// Calls one after the other, each of which says what time it took of what is measured.
pub fn each_its_own_time(turn: Duration, mut call: impl FnMut(usize) -> Duration) -> Figure {
    let mut times = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < turn {
        times.push(call(times.len()));
    }
    let count = times.len();
    Figure::new(times, count, begin.elapsed())
}

/// Calls in so many lanes, each one after the other; each call is given its number.
pub async fn at_once<F: Future<Output = ()> + Send>(
    turn: Duration,
    lanes: usize,
    call: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> Figure {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..lanes)
        .map(|lane| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut count = 0;
                let mut last = Instant::now();
                while last - begin < turn {
                    call(lane * 7919 + count).await;
                    let now = Instant::now();
                    if times.len() < KEPT / lanes {
                        times.push(now - last);
                    }
                    count += 1;
                    last = now;
                }
                (times, count)
            })
        })
        .collect();
    let (mut times, mut count) = (Vec::new(), 0);
    for task in tasks {
        let (some, number) = task.await.expect("no panic");
        times.extend(some);
        count += number;
    }
    Figure::new(times, count, begin.elapsed())
}
