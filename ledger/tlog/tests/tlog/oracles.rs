//! Differential tests against independent implementations: `ct-merkle`, `tlog_tiles`, `signed_note`.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use grantbook_tlog::tile::{TileCoord, new_tiles};
use grantbook_tlog::{
    Checkpoint, Hash, LeafIndex, Note, SignatureKind, SigningKey, TreeSize, VerifierKey, consistency_proof,
    inclusion_proof, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use crate::tree::{MemoryTree, entry};

const LEAVES: u64 = 300;

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn ct_merkle_agrees_on_roots_and_proofs() {
    let tree = MemoryTree::new(LEAVES);
    let mut oracle = MemoryBackedTree::<sha2_11::Sha256, Vec<u8>>::new();
    for size in 1..=LEAVES {
        oracle.push(entry(size - 1));
        assert_eq!(tree.root(size).as_bytes()[..], oracle.root().as_bytes()[..], "root at {size}");
        // every index and old size of small trees, a sample of them in larger ones
        let step = if size < 70 { 1 } else { 13 };
        for index in (0..size).step_by(step) {
            let ours = inclusion_proof(LeafIndex(index), TreeSize(size), &tree).unwrap();
            let theirs = oracle.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(concat(&ours), theirs.as_bytes(), "leaf {index} of {size}");
        }
        for old in (1..=size).step_by(step) {
            let ours = consistency_proof(TreeSize(old), TreeSize(size), &tree).unwrap();
            let theirs = oracle.prove_consistency(usize::try_from(size - old).unwrap());
            assert_eq!(concat(&ours), theirs.as_bytes(), "{old} to {size}");
        }
    }
}

/// Go's flat storage of tree hashes.
struct Stored(Vec<tlog_tiles::Hash>);

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|&index| self.0[usize::try_from(index).unwrap()]).collect())
    }
}

fn ours(hashes: Vec<tlog_tiles::Hash>) -> Vec<Hash> {
    hashes.into_iter().map(|hash| Hash(hash.0)).collect()
}

#[test]
fn tlog_tiles_agrees_on_roots_and_proofs() {
    let tree = MemoryTree::new(LEAVES);
    let mut stored = Stored(Vec::new());
    for size in 1..=LEAVES {
        let new = tlog_tiles::stored_hashes(size - 1, &entry(size - 1), &stored).unwrap();
        stored.0.extend(new);
        let root = tlog_tiles::tree_hash(size, &stored).unwrap();
        assert_eq!(tree.root(size).0, root.0, "root at {size}");
        let step = if size < 40 { 1 } else { 17 };
        for index in (0..size).step_by(step) {
            let theirs = ours(tlog_tiles::prove_record(size, index, &stored).unwrap());
            let leaf = tree.leaf(index);
            verify_inclusion(&leaf, LeafIndex(index), TreeSize(size), &theirs, &Hash(root.0)).unwrap();
            let proof = inclusion_proof(LeafIndex(index), TreeSize(size), &tree).unwrap();
            assert_eq!(proof, theirs, "leaf {index} of {size}");
        }
        for old in (1..=size).step_by(step) {
            let theirs = ours(tlog_tiles::prove_tree(size, old, &stored).unwrap());
            verify_consistency(TreeSize(old), &tree.root(old), TreeSize(size), &tree.root(size), &theirs)
                .unwrap();
        }
    }
}

/// `tlog_tiles` writes the path of Go's sumdb, which names the tile height 8 that C2SP leaves out.
fn c2sp_path(tile: &tlog_tiles::Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1)
}

proptest! {
    #[test]
    fn tlog_tiles_agrees_on_new_tiles(old in 0u64..200_000, grown in 0u64..5_000) {
        let new = old + grown;
        let theirs = tlog_tiles::Tile::new_tiles(8, old, new).iter().map(c2sp_path).collect::<Vec<_>>();
        let ours = new_tiles(TreeSize(old), TreeSize(new)).map(|tile| tile.path()).collect::<Vec<_>>();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn tlog_tiles_agrees_on_tile_paths(level in 0u8..8, index in any::<u64>(), shift in 0u32..64, width in 1u16..=256) {
        let index = (index >> shift) & u64::MAX.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        let path = TileCoord::new(level, index, width).unwrap().path();
        let theirs = tlog_tiles::Tile::new(8, level, index, u32::from(width), false);
        prop_assert_eq!(&path, &c2sp_path(&theirs));
        prop_assert_eq!(tlog_tiles::Tile::from_path(&path.replacen("tile/", "tile/8/", 1)).unwrap(), theirs);
    }

    /// A width of 0 makes theirs panic.
    #[test]
    fn tlog_tiles_refuses_the_same_tile_paths(path in "tile/[0-8]/(x[0-9]{3}/){0,3}[0-9]{2,3}(\\.p/[1-9][0-9]{0,2})?") {
        let theirs = tlog_tiles::Tile::from_path(&path.replacen("tile/", "tile/8/", 1));
        match TileCoord::parse(&path) {
            Ok(tile) => prop_assert_eq!(tile.path(), c2sp_path(&theirs.unwrap())),
            // from level 3 on these indexes can lie to the right of leaf 2^64
            Err(_) => prop_assert!(theirs.is_err() || theirs.is_ok_and(|tile| tile.level() > 2)),
        }
    }

    #[test]
    fn signed_note_agrees_on_keys_and_signatures(seed in any::<[u8; 32]>(), text in "[ -~\n]{0,80}\n") {
        let (ours, their_signer, their_verifier) = both(&seed);
        let their_note = {
            let mut note = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
            note.add_sigs(&[&their_signer]).unwrap();
            note.to_bytes()
        };
        let our_note = Note::new(&text, ours.sign(&text).unwrap()).unwrap();
        // Ed25519 is deterministic
        prop_assert_eq!(our_note.to_string().into_bytes(), &their_note[..]);
        prop_assert_eq!(&Note::parse(&their_note).unwrap(), &our_note);
        our_note.verify(&[ours.verifier_key().clone()]).unwrap();
        let known = signed_note::VerifierList::new(vec![Box::new(their_verifier)]);
        signed_note::Note::from_bytes(our_note.to_string().as_bytes()).unwrap().verify(&known).unwrap();
    }

    #[test]
    fn signed_note_refuses_the_same_notes(at in any::<prop::sample::Index>(), byte in 0u8..128, delete in any::<bool>()) {
        let (key, _, verifier) = both(&[7; 32]);
        let mut bytes = Checkpoint::new("log.example/a", TreeSize(7), Hash([1; 32])).unwrap()
            .sign(&key).unwrap().to_string().into_bytes();
        let at = at.index(bytes.len());
        if delete { bytes.remove(at); } else { bytes[at] = byte; }
        let theirs = signed_note::Note::from_bytes(&bytes);
        let note = Note::parse(&bytes);
        // DEL in a name is the one thing in these notes about which we are stricter
        prop_assert!(note.is_ok() == theirs.is_ok() || byte == 0x7f, "{:?} {:?}", note, theirs);
        let (Ok(note), Ok(theirs)) = (note, theirs) else { return Ok(()) };
        let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
        prop_assert_eq!(note.verify(&[key.verifier_key().clone()]).is_ok(), theirs.verify(&known).is_ok());
    }

    #[test]
    fn tlog_tiles_agrees_on_checkpoints(size in any::<u64>(), root in any::<[u8; 32]>(), at in any::<prop::sample::Index>(), byte in 0u8..128) {
        let checkpoint = Checkpoint::new("log.example/a", TreeSize(size), Hash(root)).unwrap();
        let mut bytes = checkpoint.to_string().into_bytes();
        let theirs = tlog_tiles::Checkpoint::from_bytes(&bytes).unwrap();
        prop_assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), ("log.example/a", size, root));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        // they take extension lines and any origin; where we accept, so do they
        if let Ok(ours) = Checkpoint::parse(&text) {
            let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
            prop_assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), (ours.origin(), ours.size().0, ours.root().0));
        }
    }
}

fn both(seed: &[u8; 32]) -> (SigningKey, signed_note::StandardSigner, signed_note::StandardVerifier) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let ours = SigningKey::from_seed("log.example/a", SignatureKind::Ed25519, seed).unwrap();
    let vkey: &VerifierKey = ours.verifier_key();
    let private = STANDARD.encode([&[1][..], seed].concat());
    let skey = format!("PRIVATE+KEY+log.example/a+{}+{private}", vkey.key_id());
    let signer = signed_note::StandardSigner::new(&skey).unwrap();
    let verifier = signed_note::StandardVerifier::new(&vkey.to_string()).unwrap();
    (ours, signer, verifier)
}
