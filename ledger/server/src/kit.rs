//! What the interface says of regulator kits; the command line reads it, too.

mod reader;

use grantbook_engine::{Kit, date_of};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use reader::reader_page;

/// A kit, but for its proof bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KitView {
    /// The signed manifest, a compact JWS over the list of all files.
    pub manifest: String,
    /// Receipt of the public entry that names the manifest, as text.
    pub issued: String,
    /// Where that entry stands.
    pub leaf_index: u64,
    /// The manifest's files but the bundles.
    pub files: Vec<KitFileView>,
    /// Days whose bundles belong to the kit, `YYYY-MM-DD`; each is got by itself.
    pub bundles: Vec<String>,
}

/// A file of a kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KitFileView {
    /// Its path within the kit.
    pub name: String,
    /// What it holds.
    pub text: String,
}

impl From<Kit> for KitView {
    fn from(kit: Kit) -> Self {
        // all of them are JSON, tables or pages
        let text = |bytes| String::from_utf8(bytes).unwrap_or_default();
        let files = kit.files.into_iter().map(|(name, bytes)| KitFileView { name, text: text(bytes) });
        Self {
            manifest: kit.manifest,
            issued: text(kit.issued.to_json()),
            leaf_index: kit.leaf_index.0,
            files: files.collect(),
            bundles: kit.bundles.into_iter().map(date_of).collect(),
        }
    }
}
