//! Faults of the machine, put to the built program: system calls that fail, a disk that is full, files that are damaged.
//! Nothing acknowledged is lost, the operator is told which file it is, and the exit status says so.

pub(crate) mod calls;
mod damage;
mod list;
mod stopping;

use std::path::Path;

use crate::replay::program::Done;

/// What the operator read, without the folder of this run.
pub(crate) fn told(done: &Done, folder: &Path) -> String {
    let line = done.err.lines().rev().find(|line| line.starts_with("grantbook: ")).unwrap_or_default();
    line.replace(&format!("{}/", folder.display()), "")
}
