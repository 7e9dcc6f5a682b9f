//! What the engine asks of a store, in its own words: batches, bundles, tiles, state rows, the last signed checkpoint.
//!
//! Nothing outside this module knows whether it runs on files, memory or a database. Every store passes
//! [`conformance`].

pub mod conformance;
pub(crate) mod cursor;
mod files;
pub(crate) use files::{durable, raw, version};
mod journal;
mod memory;

pub use files::FileStore;
pub use memory::MemoryStore;

use grantbook_tlog::tile::TileCoord;

/// Entries of a bundle.
pub const BUNDLE_WIDTH: u64 = 256;

/// One entry as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredItem {
    /// The public bytes.
    pub entry: Vec<u8>,
    /// Envelope or use record with salts and openings, sealed under its owner's key.
    pub body: Vec<u8>,
    /// What several entries share (a signed batch), sealed under the tenant's key; empty for none.
    pub shared: Vec<u8>,
}

/// A batch, as the commit point makes it durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredBatch {
    /// Leaf index of the first item.
    pub first: u64,
    /// The items, in order.
    pub items: Vec<StoredItem>,
    /// Whose the items are, sealed under the key epoch's key.
    pub owners: Vec<u8>,
    /// New wrapped data keys by id.
    pub keys: Vec<(u64, Vec<u8>)>,
    /// The signed checkpoint after the batch.
    pub checkpoint: String,
}

/// A complete bundle: 256 items that never change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredBundle {
    /// The items, in order.
    pub items: Vec<StoredItem>,
    /// Whose the items are, sealed under the key epoch's key.
    pub owners: Vec<u8>,
}

/// A fault that must stop the sequencer: what is durable is not known any more.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system refused.
    #[error("{doing} {what}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or part.
        what: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// Stored bytes are not what was stored.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which file or part.
        what: String,
        /// How it shows.
        why: String,
    },
    /// A fault stopped the ledger before.
    #[error("{by}; the last append may or may not be durable: start again, which reads it back")]
    Stopped {
        /// The fault.
        by: String,
    },
    /// The store is of another version of the format.
    #[error(
        "{what} is of format version {got}, this program reads version {}: {}",
        version::CURRENT,
        if *got < version::CURRENT { "run `grantbook migrate`" } else { "run a later program" }
    )]
    Version {
        /// Which folder.
        what: String,
        /// Its version; 0 from before there were versions.
        got: u32,
    },
    /// Another process holds the store.
    #[error("{what} is held by another process")]
    Held {
        /// Which folder.
        what: String,
    },
}

/// A row's key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// A row to be written: `None` removes it.
pub type RowChange = (Vec<u8>, Option<Vec<u8>>);

/// Takes batches in as they are read back.
pub type BatchVisitor<'a> = &'a mut dyn FnMut(StoredBatch) -> Result<(), Fault>;

/// Takes in rows with which an epoch began, and the position that all of them together had reached.
pub type BaseVisitor<'a> = &'a mut dyn FnMut(Vec<RowChange>, u64) -> Result<(), Fault>;

/// Takes in frames of the log of leases, or of accounts: their numbers, and what is sealed.
pub type FrameVisitor<'a> = &'a mut dyn FnMut(u64, Vec<u8>) -> Result<(), Fault>;

/// A place where a ledger is kept. One writer; readers may read at any time.
pub trait Store: Send + Sync + 'static {
    /// Makes a batch durable: the commit point. After an error nobody knows whether it is.
    fn commit(&self, batch: &StoredBatch) -> Result<(), Fault>;
    /// Every batch that was committed and not trimmed, in order. A batch cut short by a crash was never
    /// acknowledged: it is dropped, and the next commit takes its place. What is visited is durable on return, whatever
    /// became of its commit. Called once, before the first commit.
    fn batches(&self, visit: BatchVisitor<'_>) -> Result<(), Fault>;
    /// Drops batches that end at or before `size`, but never the last one, which holds the last signed checkpoint;
    /// bundles and keys must hold all of them. May drop fewer.
    fn trim(&self, size: u64) -> Result<(), Fault>;

    /// Keeps a complete bundle for good, durable on return.
    fn put_bundle(&self, index: u64, bundle: &StoredBundle) -> Result<(), Fault>;
    /// Reads a complete bundle back.
    fn bundle(&self, index: u64) -> Result<Option<StoredBundle>, Fault>;
    /// Whose the items of a complete bundle are, alone.
    fn owners(&self, index: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.bundle(index)?.map(|bundle| bundle.owners))
    }
    /// How many complete bundles there are, from 0 without gaps.
    fn bundles(&self) -> Result<u64, Fault>;
    /// Keeps a full tile for good, durable on return.
    fn put_tile(&self, tile: &TileCoord, bytes: &[u8]) -> Result<(), Fault>;
    /// Reads a full tile back.
    fn tile(&self, tile: &TileCoord) -> Result<Option<Vec<u8>>, Fault>;
    /// Keeps wrapped data keys beyond the trimming of their batches, durable on return.
    fn put_keys(&self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault>;
    /// Every wrapped data key kept so.
    fn keys(&self, visit: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), Fault>;

    /// Every frame of the log of leases, in order; whether bytes follow that a crash cut short.
    fn leases(&self, visit: FrameVisitor<'_>) -> Result<bool, Fault>;
    /// Adds a frame to the log of leases, durable on return.
    fn append_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault>;
    /// Puts one frame in place of all, durable on return.
    fn replace_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault>;
    /// How far the log of leases had come; beside the anchor, and not in backups either.
    fn lease_mark(&self) -> Result<Option<String>, Fault>;
    /// Sets it, durable on return.
    fn set_lease_mark(&self, mark: &str) -> Result<(), Fault>;

    /// Every frame of the log of accounts, in order. What a crash cut short at its end was never acknowledged.
    fn accounts(&self, visit: FrameVisitor<'_>) -> Result<(), Fault>;
    /// Adds a frame to the log of accounts, durable on return.
    fn append_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault>;
    /// Puts one frame in place of all, durable on return.
    fn replace_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault>;

    /// The checkpoint that the anchor holds.
    fn anchor(&self) -> Result<Option<String>, Fault>;
    /// Puts a checkpoint in the anchor, durable on return.
    fn set_anchor(&self, checkpoint: &str) -> Result<(), Fault>;

    /// The last checkpoint that was witnessed.
    fn witnessed(&self) -> Result<Option<String>, Fault>;
    /// Keeps a witnessed checkpoint in place of the last, durable on return.
    fn set_witnessed(&self, checkpoint: &str) -> Result<(), Fault>;

    /// One state row.
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;
    /// Rows whose key begins with `prefix` and comes after `after`, at most `limit`, by rising key.
    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault>;
    /// Writes rows and the position that they bring the state to, all or none; durable only after a flush.
    fn apply(&self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault>;
    /// The position that the state has reached; 0 for an empty one.
    fn position(&self) -> Result<u64, Fault>;
    /// Empties the state.
    fn clear_state(&self) -> Result<(), Fault>;
    /// Makes the state durable as far as the store can.
    fn flush_state(&self) -> Result<(), Fault>;

    /// The key epoch, from 1: everything sealed under its key (batches, owners, keys, state) is replaced with it.
    fn epoch(&self) -> u64;
    /// The rows with which the epoch began, in parts, and the position that they had reached; nothing in the first epoch.
    /// What they were folded from may be erased since.
    fn base(&self, visit: BaseVisitor<'_>) -> Result<(), Fault>;
    /// Removes what a crash has left of other epochs; only once the present one has proved to be the right one.
    fn remove_other_epochs(&self) -> Result<(), Fault>;
    /// Begins the epoch after this one beside it; nothing of it is read before [`NextEpoch::finish`].
    fn next_epoch(&self) -> Result<Box<dyn NextEpoch + '_>, Fault>;
}

/// Takes in all that the next key epoch begins with. Dropped unfinished, nothing of it stays.
pub trait NextEpoch {
    /// Whose the items of a complete bundle are, sealed anew.
    fn put_owners(&mut self, index: u64, owners: &[u8]) -> Result<(), Fault>;
    /// Live data keys, wrapped anew.
    fn put_keys(&mut self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault>;
    /// All leases, sealed anew, as the only frame of their log.
    fn put_leases(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault>;
    /// All rows of accounts, sealed anew, as the only frame of their log.
    fn put_accounts(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault>;
    /// Rows of the state, sealed anew.
    fn put_rows(&mut self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault>;
    /// Makes all of it durable, together with `tail`, the items that are in no complete bundle; puts it in the place of
    /// the present epoch, and removes that one. After an error nobody knows which of the two is there.
    fn finish(self: Box<Self>, tail: &StoredBatch) -> Result<(), Fault>;
}
