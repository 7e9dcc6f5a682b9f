//! What a benchmark found, as one JSON object or as a table.

use std::fmt::Write as _;

use serde::Serialize;

use crate::measure::{Samples, float};

/// Figures and ratios of one run.
#[derive(Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    machine: String,
    figures: Vec<Figure>,
    ratios: Vec<Ratio>,
    /// Shown in the table only.
    #[serde(skip)]
    histograms: Vec<(String, Vec<usize>, f64)>,
}

/// Something measured.
#[derive(Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// What it is held against, in the same unit.
    #[serde(skip)]
    beside: Option<Beside>,
}

/// A number that a figure is held against.
#[derive(Clone, Copy)]
pub(crate) enum Beside {
    /// More is better; this is as much as can be, or the goal.
    UpTo(f64),
    /// Less is better; this is as little as can be, or the goal.
    DownTo(f64),
}

/// Two things measured in this run, one over the other.
#[derive(Serialize)]
struct Ratio {
    name: String,
    value: f64,
    goal: f64,
    meets: bool,
    #[serde(skip)]
    at_least: bool,
}

/// Cells of a bar.
const BAR_CELLS: u8 = 20;
/// Rows of a histogram.
const HISTOGRAM_ROWS: usize = 10;

impl Report {
    pub(crate) fn new(bench: &'static str) -> Self {
        Self { bench, machine: machine(), figures: Vec::new(), ratios: Vec::new(), histograms: Vec::new() }
    }

    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit, beside: None });
    }

    pub(crate) fn figure_beside(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        beside: Beside,
    ) {
        self.figures.push(Figure { name: name.into(), value, unit, beside: Some(beside) });
    }

    /// How often which value was measured; for the table.
    pub(crate) fn histogram(&mut self, name: impl Into<String>, samples: &Samples) {
        let (counts, width) = samples.buckets(HISTOGRAM_ROWS);
        self.histograms.push((name.into(), counts, width));
    }

    /// A ratio whose goal is to be at least `goal`.
    pub(crate) fn at_least(&mut self, name: impl Into<String>, value: f64, goal: f64) {
        self.ratios.push(Ratio { name: name.into(), value, goal, meets: value >= goal, at_least: true });
    }

    /// A ratio whose goal is to be at most `goal`.
    pub(crate) fn at_most(&mut self, name: impl Into<String>, value: f64, goal: f64) {
        self.ratios.push(Ratio { name: name.into(), value, goal, meets: value <= goal, at_least: false });
    }

    /// The object of the command line's `--json`.
    pub(crate) fn to_json(&self) -> String {
        // string keys and finite numbers only
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn to_table(&self) -> String {
        let names = self.figures.iter().map(|figure| figure.name.len());
        let width = names.chain(self.ratios.iter().map(|ratio| ratio.name.len())).max().unwrap_or(0);
        let mut table = format!("{} on {}\n\n", self.bench, self.machine);
        for Figure { name, value, unit, beside } in &self.figures {
            let held = beside.map_or(String::new(), |beside| {
                let (share, of) = match beside {
                    Beside::UpTo(most) => (value / most, most),
                    Beside::DownTo(least) => (least / value, least),
                };
                format!("{} {} of {} {unit}", bar(share), percent(share), number(of))
            });
            let _ = writeln!(table, "{name:width$}  {:>10} {unit:<11} {held}", number(*value));
        }
        for (name, counts, width) in &self.histograms {
            let _ = writeln!(table, "\n{name}, of {}", counts.iter().sum::<usize>());
            let most = counts.iter().copied().max().unwrap_or(0).max(1);
            for (row, count) in counts.iter().enumerate() {
                let upto = width * float(row + 1);
                let _ =
                    writeln!(table, "  ≤ {:>8}  {} {count}", number(upto), bar(float(*count) / float(most)));
            }
        }
        table.push('\n');
        for Ratio { name, value, goal, meets, at_least } in &self.ratios {
            let (sign, share) = if *at_least { ('≥', value / goal) } else { ('≤', goal / value) };
            let word = if *meets { "meets" } else { "misses" };
            let _ = writeln!(
                table,
                "{name:width$}  {:>10} {:<11} {} {word}",
                number(*value),
                format!("goal {sign} {}", number(*goal)),
                bar(share)
            );
        }
        table
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cells of a bar, 0 to 20")]
fn bar(share: f64) -> String {
    let cells = f64::from(BAR_CELLS);
    let filled = (share * cells).round().clamp(0.0, cells) as usize;
    format!("{}{}", "█".repeat(filled), "·".repeat(usize::from(BAR_CELLS) - filled))
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Three significant digits or so.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{:.2}M", value / 1e6)
    } else if size >= 1e4 {
        format!("{:.1}k", value / 1e3)
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// A count as in the names of ratios: `100k`, `10m`.
pub(crate) fn short(count: u64) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..1_000_000 => format!("{}k", (count + 500) / 1000),
        _ => format!("{}m", (count + 500_000) / 1_000_000),
    }
}

/// Processor, cores, and how busy the machine was before the run: the figures depend on all three.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let load = read("/proc/loadavg");
    format!(
        "{}, {} cores, load {} before the run",
        model.unwrap_or(std::env::consts::ARCH),
        crate::measure::cores(),
        load.split(' ').next().unwrap_or("unknown"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_has_the_members_that_machines_read() {
        let mut report = Report::new("append");
        report.figure("grants", 8000.0, "1/s");
        report.at_least("append.grants_vs_parts", 0.5, 0.6);
        report.at_most("append.growth_100k_to_10m", 1.05, 1.1);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["figures"][0], serde_json::json!({"name": "grants", "value": 8000.0, "unit": "1/s"}));
        assert_eq!(json["ratios"][0]["meets"], false);
        assert_eq!(json["ratios"][1]["meets"], true);
        assert!(report.to_table().contains("misses"));
    }

    #[test]
    fn bars_stay_within_their_cells() {
        for share in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN] {
            assert_eq!(bar(share).chars().count(), usize::from(BAR_CELLS), "{share}");
        }
    }
}
