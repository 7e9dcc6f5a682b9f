//! The embedded gate's state on disk.

use std::sync::Arc;

use crate::gate::Gate;
use crate::replica::{SnapshotError, StateFolder};

impl Gate {
    /// Writes a snapshot of the replica now, as one does before a process ends. Does nothing where it has no folder.
    pub async fn save(&self) -> Result<(), SnapshotError> {
        match self.link() {
            Some(link) => link.save().await,
            None => Ok(()),
        }
    }

    /// Seals the replica's files anew, under the key of `folder`: what a new key epoch demands. When this returns,
    /// nothing is left that the key before could open.
    pub async fn reseal(&self, folder: Arc<StateFolder>) -> Result<(), SnapshotError> {
        match self.link() {
            Some(link) => link.reseal(folder).await,
            None => Ok(()),
        }
    }
}
