//! What readers may see: the last signed checkpoint, the tree under it, and the items that are not in bundles yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use grantbook_record::feed::Chain;
use grantbook_tlog::tile::TileCoord;
use grantbook_tlog::{CompactRange, Hash, LeafIndex, NodeReader, TreeSize};
use tokio::sync::watch;

use crate::error::ReadError;
use crate::nodes::{Edge, FullTile, NodeTile, TileCache, locate, tile_bytes};
use crate::seal::SealKey;
use crate::store::cursor::Cursor;
use crate::store::{BUNDLE_WIDTH, Fault, Store, StoredBundle, StoredItem};

/// Whose an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) tenant: u32,
    pub(crate) key_id: u64,
}

impl Owner {
    /// Forgets whose it is, but for the tenant: no data key has the id 0.
    pub(crate) fn disown(&mut self) {
        self.key_id = 0;
    }
}

/// An item and whose it is.
#[derive(Clone)]
pub(crate) struct OwnedItem {
    pub(crate) item: StoredItem,
    pub(crate) owner: Owner,
}

struct Shown {
    root: Hash,
    range: CompactRange,
    checkpoint: Arc<str>,
    edge: Edge,
    /// Items from the first that is not in a kept bundle.
    items: VecDeque<Arc<OwnedItem>>,
    items_first: u64,
    /// Full tiles that are not kept yet.
    tiles: BTreeMap<(u8, u64), Arc<NodeTile>>,
    feeds: BTreeMap<u32, Chain>,
}

pub(crate) struct Published {
    shown: RwLock<Shown>,
    cache: TileCache,
    bundles: quick_cache::sync::Cache<u64, Arc<Vec<Arc<OwnedItem>>>>,
    store: Arc<dyn Store>,
    /// Held while owners are read and opened, so that both are of one epoch.
    pub(crate) owners_key: RwLock<SealKey>,
    watch: watch::Sender<u64>,
}

/// Bundles that the cache may hold, about 500 kB each.
const CACHED_BUNDLES: usize = 64;

/// What a batch adds to what is shown.
pub(crate) struct Addition {
    pub(crate) range: CompactRange,
    pub(crate) nodes: Vec<(u8, u64, Hash)>,
    pub(crate) items: Vec<OwnedItem>,
    pub(crate) checkpoint: String,
    pub(crate) feeds: Vec<(u32, Chain)>,
}

impl Published {
    /// A tree whose `bundles` complete bundles and their tiles are in the store; the rest is added by [`Self::add`].
    pub(crate) fn load(store: Arc<dyn Store>, owners_key: SealKey, bundles: u64) -> Result<Self, Fault> {
        let cache = TileCache::new(Arc::clone(&store));
        let size = bundles * BUNDLE_WIDTH;
        let edge = Edge::load(size, Vec::new(), &cache)?;
        let range = CompactRange::load(TreeSize(size), &StoredNodes { cache: &cache, edge: &edge, size })?;
        let shown = Shown {
            root: range.root(),
            range,
            checkpoint: Arc::from(""),
            edge,
            items: VecDeque::new(),
            items_first: size,
            tiles: BTreeMap::new(),
            feeds: BTreeMap::new(),
        };
        Ok(Self {
            shown: RwLock::new(shown),
            cache,
            bundles: quick_cache::sync::Cache::new(CACHED_BUNDLES),
            store,
            owners_key: RwLock::new(owners_key),
            watch: watch::Sender::new(size),
        })
    }

    fn owners_key(&self) -> RwLockReadGuard<'_, SealKey> {
        self.owners_key.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> RwLockReadGuard<'_, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a batch that is durable.
    pub(crate) fn add(&self, addition: Addition) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        for (level, index, hash) in addition.nodes {
            if let Some(full) = shown.edge.push(level, index, hash) {
                self.cache.insert(&full);
                let FullTile { level, index, tile } = full;
                shown.tiles.insert((level, index), tile);
            }
        }
        shown.items.extend(addition.items.into_iter().map(Arc::new));
        shown.feeds.extend(addition.feeds);
        shown.root = addition.range.root();
        shown.range = addition.range;
        shown.checkpoint = addition.checkpoint.into();
        let TreeSize(size) = shown.range.size();
        drop(shown);
        self.watch.send_replace(size);
    }

    pub(crate) fn range(&self) -> CompactRange {
        self.shown().range.clone()
    }

    pub(crate) fn size(&self) -> u64 {
        let TreeSize(size) = self.shown().range.size();
        size
    }

    pub(crate) fn size_root(&self) -> (TreeSize, Hash) {
        let shown = self.shown();
        (shown.range.size(), shown.root)
    }

    /// The signed checkpoint and the size it is for, of one moment.
    pub(crate) fn checkpoint(&self) -> (Arc<str>, u64) {
        let shown = self.shown();
        let TreeSize(size) = shown.range.size();
        (Arc::clone(&shown.checkpoint), size)
    }

    /// Size, root and a tenant's feed, of one moment.
    pub(crate) fn head(&self, tenant: u32) -> (TreeSize, Hash, Option<Chain>) {
        let shown = self.shown();
        (shown.range.size(), shown.root, shown.feeds.get(&tenant).copied())
    }

    pub(crate) fn set_feed(&self, tenant: u32, chain: Chain) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).feeds.insert(tenant, chain);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.watch.subscribe()
    }

    /// An item by leaf index; [`ReadError::NotFound`] beyond what is shown.
    pub(crate) fn item(&self, leaf: u64) -> Result<Arc<OwnedItem>, ReadError> {
        {
            let shown = self.shown();
            if let Some(at) = leaf.checked_sub(shown.items_first) {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                return shown.items.get(at).cloned().ok_or(ReadError::NotFound);
            }
        }
        let bundle = self.bundle_items(leaf / BUNDLE_WIDTH)?;
        let at = usize::try_from(leaf % BUNDLE_WIDTH).unwrap_or(usize::MAX);
        bundle.get(at).cloned().ok_or(ReadError::NotFound)
    }

    fn bundle_items(&self, index: u64) -> Result<Arc<Vec<Arc<OwnedItem>>>, ReadError> {
        if let Some(items) = self.bundles.get(&index) {
            return Ok(items);
        }
        let owners_key = self.owners_key();
        let bundle = self.store.bundle(index)?.ok_or(ReadError::NotFound)?;
        let items =
            Arc::new(open_bundle(&owners_key, index, bundle)?.into_iter().map(Arc::new).collect::<Vec<_>>());
        self.bundles.insert(index, Arc::clone(&items));
        Ok(items)
    }

    /// The entries among `leaves`, all of them shown, whose records lie under a data key.
    pub(crate) fn leaves_under(&self, key_id: u64, leaves: Range<u64>) -> Result<Vec<u64>, Fault> {
        self.leaves_under_any(&BTreeSet::from([key_id]), leaves)
    }

    /// The same of several data keys.
    pub(crate) fn leaves_under_any(
        &self,
        keys: &BTreeSet<u64>,
        leaves: Range<u64>,
    ) -> Result<Vec<u64>, Fault> {
        let (kept, shown): (u64, Vec<u64>) = {
            let shown = self.shown();
            let unkept = (shown.items_first..).zip(&shown.items);
            let under =
                unkept.filter(|(leaf, owned)| keys.contains(&owned.owner.key_id) && leaves.contains(leaf));
            (shown.items_first, under.map(|(leaf, _)| leaf).collect())
        };
        let mut found = Vec::new();
        for index in leaves.start / BUNDLE_WIDTH..leaves.end.min(kept).div_ceil(BUNDLE_WIDTH) {
            let (first, owners) = self.owners_of(index)?;
            let under = (first..)
                .zip(owners)
                .filter(|(leaf, owner)| keys.contains(&owner.key_id) && leaves.contains(leaf));
            found.extend(under.map(|(leaf, _)| leaf));
        }
        found.extend(shown);
        Ok(found)
    }

    /// The first entry of a tenant. Reads the owners of all entries before it.
    pub(crate) fn first_of(&self, tenant: u32) -> Result<Option<u64>, Fault> {
        let (kept, shown) = {
            let shown = self.shown();
            let mut unkept = (shown.items_first..).zip(&shown.items);
            let first = unkept.find(|(_, owned)| owned.owner.tenant == tenant);
            (shown.items_first, first.map(|(leaf, _)| leaf))
        };
        for index in 0..kept / BUNDLE_WIDTH {
            let (first, owners) = self.owners_of(index)?;
            if let Some((leaf, _)) = (first..).zip(owners).find(|(_, owner)| owner.tenant == tenant) {
                return Ok(Some(leaf));
            }
        }
        Ok(shown)
    }

    /// Leaf index of the first entry of a kept bundle, and whose its entries are.
    fn owners_of(&self, index: u64) -> Result<(u64, Vec<Owner>), Fault> {
        let missing = || Fault::Damaged {
            what: format!("owners of bundle {index}"),
            why: "they are missing or do not open".to_owned(),
        };
        let first = index * BUNDLE_WIDTH;
        let width = usize::try_from(BUNDLE_WIDTH).unwrap_or(usize::MAX);
        let owners_key = self.owners_key();
        let sealed = self.store.owners(index)?.ok_or_else(missing)?;
        let owners = open_owners(&owners_key, b"bundle", first, &sealed, width).ok_or_else(missing)?;
        Ok((first, owners))
    }

    /// Entries of one bundle, at most `width` of them, as far as they are shown.
    pub(crate) fn entries(&self, index: u64, width: u16) -> Result<Option<Vec<Vec<u8>>>, ReadError> {
        let first = index.saturating_mul(BUNDLE_WIDTH);
        let end = first.saturating_add(u64::from(width));
        if end > self.size() {
            return Ok(None);
        }
        let entries = (first..end)
            .map(|leaf| Ok(self.item(leaf)?.item.entry.clone()))
            .collect::<Result<_, ReadError>>();
        entries.map(Some)
    }

    /// A tile's bytes; `None` where the tree does not have it in that width.
    pub(crate) fn tile(&self, coord: &TileCoord) -> Result<Option<Vec<u8>>, ReadError> {
        if TileCoord::in_tree(coord.level(), coord.index(), TreeSize(self.size()))
            .is_none_or(|present| present.width() < coord.width())
        {
            return Ok(None);
        }
        let width = usize::from(coord.width());
        if let Some(bytes) = self.with_tile(coord.level(), coord.index(), |tile| tile_bytes(tile, width)) {
            return Ok(bytes);
        }
        Ok(tile_bytes(self.cache.read(coord.level(), coord.index())?.as_ref(), width))
    }

    /// Calls `read` with a tile that is at the edge or not kept yet.
    fn with_tile<T>(&self, level: u8, index: u64, read: impl FnOnce(&NodeTile) -> T) -> Option<T> {
        let shown = self.shown();
        if let Some(tile) = shown.tiles.get(&(level, index)) {
            return Some(read(tile));
        }
        let TreeSize(size) = shown.range.size();
        let full = size >> (8 * (u32::from(level) + 1)).min(63);
        (index == full).then(|| shown.edge.tile(level).map(read)).flatten()
    }

    /// The next complete bundle that is not kept yet, with the full tiles that end in it.
    pub(crate) fn next_bundle(&self) -> Option<(u64, StoredBundle, Vec<FullTile>)> {
        let shown = self.shown();
        if (shown.items.len() as u64) < BUNDLE_WIDTH {
            return None;
        }
        let index = shown.items_first / BUNDLE_WIDTH;
        let owned: Vec<_> = shown.items.iter().take(usize::try_from(BUNDLE_WIDTH).ok()?).cloned().collect();
        let ends_here = |level: u8, tile: u64| {
            let leaves = 8 * (u32::from(level) + 1);
            (tile + 1).checked_shl(leaves) == Some((index + 1) * BUNDLE_WIDTH)
        };
        let tiles = shown.tiles.iter().filter(|((level, tile), _)| ends_here(*level, *tile));
        let tiles = tiles
            .map(|((level, index), tile)| FullTile { level: *level, index: *index, tile: Arc::clone(tile) })
            .collect();
        drop(shown);
        let owners: Vec<Owner> = owned.iter().map(|owned| owned.owner).collect();
        let owners = seal_owners(&self.owners_key(), b"bundle", index * BUNDLE_WIDTH, &owners);
        let items = owned.iter().map(|owned| owned.item.clone()).collect();
        Some((index, StoredBundle { items, owners }, tiles))
    }

    /// Forgets a bundle that is kept now, and its tiles.
    pub(crate) fn bundle_kept(&self, index: u64, tiles: &[FullTile]) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if shown.items_first == index * BUNDLE_WIDTH {
            let width = usize::try_from(BUNDLE_WIDTH).unwrap_or(usize::MAX).min(shown.items.len());
            shown.items.drain(..width);
            shown.items_first += BUNDLE_WIDTH;
        }
        for tile in tiles {
            shown.tiles.remove(&(tile.level, tile.index));
        }
    }

    /// The items from the first that is in no kept bundle.
    pub(crate) fn tail(&self) -> (u64, Vec<Arc<OwnedItem>>) {
        let shown = self.shown();
        (shown.items_first, shown.items.iter().cloned().collect())
    }

    /// Forgets whose the items under destroyed data keys are.
    pub(crate) fn disown(&self, is_destroyed: impl Fn(u64) -> bool) {
        self.bundles.clear();
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        for owned in shown.items.iter_mut().filter(|owned| is_destroyed(owned.owner.key_id)) {
            Arc::make_mut(owned).owner.disown();
        }
    }

    /// How many items are shown but not in a kept bundle.
    pub(crate) fn unkept(&self) -> usize {
        self.shown().items.len()
    }

    /// Whether a full tile is not in the store yet.
    pub(crate) fn holds_tile(&self, level: u8, index: u64) -> bool {
        self.shown().tiles.contains_key(&(level, index))
    }

    /// An inclusion proof under the tree of `size`, which must be shown already.
    pub(crate) fn inclusion(&self, leaf: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        grantbook_tlog::inclusion_proof(LeafIndex(leaf), TreeSize(size), self)
            .map_err(|error| ReadError::Damaged(format!("tree: {error}")))
    }

    /// A consistency proof between two sizes that are shown already.
    pub(crate) fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Vec<Hash>, ReadError> {
        if new.0 > self.size() || old > new {
            return Err(ReadError::NotFound);
        }
        grantbook_tlog::consistency_proof(old, new, self)
            .map_err(|error| ReadError::Damaged(format!("tree: {error}")))
    }
}

impl NodeReader for Published {
    type Error = Fault;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Fault> {
        let missing =
            || Fault::Damaged { what: format!("node {level}/{index}"), why: "it is missing".to_owned() };
        let (tile_level, tile_index, within, at) = locate(level, index).ok_or_else(missing)?;
        if let Some(node) = self.with_tile(tile_level, tile_index, |tile| tile.node(within, at)) {
            return node.ok_or_else(missing);
        }
        self.cache.read(tile_level, tile_index)?.node(within, at).ok_or_else(missing)
    }
}

/// Nodes while the tree is loaded.
struct StoredNodes<'a> {
    cache: &'a TileCache,
    edge: &'a Edge,
    size: u64,
}

impl NodeReader for StoredNodes<'_> {
    type Error = Fault;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Fault> {
        let missing =
            || Fault::Damaged { what: format!("node {level}/{index}"), why: "it is missing".to_owned() };
        let (tile_level, tile_index, within, at) = locate(level, index).ok_or_else(missing)?;
        let full = self.size >> (8 * (u32::from(tile_level) + 1)).min(63);
        let node = if tile_index == full {
            self.edge.tile(tile_level).and_then(|tile| tile.node(within, at))
        } else {
            self.cache.read(tile_level, tile_index)?.node(within, at)
        };
        node.ok_or_else(missing)
    }
}

const OWNER_BYTES: usize = 12;

/// Seals whose the items from `first` on are.
pub(crate) fn seal_owners(key: &SealKey, what: &[u8], first: u64, owners: &[Owner]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(OWNER_BYTES * owners.len());
    for owner in owners {
        plain.extend_from_slice(&owner.tenant.to_be_bytes());
        plain.extend_from_slice(&owner.key_id.to_be_bytes());
    }
    key.seal(&plain, &[what, &first.to_be_bytes()].concat())
}

/// Opens what [`seal_owners`] sealed for `count` items.
pub(crate) fn open_owners(
    key: &SealKey,
    what: &[u8],
    first: u64,
    sealed: &[u8],
    count: usize,
) -> Option<Vec<Owner>> {
    let plain = key.open(sealed, &[what, &first.to_be_bytes()].concat()).ok()?;
    let mut cursor = Cursor(&plain);
    let owners = (0..count)
        .map(|_| Some(Owner { tenant: cursor.u32()?, key_id: cursor.u64()? }))
        .collect::<Option<Vec<_>>>()?;
    cursor.is_empty().then_some(owners)
}

/// Opens the owners of a kept bundle and pairs them with its items.
pub(crate) fn open_bundle(key: &SealKey, index: u64, bundle: StoredBundle) -> Result<Vec<OwnedItem>, Fault> {
    let first = index * BUNDLE_WIDTH;
    let owners = open_owners(key, b"bundle", first, &bundle.owners, bundle.items.len()).ok_or_else(|| {
        Fault::Damaged { what: format!("owners of bundle {index}"), why: "they do not open".to_owned() }
    })?;
    Ok(bundle.items.into_iter().zip(owners).map(|(item, owner)| OwnedItem { item, owner }).collect())
}
