//! Policies as folders: `<name>.cedar`, `README.md` and `cases.json` side by side.

use std::fs;
use std::path::{Path, PathBuf};

use grantbook_plan::Protections;
use grantbook_record::strict_json::{self, JsonError};

use super::PolicyFile;
use super::cases::{self, CASES_BYTES_MAX, CaseFault, RuleCase};

/// How deep folders are looked into.
const DEPTH_MAX: usize = 8;
/// Bytes of a policy file.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A policy file with its cases.
#[derive(Debug, Clone)]
pub struct PolicyFolder {
    /// Where it is.
    pub path: PathBuf,
    /// The policies.
    pub file: PolicyFile,
    /// Their cases; none where there is no `cases.json`.
    pub cases: Vec<RuleCase>,
}

/// Why folders could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is too large.
    #[error("{path}: {got} bytes, expected at most {max}", path = path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes that it may have.
        max: u64,
        /// Its bytes.
        got: u64,
    },
    /// Folders within folders without end.
    #[error("{path}: nested more than {DEPTH_MAX} deep", path = path.display())]
    Depth {
        /// The innermost.
        path: PathBuf,
    },
    /// Cases that are none.
    #[error("{path}: {error}", path = path.display())]
    Cases {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: CaseFault,
    },
    /// Protections that are none.
    #[error("{path}: {error}", path = path.display())]
    Protections {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: JsonError,
    },
    /// No policy anywhere.
    #[error("{path}: no policy, expected a file that ends in .cedar", path = path.display())]
    Empty {
        /// Where it was looked.
        path: PathBuf,
    },
}

/// Every policy file in a folder and in those within it, by path. A file's name begins with that of the folder, wherever
/// that is, so that the same sources have the same digest everywhere.
pub fn read(root: &Path) -> Result<Vec<PolicyFolder>, FolderError> {
    let mut found = Vec::new();
    walk(root, root.parent().unwrap_or(root), 0, &mut found)?;
    if found.is_empty() { Err(FolderError::Empty { path: root.to_owned() }) } else { Ok(found) }
}

/// What `protections.json` in a folder and in those above the policies within it say together, by the one that protects more.
pub fn protections(root: &Path) -> Result<Protections, FolderError> {
    let mut together = Protections::default();
    let file = root.join("protections.json");
    if file.exists() {
        let json = text(&file, FILE_BYTES_MAX)?;
        let said = strict_json::parse(json.as_bytes())
            .map_err(|error| FolderError::Protections { path: file.clone(), error })?;
        together = together.and(said);
    }
    let failed = |error| FolderError::File { path: root.to_owned(), error };
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    for folder in folders {
        // [`read`] has gone as deep, and refuses folders without end
        together = together.and(protections(&folder)?);
    }
    Ok(together)
}

fn walk(
    folder: &Path,
    within: &Path,
    depth: usize,
    found: &mut Vec<PolicyFolder>,
) -> Result<(), FolderError> {
    if depth > DEPTH_MAX {
        return Err(FolderError::Depth { path: folder.to_owned() });
    }
    let failed = |error| FolderError::File { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, within, depth + 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "cedar") {
            let beside = folder.join("cases.json");
            let cases = if beside.exists() {
                let json = text(&beside, CASES_BYTES_MAX as u64)?;
                cases::parse(json.as_bytes())
                    .map_err(|error| FolderError::Cases { path: beside.clone(), error })?
            } else {
                Vec::new()
            };
            let name = path.strip_prefix(within).unwrap_or(&path).display().to_string();
            let file = PolicyFile { name, text: text(&path, FILE_BYTES_MAX)? };
            found.push(PolicyFolder { path: folder.to_owned(), file, cases });
        }
    }
    Ok(())
}

fn text(path: &Path, max: u64) -> Result<String, FolderError> {
    let failed = |error| FolderError::File { path: path.to_owned(), error };
    let got = fs::metadata(path).map_err(failed)?.len();
    if got > max {
        return Err(FolderError::TooLarge { path: path.to_owned(), max, got });
    }
    fs::read_to_string(path).map_err(failed)
}
