//! The folder that a spool lies in, and what it asks of it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A folder of segments, of which the last made is written to.
pub(super) trait Disk: Send {
    /// Numbers of all segments.
    fn segments(&mut self) -> io::Result<Vec<u64>>;
    /// A segment's bytes.
    fn read(&mut self, number: u64) -> io::Result<Vec<u8>>;
    /// Makes a segment, whole and durable or not at all, and writes to it from now on.
    fn create(&mut self, number: u64, bytes: &[u8]) -> io::Result<()>;
    /// Writes at the end; not durable. After an error any part of it may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable. After an error nobody knows what is.
    fn sync(&mut self) -> io::Result<()>;
    /// Drops all after the first `length` bytes, durably.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Removes a segment, durably.
    fn remove(&mut self, number: u64) -> io::Result<()>;
}

/// A folder of the file system. Only one process has it.
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
    last: Option<File>,
}

impl Folder {
    /// Makes the folder where there is none. `Ok(None)`: another process has it.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        for entry in fs::read_dir(path)? {
            // what a crash left of a segment that was being made
            let name = entry?.path();
            if name.extension().is_some_and(|extension| extension == "tmp") {
                fs::remove_file(name)?;
            }
        }
        Ok(Some(Self { path: path.to_owned(), _lock: lock, last: None }))
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.path.join(name(number))
    }

    fn last(&mut self) -> io::Result<&mut File> {
        self.last.as_mut().ok_or_else(|| io::Error::other("no segment is open"))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// A segment's file name.
pub(super) fn name(number: u64) -> String {
    format!("{number:020}.segment")
}

impl Disk for Folder {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let file = entry?.file_name();
            let number = file.to_str().and_then(|file| file.strip_suffix(".segment"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    fn read(&mut self, number: u64) -> io::Result<Vec<u8>> {
        fs::read(self.segment(number))
    }

    fn create(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.segment(number);
        let temporary = path.with_extension("tmp");
        let mut options = File::options();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let made = options.open(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&temporary, &path)?;
            Ok(file)
        });
        let file = made.inspect_err(|_| drop(fs::remove_file(&temporary)))?;
        // from here on it is what a start reads, so it is what must be written to
        self.last = Some(file);
        self.sync_names()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.last()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.last()?.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        use std::io::Seek as _;
        let file = self.last()?;
        file.set_len(length)?;
        file.seek(io::SeekFrom::Start(length))?;
        file.sync_all()
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        match fs::remove_file(self.segment(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.sync_names()
    }
}
