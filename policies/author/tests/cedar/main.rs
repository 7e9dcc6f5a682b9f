//! Policies in Cedar: those that come with Grantbook, what is refused, and the lowered plans against Cedar itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should fail"
)]

mod differential;
mod refused;
mod shipped;
mod worlds;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use grantbook_author::cedar::folder::{self, PolicyFolder};
use grantbook_author::cedar::{Lowered, PolicyFile, cases, lower};
use grantbook_plan::Vocabulary;
use grantbook_plan::rules::Values;

/// The folder `policies`.
fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn folders(name: &str) -> Vec<PolicyFolder> {
    folder::read(&policies().join(name)).unwrap()
}

/// Lowers folders of policies together.
fn lowered(folders: &[PolicyFolder]) -> Lowered {
    let files: Vec<PolicyFile> = folders.iter().map(|folder| folder.file.clone()).collect();
    lower(&files, BTreeMap::new(), Vocabulary::builtin()).unwrap()
}

/// The use and grant that all cases share.
fn base() -> Values {
    cases::base().unwrap()
}

/// One policy with its annotations.
fn policy(id: &str, text: &str) -> String {
    format!("@id(\"{id}\") @article(\"none\") @en(\"for a test\") @zh(\"供测试\")\n{text}\n")
}

fn file(text: String) -> PolicyFile {
    PolicyFile { name: "test.cedar".to_owned(), text }
}
