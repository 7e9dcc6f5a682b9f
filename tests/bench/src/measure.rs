//! Clocks, percentiles and callers.
//!
//! Processor time is what a neighbour on the same machine cannot inflate much; wall time is what a caller waits.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

/// Processors that may be used.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

#[allow(clippy::cast_precision_loss, reason = "durations and counts far below 2^52")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// A count that was reckoned.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts far below 2^52, 0 and up")]
pub(crate) fn whole(count: f64) -> usize {
    count.max(0.0) as usize
}

fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// Processor time of every thread of this process so far.
pub(crate) fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// Resident memory of this process, bytes.
pub(crate) fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

/// Measured values, sorted.
#[derive(Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value that `share` of all values do not exceed; 0 without values.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of an index, 0 and up"
    )]
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((float(last) * share).round() as usize).copied().unwrap_or(0.0)
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(0.5)
    }

    /// How many values are in each of `buckets` ranges of one width, from 0 to the largest; and that width.
    pub(crate) fn buckets(&self, buckets: usize) -> (Vec<usize>, f64) {
        let width = self.percentile(1.0) / float(buckets);
        let mut counts = vec![0; buckets];
        for value in &self.0 {
            let at = whole(value / width).min(buckets.saturating_sub(1));
            counts.get_mut(at).into_iter().for_each(|count| *count += 1);
        }
        (counts, width)
    }
}

/// A median of a few values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Samples::new(values.into_iter().collect()).median()
}

/// Processor time of one call of `part`, in seconds, while every core does the same: the median of `rounds` rounds.
/// `part` is given a number that is different at each call of a thread.
pub(crate) fn part_cpu(rounds: usize, calls: usize, part: impl Fn(usize) + Sync) -> f64 {
    let all = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let mut own = Vec::with_capacity(rounds);
                for round in 0..rounds {
                    let begun = thread_cpu();
                    for call in 0..calls {
                        part(round * calls + call);
                    }
                    own.push(thread_cpu().saturating_sub(begun).as_secs_f64() / float(calls));
                }
                if let Ok(mut all) = all.lock() {
                    all.append(&mut own);
                }
            });
        }
    });
    Samples::new(all.into_inner().unwrap_or_default()).median()
}

/// Processor and wall time of one call of `part`, in seconds, alone: medians of `rounds` calls.
pub(crate) fn alone(
    rounds: usize,
    mut part: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<(f64, f64), Failure> {
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let (begun_cpu, begun) = (thread_cpu(), Instant::now());
        part(round)?;
        cpu.push(thread_cpu().saturating_sub(begun_cpu).as_secs_f64());
        wall.push(begun.elapsed().as_secs_f64());
    }
    Ok((median(cpu), median(wall)))
}

/// What callers did together.
pub(crate) struct Run {
    pub(crate) calls: usize,
    pub(crate) wall: Duration,
    /// Of the whole process.
    pub(crate) cpu: Duration,
    /// Milliseconds that each call took.
    pub(crate) latency_ms: Samples,
}

impl Run {
    pub(crate) fn per_second(&self) -> f64 {
        float(self.calls) / self.wall.as_secs_f64()
    }

    /// Processor time per call, microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / float(self.calls.max(1))
    }

    /// How much of the machine this process got: 1 is every core all the time.
    pub(crate) fn share_of_machine(&self) -> f64 {
        self.cpu.as_secs_f64() / (self.wall.as_secs_f64() * float(cores()))
    }
}

/// Has `threads` callers make `calls` calls, each as soon as its last one is answered or, with a rate, each at its time:
/// then the wait counts from that time, whether or not a caller was free.
pub(crate) fn callers(
    threads: usize,
    calls: usize,
    per_second: Option<f64>,
    call: impl Fn(usize) -> Result<(), Failure> + Sync,
) -> Result<Run, Failure> {
    let next = AtomicUsize::new(0);
    let collected = Mutex::new((Vec::with_capacity(calls), None));
    let (begun_cpu, begun) = (process_cpu(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Vec::new();
                let mut failed = None;
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= calls {
                        break;
                    }
                    let mut from = Instant::now();
                    if let Some(rate) = per_second {
                        let due = begun + Duration::from_secs_f64(float(at) / rate);
                        std::thread::sleep(due.saturating_duration_since(from));
                        from = due;
                    }
                    if let Err(error) = call(at) {
                        failed = Some(error);
                        next.store(calls, Ordering::Relaxed);
                        break;
                    }
                    own.push(from.elapsed().as_secs_f64() * 1e3);
                }
                if let Ok(mut collected) = collected.lock() {
                    collected.0.append(&mut own);
                    if failed.is_some() {
                        collected.1 = failed;
                    }
                }
            });
        }
    });
    let (wall, cpu) = (begun.elapsed(), process_cpu().saturating_sub(begun_cpu));
    let (latencies, failed) = collected.into_inner().unwrap_or_default();
    match failed {
        Some(error) => Err(error),
        None => Ok(Run { calls: latencies.len(), wall, cpu, latency_ms: Samples::new(latencies) }),
    }
}

/// Bytes of the files under a folder.
pub(crate) fn folder_bytes(folder: &std::path::Path) -> f64 {
    let Ok(files) = std::fs::read_dir(folder) else { return 0.0 };
    files
        .flatten()
        .map(|file| match file.metadata() {
            Ok(meta) if meta.is_dir() => folder_bytes(&file.path()),
            #[allow(clippy::cast_precision_loss, reason = "file sizes far below 2^52")]
            Ok(meta) => meta.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_values() {
        let samples = Samples::new((1..=100).rev().map(f64::from).collect());
        let shown = [0.0, 0.99, 1.0].map(|share| samples.percentile(share).to_string());
        assert_eq!(shown, ["1", "99", "100"]);
        assert_eq!(Samples::default().median().to_string(), "0");
    }

    #[test]
    fn every_value_is_in_its_bucket() {
        let samples = Samples::new((0..=100).map(f64::from).collect());
        let (counts, width) = samples.buckets(4);
        assert_eq!((counts, width.to_string()), (vec![25, 25, 25, 26], "25".to_owned()));
        assert_eq!(Samples::default().buckets(2).0, [0, 0]);
    }

    #[test]
    fn every_call_is_made_once() {
        let made = AtomicUsize::new(0);
        let run = callers(8, 1000, None, |_| {
            made.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
        assert_eq!((run.calls, made.into_inner()), (1000, 1000));
        assert!(callers(8, 1000, None, |at| if at == 7 { Err("no".into()) } else { Ok(()) }).is_err());
    }
}
