//! Named invariants of trees, proofs, tiles and formats.

use grantbook_tlog::note::UnixSeconds;
use grantbook_tlog::tile::{
    BundleCoord, TileCoord, TileNodeReader, TileReadError, encode_bundle, new_tiles, parse_bundle,
    parse_tile, tile_root, tiles,
};
use grantbook_tlog::{
    Checkpoint, CompactRange, Hash, LeafIndex, LogKeys, NodeReader, Note, NoteSignature, ProofError,
    RangeError, SignatureKind, SigningKey, TlogProof, TreeSize, VerifierKey, VerifyError, consistency_proof,
    cosignature, empty_root, inclusion_proof, leaf_hash, root_from_inclusion, verify_consistency,
    verify_inclusion,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::tree::{MemoryTree, UniformTree, entry};

const SIZE: u64 = 150;

#[test]
fn every_pair_of_prefixes_is_consistent() {
    let tree = MemoryTree::new(SIZE);
    for new in 0..=SIZE {
        for old in 0..=new {
            let proof = consistency_proof(TreeSize(old), TreeSize(new), &tree).unwrap();
            verify_consistency(TreeSize(old), &tree.root(old), TreeSize(new), &tree.root(new), &proof)
                .unwrap_or_else(|error| panic!("{old} to {new}: {error}"));
        }
    }
}

#[test]
fn every_leaf_is_included() {
    let tree = MemoryTree::new(SIZE);
    for size in 1..=SIZE {
        for index in 0..size {
            let proof = inclusion_proof(LeafIndex(index), TreeSize(size), &tree).unwrap();
            let leaf = tree.leaf(index);
            verify_inclusion(&leaf, LeafIndex(index), TreeSize(size), &proof, &tree.root(size))
                .unwrap_or_else(|error| panic!("{index} of {size}: {error}"));
        }
    }
}

#[test]
fn a_range_goes_on_from_its_parts() {
    let tree = MemoryTree::new(SIZE);
    for size in 0..=SIZE {
        let loaded = CompactRange::load(TreeSize(size), &tree).unwrap();
        assert_eq!(loaded.root(), tree.root(size));
        let mut range = CompactRange::from_parts(loaded.size(), loaded.hashes().to_vec()).unwrap();
        for index in size..SIZE {
            range.append(tree.leaf(index), |_, _, _| {}).unwrap();
        }
        assert_eq!(range.root(), tree.root(SIZE));
        let more = [loaded.hashes(), &[empty_root()]].concat();
        assert!(matches!(CompactRange::from_parts(TreeSize(size), more), Err(RangeError::HashCount { .. })));
    }
}

#[test]
fn trees_reach_the_largest_size() {
    let tree = UniformTree::new();
    let leaf = tree.levels[0];
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, (1 << 63) + 1] {
        let root = tree.root(size);
        for index in [0, 1, size / 2, size / 3, size - 2, size - 1] {
            let proof = inclusion_proof(LeafIndex(index), TreeSize(size), &tree).unwrap();
            verify_inclusion(&leaf, LeafIndex(index), TreeSize(size), &proof, &root).unwrap();
        }
        for old in [0, 1, 3, 1 << 32, size / 2, size - 1, size] {
            let proof = consistency_proof(TreeSize(old), TreeSize(size), &tree).unwrap();
            verify_consistency(TreeSize(old), &tree.root(old), TreeSize(size), &root, &proof).unwrap();
        }
    }
    let mut full = CompactRange::load(TreeSize(u64::MAX), &tree).unwrap();
    let before = full.clone();
    assert_eq!(full.append(leaf, |_, _, _| panic!("nothing completes")), Err(RangeError::Full));
    assert_eq!(full, before);
    let mut last = CompactRange::load(TreeSize(u64::MAX - 1), &tree).unwrap();
    assert_eq!(last.append(leaf, |_, _, _| {}), Ok(LeafIndex(u64::MAX - 1)));
    assert_eq!(last, full);
}

#[test]
fn proofs_outside_the_tree_are_refused() {
    let tree = MemoryTree::new(4);
    let (index, size) = (LeafIndex(4), TreeSize(4));
    assert_eq!(inclusion_proof(index, size, &tree), Err(ProofError::IndexOutOfTree { index, size }));
    let root = tree.root(4);
    assert_eq!(
        verify_inclusion(&tree.leaf(0), index, size, &[], &root),
        Err(VerifyError::IndexOutOfTree { index, size })
    );
    let (old, new) = (TreeSize(4), TreeSize(3));
    assert_eq!(consistency_proof(old, new, &tree), Err(ProofError::SizeShrinks { old, new }));
    assert_eq!(verify_consistency(old, &root, new, &root, &[]), Err(VerifyError::SizeShrinks { old, new }));
    // what the reader lacks is the reader's error
    assert_eq!(inclusion_proof(LeafIndex(0), TreeSize(8), &tree), Err(ProofError::Reader((2, 1))));
}

#[test]
fn tiles_give_the_nodes_of_the_tree() {
    let whole = MemoryTree::new(66_000);
    for size in [1, 2, 255, 256, 257, 511, 512, 1_000, 65_535, 65_536, 65_537, 66_000] {
        let reader = TileNodeReader::new(&whole, TreeSize(size));
        assert_eq!(CompactRange::load(TreeSize(size), &reader).unwrap().root(), whole.root(size), "{size}");
        for index in (0..size).step_by(usize::try_from(size / 20 + 1).unwrap()).chain([size - 1]) {
            for level in 0..17 {
                let node = reader.node(level, index >> level);
                if index >> level < size >> level {
                    assert_eq!(node.unwrap(), whole.node(level, index >> level).unwrap());
                } else {
                    assert!(matches!(node, Err(TileReadError::NotInTree { .. })));
                }
            }
        }
        assert!(matches!(reader.node(64, 0), Err(TileReadError::NotInTree { .. })));
        assert!(matches!(reader.node(255, u64::MAX), Err(TileReadError::NotInTree { .. })));
    }
}

/// A signed proof file with an entry's leaf hash and the log's keys.
struct Fixture {
    leaf: Hash,
    keys: LogKeys,
    proof: TlogProof,
}

fn fixture(index: u64, size: u64) -> Fixture {
    let log = SigningKey::from_seed("log.example/a", SignatureKind::Ed25519, &[1; 32]).unwrap();
    let clock = SigningKey::from_seed("log.example/a/clock", SignatureKind::Cosignature, &[2; 32]).unwrap();
    let tree = MemoryTree::new(size);
    let mut note =
        Checkpoint::new("log.example/a", TreeSize(size), tree.root(size)).unwrap().sign(&log).unwrap();
    note.add(cosignature::sign(&clock, UnixSeconds(1_700_000_000), note.text()).unwrap()).unwrap();
    let hashes = inclusion_proof(LeafIndex(index), TreeSize(size), &tree).unwrap();
    Fixture {
        leaf: tree.leaf(index),
        keys: LogKeys::new(log.verifier_key().clone(), clock.verifier_key().clone()).unwrap(),
        proof: TlogProof::new(None, LeafIndex(index), hashes, &note.to_string()).unwrap(),
    }
}

/// Every bit but those of the clock's line, which the log's key does not sign.
#[test]
fn any_flipped_bit_of_a_proof_file_is_refused() {
    let Fixture { leaf, keys, proof } = fixture(5, 11);
    let file = proof.to_string();
    assert_eq!(TlogProof::parse(file.as_bytes()).unwrap(), proof);
    let verified = proof.verify(&leaf, keys.log(), keys.origin()).unwrap();
    assert_eq!(verified.others.len(), 1);
    let timed = keys.verify_checkpoint(proof.checkpoint().as_bytes()).unwrap();
    assert_eq!((timed.time, timed.others.len()), (UnixSeconds(1_700_000_000), 0));
    let end_of_signed = file.find("— log.example/a/clock").unwrap();
    for bit in 0..file.len() * 8 {
        let mut bytes = file.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let outcome =
            TlogProof::parse(&bytes).and_then(|proof| proof.verify(&leaf, keys.log(), keys.origin()));
        assert!(bit / 8 >= end_of_signed || outcome.is_err(), "bit {bit}");
        if let Ok(proof) = TlogProof::parse(&bytes) {
            assert_eq!(proof.to_string().as_bytes(), bytes, "bit {bit}");
        }
    }
    for bit in 0..proof.checkpoint().len() * 8 {
        let mut bytes = proof.checkpoint().to_owned().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(keys.verify_checkpoint(&bytes).is_err(), "bit {bit}");
    }
    for bit in 0..256 {
        let mut other = leaf;
        other.0[bit / 8] ^= 1 << (bit % 8);
        assert!(proof.verify(&other, keys.log(), keys.origin()).is_err());
    }
}

fn flip(hash: &mut Hash, bit: usize) {
    hash.0[bit / 8] ^= 1 << (bit % 8);
}

proptest! {
    #[test]
    fn any_flipped_bit_of_an_inclusion_proof_is_refused(size in 1u64..600, index in any::<Index>(), bit in 0usize..256, at in any::<Index>(), index_bit in 0u32..64) {
        let tree = MemoryTree::new(size);
        let index = index.index(usize::try_from(size).unwrap()) as u64;
        let (leaf, root, tree_size) = (tree.leaf(index), tree.root(size), TreeSize(size));
        let proof = inclusion_proof(LeafIndex(index), tree_size, &tree).unwrap();
        let check = |leaf: &Hash, index: u64, proof: &[Hash], root: &Hash| {
            verify_inclusion(leaf, LeafIndex(index), tree_size, proof, root)
        };
        prop_assert!(check(&leaf, index, &proof, &root).is_ok());
        let (mut bad_leaf, mut bad_root, mut bad_proof) = (leaf, root, proof.clone());
        flip(&mut bad_leaf, bit);
        flip(&mut bad_root, bit);
        prop_assert!(check(&bad_leaf, index, &proof, &root).is_err());
        prop_assert!(check(&leaf, index, &proof, &bad_root).is_err());
        prop_assert!(check(&leaf, index ^ (1 << index_bit), &proof, &root).is_err());
        if !proof.is_empty() {
            flip(&mut bad_proof[at.index(proof.len())], bit);
            prop_assert!(check(&leaf, index, &bad_proof, &root).is_err());
            prop_assert!(check(&leaf, index, &proof[1..], &root).is_err());
        }
        let longer = [&proof[..], &[leaf]].concat();
        prop_assert!(check(&leaf, index, &longer, &root).is_err());
    }

    #[test]
    fn any_flipped_bit_of_a_consistency_proof_is_refused(new in 2u64..600, old in any::<Index>(), bit in 0usize..256, at in any::<Index>()) {
        let tree = MemoryTree::new(new);
        let old = 1 + old.index(usize::try_from(new - 1).unwrap()) as u64;
        let (old_root, new_root) = (tree.root(old), tree.root(new));
        let proof = consistency_proof(TreeSize(old), TreeSize(new), &tree).unwrap();
        let check = |old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
            verify_consistency(TreeSize(old), old_root, TreeSize(new), new_root, proof)
        };
        prop_assert!(check(&old_root, &new_root, &proof).is_ok());
        let (mut bad_old, mut bad_new, mut bad_proof) = (old_root, new_root, proof.clone());
        flip(&mut bad_old, bit);
        flip(&mut bad_new, bit);
        flip(&mut bad_proof[at.index(proof.len())], bit);
        prop_assert!(check(&bad_old, &new_root, &proof).is_err());
        prop_assert!(check(&old_root, &bad_new, &proof).is_err());
        prop_assert!(check(&old_root, &new_root, &bad_proof).is_err());
        prop_assert!(check(&old_root, &new_root, &proof[1..]).is_err());
        prop_assert!(check(&old_root, &new_root, &[&proof[..], &[new_root]].concat()).is_err());
    }

    #[test]
    fn verifying_anything_never_panics(a in any::<u64>(), b in any::<u64>(), level in any::<u8>(), width in any::<u16>(), shift in 0u32..64, hashes in vec(any::<[u8; 32]>(), 0..70)) {
        let hashes = hashes.into_iter().map(Hash).collect::<Vec<_>>();
        let root = empty_root();
        for (a, b) in [(a, b), (a >> shift, b), (a, b >> shift), (a >> shift, b >> shift)] {
            // no proof leads from one hash to another that nothing hashes to
            let other = Hash([0; 32]);
            let _ = root_from_inclusion(&root, LeafIndex(a), TreeSize(b), &hashes);
            prop_assert!(verify_inclusion(&root, LeafIndex(a), TreeSize(b), &hashes, &other).is_err());
            prop_assert!(verify_consistency(TreeSize(a), &other, TreeSize(b), &root, &hashes).is_err());
            let _ = CompactRange::from_parts(TreeSize(a), hashes.clone());
            let _ = TileCoord::in_tree(level, a, TreeSize(b));
            let _ = TileCoord::new(level, a, width);
            let _ = tiles(TreeSize(a)).take(3).count() + new_tiles(TreeSize(a), TreeSize(b)).take(3).count();
        }
    }

    /// New tiles are those that the old tree lacks, and each has the width that the tree's size gives it.
    #[test]
    fn a_tree_has_its_old_and_its_new_tiles(old in 0u64..300_000, grown in 0u64..3_000) {
        let new = old + grown;
        let before = tiles(TreeSize(old)).collect::<std::collections::BTreeSet<_>>();
        let after = tiles(TreeSize(new)).collect::<std::collections::BTreeSet<_>>();
        let added = new_tiles(TreeSize(old), TreeSize(new)).collect::<std::collections::BTreeSet<_>>();
        prop_assert_eq!(&added, &after.difference(&before).copied().collect());
        for tile in after {
            let hashes = new >> (8 * u32::from(tile.level()));
            let expected = if hashes / 256 == tile.index() { hashes % 256 } else { 256 };
            prop_assert_eq!(u64::from(tile.width()), expected);
        }
    }

    #[test]
    fn bundles_round_trip(entries in vec(vec(any::<u8>(), 0..200), 1..=256), cut in any::<Index>()) {
        let bytes = encode_bundle(&entries).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        prop_assert_eq!(parse_bundle(&bytes, width).unwrap(), entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert!(parse_bundle(&bytes[..cut.index(bytes.len())], width).is_err());
        for other in [0, width - 1, width + 1, u16::MAX] {
            prop_assert!(parse_bundle(&bytes, other).is_err());
        }
        let leaves = entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>();
        let mut range = CompactRange::new();
        for leaf in &leaves {
            range.append(*leaf, |_, _, _| {}).unwrap();
        }
        prop_assert_eq!(tile_root(&leaves), range.root());
    }

    #[test]
    fn parsing_any_bytes_never_panics_and_formats_back(bytes in vec(any::<u8>(), 0..300)) {
        parse_everything(&bytes)?;
    }

    #[test]
    fn parsing_nearly_valid_bytes_never_panics_and_formats_back(
        index in 0u64..9, edits in vec((any::<Index>(), any::<u8>(), 0u8..4), 1..4), extra in proptest::option::of(vec(any::<u8>(), 1..40)),
    ) {
        let Fixture { proof, keys, .. } = fixture(index, 9);
        let proof = TlogProof::new(extra, proof.index(), proof.hashes().to_vec(), proof.checkpoint()).unwrap();
        let bundle = encode_bundle(&[entry(0), entry(1)]).unwrap();
        for valid in [
            proof.to_string().into_bytes(), proof.checkpoint().as_bytes().to_vec(), keys.to_string().into_bytes(), bundle,
            keys.log().to_string().into_bytes(), b"tile/3/x001/x234/067.p/8".to_vec(), b"tile/entries/x001/000".to_vec(),
        ] {
            parse_everything(&valid)?;
            let mut bytes = valid;
            for (at, byte, edit) in &edits {
                let at = at.index(bytes.len());
                match edit {
                    0 => bytes[at] = *byte,
                    1 => bytes.insert(at, *byte),
                    2 if bytes.len() > 1 => { bytes.remove(at); }
                    _ => bytes.truncate(at.max(1)),
                }
            }
            parse_everything(&bytes)?;
        }
    }
}

/// What parses formats back to the same bytes.
fn parse_everything(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(proof) = TlogProof::parse(bytes) {
        prop_assert_eq!(proof.to_string().into_bytes(), bytes);
    }
    if let Ok(note) = Note::parse(bytes) {
        prop_assert_eq!(note.to_string().into_bytes(), bytes);
    }
    for width in [1, 2, 256] {
        let _ = parse_tile(bytes, width);
        if let Ok(entries) = parse_bundle(bytes, width) {
            prop_assert_eq!(encode_bundle(&entries).unwrap(), bytes);
        }
    }
    let Ok(text) = str::from_utf8(bytes) else { return Ok(()) };
    let formatted = [
        Checkpoint::parse(text).ok().map(|x| x.to_string()),
        NoteSignature::parse(text).ok().map(|x| x.to_string()),
        VerifierKey::parse(text).ok().map(|x| x.to_string()),
        LogKeys::parse(text).ok().map(|x| x.to_string()),
        TileCoord::parse(text).ok().map(|x| x.path()),
        BundleCoord::parse(text).ok().map(|x| x.path()),
        text.parse::<Hash>().ok().map(|x| x.to_string()),
    ];
    for formatted in formatted.into_iter().flatten() {
        prop_assert_eq!(formatted, text);
    }
    Ok(())
}
