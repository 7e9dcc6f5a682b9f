//! The default store's files as they lie there, whatever is wrong with them: for checks and copies. Reading them
//! changes nothing, not even what a start would mend.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use grantbook_tlog::tile::{BundleCoord, TileCoord, parse_bundle};

use super::anchor::Anchor;
use super::durable::{self, io};
use super::state::SledState;
use super::{damaged, epoch, lock};
use crate::store::cursor::Cursor;
use crate::store::journal::{self, Next};
use crate::store::{BaseVisitor, Fault, Row, StoredBatch};

/// A data folder.
pub(crate) struct RawFiles {
    data: PathBuf,
    /// Folder of the present key epoch, below the data folder.
    epoch: String,
    anchor: PathBuf,
    /// Held against every other process as long as this lives.
    _lock: Option<File>,
}

/// A whole frame of the journal or of `keys.log`.
pub(crate) struct Frame {
    /// Its file, below the data folder.
    pub(crate) file: String,
    /// Where in the file it begins, in bytes.
    pub(crate) offset: usize,
    /// Its length, header included.
    pub(crate) length: usize,
    pub(crate) batch: StoredBatch,
}

/// Bytes that are no whole frame.
pub(crate) struct Torn {
    pub(crate) file: String,
    pub(crate) offset: usize,
    /// Whether nothing whole comes after it, here or in a later file.
    pub(crate) last: bool,
}

/// Everything in a file, or a row of files, of frames.
#[derive(Default)]
pub(crate) struct Frames {
    pub(crate) whole: Vec<Frame>,
    pub(crate) torn: Vec<Torn>,
}

/// What lies in a folder of immutable files.
pub(crate) struct Listing<T> {
    pub(crate) known: BTreeSet<T>,
    /// Paths below the data folder of files that have no business there.
    pub(crate) strange: Vec<String>,
}

/// The sealed body and the shared part of one item, as the vault holds them.
pub(crate) type VaultItem = (Vec<u8>, Vec<u8>);

impl RawFiles {
    /// [`Fault::Held`] where another process has the folder.
    pub(crate) fn open(data: &Path, anchor: &Path) -> Result<Self, Fault> {
        let lock = lock(data)?;
        Ok(Self { _lock: Some(lock), ..Self::shared(data, anchor) })
    }

    /// Without holding it: another process may go on writing.
    pub(crate) fn shared(data: &Path, anchor: &Path) -> Self {
        let epoch = epoch::last(data).map_or(1, |(number, _)| number);
        let epoch = format!("{}/{epoch}", epoch::FOLDER);
        Self { data: data.to_owned(), epoch, anchor: anchor.to_owned(), _lock: None }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The number of the present key epoch.
    pub(crate) fn epoch(&self) -> u64 {
        epoch::number_of(Path::new(&self.epoch)).unwrap_or(1)
    }

    /// Whether another key epoch has begun since these files were looked for.
    pub(crate) fn is_of_an_ended_epoch(&self) -> bool {
        epoch::last(&self.data).is_some_and(|(number, _)| number != self.epoch())
    }

    /// The path below the data folder of a part that is sealed under the epoch's key: `journal`, `owners`, `keys.log`,
    /// `state`.
    pub(crate) fn sealed(&self, part: &str) -> String {
        format!("{}/{part}", self.epoch)
    }

    /// The rows with which the epoch began.
    pub(crate) fn base(&self, visit: BaseVisitor<'_>) -> Result<(), Fault> {
        super::base::read(&self.data.join(self.sealed("base.log")), visit)
    }

    /// The journal's files below the data folder, in order.
    pub(crate) fn journal_names(&self) -> Result<Vec<String>, Fault> {
        let folder = self.sealed("journal");
        let listing = self.list(&folder, |name| {
            name.strip_prefix(&folder)?.strip_prefix('/')?.strip_suffix(".log")?.parse::<u64>().ok()
        })?;
        Ok(listing.known.into_iter().map(|first| format!("{folder}/{first:020}.log")).collect())
    }

    /// Every frame of the journal, in the order of its files.
    pub(crate) fn journal(&self) -> Result<Frames, Fault> {
        let mut frames = Frames::default();
        for name in self.journal_names()? {
            frames.scan(&self.data, &name)?;
        }
        Ok(frames)
    }

    /// Every frame of the wrapped keys.
    pub(crate) fn keys(&self) -> Result<Frames, Fault> {
        let mut frames = Frames::default();
        frames.scan(&self.data, &self.sealed("keys.log"))?;
        Ok(frames)
    }

    /// Every frame of the leases.
    pub(crate) fn leases(&self) -> Result<Frames, Fault> {
        let mut frames = Frames::default();
        frames.scan(&self.data, &self.sealed("leases.log"))?;
        Ok(frames)
    }

    /// Every frame of the accounts.
    pub(crate) fn accounts(&self) -> Result<Frames, Fault> {
        let mut frames = Frames::default();
        frames.scan(&self.data, &self.sealed("accounts.log"))?;
        Ok(frames)
    }

    /// How far the leases had come.
    pub(crate) fn lease_mark(&self) -> Result<Option<String>, Fault> {
        super::leases::mark_of(&self.anchor).read()
    }

    /// The bundles of which `part` (`entries`, `vault` or `owners`) is there.
    pub(crate) fn bundles(&self, part: &str) -> Result<Listing<u64>, Fault> {
        let folder = self.folder_of(part);
        self.list(&folder, |name| {
            let rest = name.strip_prefix(&folder)?.strip_prefix('/')?;
            BundleCoord::parse(&format!("tile/entries/{rest}")).ok().map(|coord| coord.index())
        })
    }

    /// The tiles that are there, by level and index.
    pub(crate) fn tiles(&self) -> Result<Listing<(u8, u64)>, Fault> {
        self.list("tile", |name| TileCoord::parse(name).ok().map(|coord| (coord.level(), coord.index())))
    }

    /// A bundle's file below the data folder.
    pub(crate) fn bundle_name(&self, part: &str, index: u64) -> Result<String, Fault> {
        Ok(format!("{}/{}", self.folder_of(part), super::bundle_name(index)?))
    }

    /// The file of a bundle's entries, which is the same in every epoch.
    pub(crate) fn entries_name(index: u64) -> Result<String, Fault> {
        Ok(format!("entries/{}", super::bundle_name(index)?))
    }

    fn folder_of(&self, part: &str) -> String {
        if part == "owners" { self.sealed(part) } else { part.to_owned() }
    }

    /// The entries of a bundle.
    pub(crate) fn entries(&self, index: u64) -> Result<Vec<Vec<u8>>, Fault> {
        let (path, bytes) = self.part("entries", index)?;
        let entries = parse_bundle(&bytes, 256).map_err(|error| damaged(&path, &error.to_string()))?;
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// The sealed bodies of a bundle.
    pub(crate) fn vault(&self, index: u64) -> Result<Vec<VaultItem>, Fault> {
        let (path, bytes) = self.part("vault", index)?;
        let mut cursor = Cursor(&bytes);
        let mut items = Vec::with_capacity(256);
        for at in 0..256 {
            let (Some(body), Some(shared)) = (cursor.bytes(), cursor.bytes()) else {
                return Err(damaged(&path, &format!("it ends within body {at}")));
            };
            items.push((body.to_vec(), shared.to_vec()));
        }
        if cursor.is_empty() { Ok(items) } else { Err(damaged(&path, "it goes on after the last body")) }
    }

    /// The sealed owners of a bundle.
    pub(crate) fn owners(&self, index: u64) -> Result<Vec<u8>, Fault> {
        Ok(self.part("owners", index)?.1)
    }

    fn part(&self, part: &str, index: u64) -> Result<(PathBuf, Vec<u8>), Fault> {
        let name = PathBuf::from(self.bundle_name(part, index)?);
        let bytes = durable::read(&self.data.join(&name))?.ok_or_else(|| damaged(&name, "it is missing"))?;
        Ok((name, bytes))
    }

    /// A tile's bytes.
    pub(crate) fn tile(&self, coord: &TileCoord) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.data.join(coord.path()))
    }

    /// Puts a tile in place of what is there.
    pub(crate) fn put_tile(&self, coord: &TileCoord, bytes: &[u8]) -> Result<(), Fault> {
        durable::replace(&self.data.join(coord.path()), bytes)
    }

    /// The checkpoint that the anchor holds.
    pub(crate) fn anchor(&self) -> Result<Option<String>, Fault> {
        Anchor::new(&self.anchor).read()
    }

    /// Whether there is a state.
    pub(crate) fn has_state(&self) -> bool {
        self.data.join(self.sealed("state")).is_dir()
    }

    /// A copy of the state in `folder`, opened there: sled writes even where it only reads.
    pub(crate) fn copy_of_state(&self, folder: &Path) -> Result<CopiedState, Fault> {
        copy(&self.data.join(self.sealed("state")), folder)?;
        SledState::open_unmended(folder).map(CopiedState)
    }

    /// Removes the state, so that the next start makes it anew.
    pub(crate) fn remove_state(&self) -> Result<(), Fault> {
        let path = self.data.join(self.sealed("state"));
        fs::remove_dir_all(&path).map_err(io("remove", &path))
    }

    /// Lists the files below a folder by what their names mean; temporary ones, which a crash leaves, are passed over.
    fn list<T: Ord>(&self, part: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Listing<T>, Fault> {
        let mut listing = Listing { known: BTreeSet::new(), strange: Vec::new() };
        let mut folders = vec![part.to_owned()];
        while let Some(folder) = folders.pop() {
            let path = self.data.join(&folder);
            let read = match fs::read_dir(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                read => read.map_err(io("list", &path))?,
            };
            for file in read {
                let file = file.map_err(io("list", &path))?;
                let name = format!("{folder}/{}", file.file_name().to_string_lossy());
                if file.file_type().map_err(io("list", &path))?.is_dir() {
                    folders.push(name);
                } else if let Some(known) = parse(&name) {
                    listing.known.insert(known);
                } else if Path::new(&name).extension().is_none_or(|extension| extension != "tmp") {
                    listing.strange.push(name);
                }
            }
        }
        listing.strange.sort_unstable();
        Ok(listing)
    }
}

impl Frames {
    fn scan(&mut self, data: &Path, name: &str) -> Result<(), Fault> {
        let bytes = durable::read(&data.join(name))?.unwrap_or_default();
        self.take(name, &bytes);
        Ok(())
    }

    /// Reads the frames in a file's bytes.
    pub(crate) fn take(&mut self, name: &str, bytes: &[u8]) {
        let mut offset = 0;
        loop {
            let rest = bytes.get(offset..).unwrap_or_default();
            let decoded = match journal::next(rest) {
                Next::End => return,
                Next::Frame(payload, length) => journal::decode(payload).map(|batch| (batch, length)),
                Next::Torn => None,
            };
            if let Some((batch, length)) = decoded {
                self.torn.iter_mut().for_each(|torn| torn.last = false);
                self.whole.push(Frame { file: name.to_owned(), offset, length, batch });
                offset += length;
            } else {
                self.torn.push(Torn { file: name.to_owned(), offset, last: true });
                let behind = rest.get(1..).unwrap_or_default();
                let Some(skipped) = journal::next_frame(behind) else { return };
                offset += 1 + skipped;
            }
        }
    }
}

/// The rows of a copied state.
pub(crate) struct CopiedState(SledState);

impl CopiedState {
    /// The position that the state has reached.
    pub(crate) fn position(&self) -> Result<u64, Fault> {
        self.0.position()
    }

    /// Rows after a key, by rising key.
    pub(crate) fn rows(&self, after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        self.0.rows(b"", after, limit)
    }
}

/// Copies a folder of files.
fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    durable::create_dir(to)?;
    for file in fs::read_dir(from).map_err(io("list", from))? {
        let file = file.map_err(io("list", from))?;
        let (source, target) = (file.path(), to.join(file.file_name()));
        if file.file_type().map_err(io("list", from))?.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(io("copy", &source))?;
        }
    }
    Ok(())
}
