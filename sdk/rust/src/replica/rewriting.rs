//! Rewriting the file of records: when most of it no longer counts, and when the key epoch rolls. The copy is made while
//! the replica goes on; what came meanwhile is copied at the end.

use std::sync::Arc;

use grantbook_plan::compact::CustomerKey;

use super::Replica;
use super::cold::{Cold, ColdError, ColdFile};
use super::folder::StateFolder;

/// What there was when the rewriting began.
#[derive(Debug)]
pub struct Rewriting {
    from: ColdFile,
    all: Vec<(CustomerKey, u64)>,
}

/// A new file with all of it.
#[derive(Debug)]
pub struct Rewritten {
    from: ColdFile,
    to: ColdFile,
    folder: Arc<StateFolder>,
    copied: Vec<Copied>,
}

#[derive(Debug, Clone, Copy)]
struct Copied {
    key: CustomerKey,
    from: u64,
    to: u64,
}

impl Rewriting {
    /// Copies everything to a new file, sealed as `folder` seals.
    pub fn copy(self, folder: Arc<StateFolder>) -> Result<Rewritten, ColdError> {
        let mut to = ColdFile::create(folder.path(), Arc::clone(&folder.seal))?;
        let copied = self.all.into_iter().map(|(key, place)| copy(&self.from, &mut to, key, place));
        let copied = copied.collect::<Result<_, _>>()?;
        Ok(Rewritten { from: self.from, to, folder, copied })
    }
}

fn copy(from: &ColdFile, to: &mut ColdFile, key: CustomerKey, place: u64) -> Result<Copied, ColdError> {
    let (record, _) = from.read(key, place)?;
    Ok(Copied { key, from: place, to: to.keep(key, None, &record)? })
}

impl Replica {
    /// Whether most of the file of records no longer counts.
    pub fn wants_rewriting(&self) -> bool {
        match &self.holdings.cold {
            Cold::Memory(_) => false,
            Cold::File(file) => file.is_mostly_garbage(self.holdings.customers()),
        }
    }

    /// Begins; `None` for a replica that keeps everything in memory.
    pub fn begin_rewriting(&self) -> Option<Rewriting> {
        let Cold::File(file) = &self.holdings.cold else { return None };
        Some(Rewriting { from: file.reader(), all: self.holdings.plan.places().collect() })
    }

    /// Takes the new file in the place of the old one. A snapshot must follow: until then the one that there is names
    /// the old file. Where the replica was emptied meanwhile, nothing changes.
    pub fn finish_rewriting(&mut self, rewritten: Rewritten) -> Result<(), ColdError> {
        let Rewritten { from, mut to, folder, mut copied } = rewritten;
        let Cold::File(present) = &self.holdings.cold else { return Ok(()) };
        if !present.is_same_file(&from) {
            return Ok(());
        }
        let place_of = |key| self.holdings.plan.known(key).map(|known| known.place());
        let (kept, gone): (Vec<_>, Vec<_>) =
            copied.drain(..).partition(|copied: &Copied| place_of(copied.key) == Some(copied.from));
        copied = kept;
        for Copied { key, to: place, .. } in gone {
            to.forget(key, place)?;
        }
        for (key, place) in self.holdings.plan.places().filter(|(_, place)| *place >= from.end()) {
            copied.push(copy(present, &mut to, key, place)?);
        }
        // nothing fails from here on
        for Copied { key, to, .. } in copied {
            self.holdings.plan.set_place(key, to);
        }
        self.holdings.cold = Cold::File(to);
        self.folder = Some(folder);
        Ok(())
    }
}
