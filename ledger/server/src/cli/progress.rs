//! Progress of long work: on standard error, and only where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);

/// A bar over `length` steps.
pub(crate) fn bar(what: &'static str, length: u64) -> ProgressBar {
    started(ProgressBar::new(length), what, "{prefix:>10} {wide_bar} {human_pos}/{human_len} {eta}")
}

/// For work of unknown length.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    started(ProgressBar::new_spinner(), what, "{prefix:>10} {spinner} {human_pos}")
}

/// indicatif draws to standard error, and hides itself where that is no terminal.
fn started(bar: ProgressBar, what: &'static str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bar.with_style(style).with_prefix(what);
    if !bar.is_hidden() {
        bar.enable_steady_tick(TICK);
    }
    bar
}
