//! The version of a data folder's format, in a file of its own: a program opens only the one that it writes.

use std::path::Path;

use super::durable;
use crate::store::Fault;

/// The version that this program reads and writes.
pub(crate) const CURRENT: u32 = 1;
/// The file.
pub(crate) const FILE: &str = "version";

/// The folder's version: 0 for a ledger from before there were versions, `None` for a folder without a ledger.
pub(crate) fn read(data: &Path) -> Result<Option<u32>, Fault> {
    let path = data.join(FILE);
    let Some(bytes) = durable::read(&path)? else {
        // the parts that are sealed under an epoch's key lay in the folder itself then
        let begun = |name: &str| std::fs::read_dir(data.join(name)).into_iter().flatten().next().is_some();
        return Ok((begun("journal") || begun("epochs")).then_some(0));
    };
    let text = std::str::from_utf8(&bytes).ok();
    let number = text.and_then(|text| text.strip_prefix("grantbook data ")?.strip_suffix('\n')?.parse().ok());
    number.map(Some).ok_or_else(|| Fault::Damaged {
        what: path.display().to_string(),
        why: format!("expected one line such as `grantbook data {CURRENT}`"),
    })
}

/// Refuses every version but the current one; a folder without a ledger gets it.
pub(crate) fn check(data: &Path) -> Result<(), Fault> {
    match read(data)? {
        Some(CURRENT) => Ok(()),
        Some(got) => Err(Fault::Version { what: data.display().to_string(), got }),
        None => write(data, CURRENT),
    }
}

/// Refuses every folder but a ledger's of the current version.
pub(crate) fn check_present(data: &Path) -> Result<(), Fault> {
    match read(data)? {
        Some(CURRENT) => Ok(()),
        Some(got) => Err(Fault::Version { what: data.display().to_string(), got }),
        None => Err(Fault::Damaged {
            what: data.display().to_string(),
            why: "there is no ledger in it".to_owned(),
        }),
    }
}

/// Writes the file, durable on return.
pub(crate) fn write(data: &Path, version: u32) -> Result<(), Fault> {
    durable::replace(&data.join(FILE), format!("grantbook data {version}\n").as_bytes())
}
