//! Files that are there, whole and durable, or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::store::Fault;

/// Wraps the system's word with what was being done to which file.
pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Fault {
    let what = path.display().to_string();
    move |source| Fault::Io { doing, what, source }
}

/// Makes a folder's entries durable.
pub(crate) fn sync_dir(folder: &Path) -> Result<(), Fault> {
    // a relative path of one part has the current folder as parent
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|file| file.sync_all()).map_err(io("sync", folder))
}

/// Makes a folder, readable by its owner only, durable in its parent; nothing if it is there.
pub(crate) fn create_dir(folder: &Path) -> Result<(), Fault> {
    if folder.is_dir() || folder.as_os_str().is_empty() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_dir(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io("create", folder)(error)),
    }
    folder.parent().map_or(Ok(()), sync_dir)
}

/// A file's bytes; `None` where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path)(error)),
    }
}

/// Writes an immutable file; where it is there with the same bytes, makes sure that it is durable.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    match read(path)? {
        Some(present) if present == bytes => {
            // a process that was killed may have renamed it and not synced its folder
            File::open(path).and_then(|file| file.sync_all()).map_err(io("sync", path))?;
            path.parent().map_or(Ok(()), sync_dir)
        }
        // a crash may have left it from a batch that was then never acknowledged; the log decides what is right
        _ => replace(path, bytes),
    }
}

/// Puts `bytes` in place of the file: temporary name, sync, rename, sync of the folder. Readable by its owner only.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    create_dir(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary).map_err(io("create", &temporary))?;
    file.write_all(bytes).map_err(io("write", &temporary))?;
    file.sync_data().map_err(io("sync", &temporary))?;
    fs::rename(&temporary, path).map_err(io("rename", path))?;
    sync_dir(folder)
}
