use super::*;
use crate::{Hash, TreeSize};

/// The example of tlog-tiles, "Partial Tiles".
#[test]
fn a_tree_of_70000_has_the_tiles_of_the_specification() {
    let all = tiles(TreeSize(70_000)).collect::<Vec<_>>();
    let level = |wanted: u8| all.iter().filter(move |tile| tile.level() == wanted);
    assert_eq!(level(0).count(), 274);
    assert_eq!(level(0).filter(|tile| tile.is_full()).count(), 273);
    let tails = [(0, 273, 112), (1, 1, 17), (2, 0, 1)].map(|(l, n, w)| TileCoord::new(l, n, w).unwrap());
    for tail in tails {
        assert_eq!(level(tail.level()).next_back(), Some(&tail));
    }
    assert_eq!(all.len(), 274 + 2 + 1);
    assert_eq!(bundles(TreeSize(70_000)).count(), 274);
}

#[test]
fn a_tree_without_leaves_has_no_tiles_and_no_growth_none_that_are_new() {
    assert_eq!(tiles(TreeSize(0)).count(), 0);
    assert_eq!(new_tiles(TreeSize(300), TreeSize(300)).count(), 0);
    assert_eq!(new_tiles(TreeSize(300), TreeSize(299)).count(), 0);
    let paths = new_bundles(TreeSize(256), TreeSize(513)).map(|bundle| bundle.path()).collect::<Vec<_>>();
    assert_eq!(paths, ["tile/entries/001", "tile/entries/002.p/1"]);
}

#[test]
fn coordinates_have_limits() {
    for (level, index, width, wanted) in [
        (8, 0, 1, TileError::Level { got: 8 }),
        (0, 0, 0, TileError::Width { got: 0 }),
        (0, 0, 257, TileError::Width { got: 257 }),
        (0, 1 << 56, 1, TileError::Index { limit: (1 << 56) - 1, got: 1 << 56 }),
        (7, 1, 1, TileError::Index { limit: 0, got: 1 }),
    ] {
        assert_eq!(TileCoord::new(level, index, width), Err(wanted));
    }
    let last = TileCoord::in_tree(0, (1 << 56) - 1, TreeSize(u64::MAX)).unwrap();
    assert_eq!(last.path(), "tile/0/x072/x057/x594/x037/x927/935.p/255");
    assert_eq!(TileCoord::in_tree(0, 1 << 56, TreeSize(u64::MAX)), None);
    assert_eq!(TileCoord::in_tree(1, 0, TreeSize(255)), None);
    assert_eq!(TileCoord::in_tree(1, 0, TreeSize(256)).map(|tile| tile.width()), Some(1));
}

#[test]
fn tiles_and_bundles_have_exact_lengths() {
    let hashes = [Hash([1; 32]), Hash([2; 32])];
    let bytes = encode_tile(&hashes).unwrap();
    assert_eq!(parse_tile(&bytes, 2).unwrap(), hashes);
    assert_eq!(parse_tile(&bytes, 1), Err(TileError::TileLength { expected: 32, got: 64 }));
    assert_eq!(parse_tile(&bytes[1..], 2), Err(TileError::TileLength { expected: 64, got: 63 }));
    assert_eq!(parse_tile(&[], 0), Err(TileError::Width { got: 0 }));
    assert_eq!(encode_tile(&[]), Err(TileError::Width { got: 0 }));
    assert_eq!(encode_tile(&[hashes[0]; 257]), Err(TileError::Width { got: 257 }));

    let entry = vec![0; 65_536];
    assert_eq!(encode_bundle(&[&entry]), Err(TileError::EntryLength { got: 65_536 }));
    assert_eq!(encode_bundle::<&[u8]>(&[]), Err(TileError::Width { got: 0 }));
    assert_eq!(encode_bundle(&[b""; 257]), Err(TileError::Width { got: 257 }));
    let bytes = encode_bundle(&[&b"ab"[..], b""]).unwrap();
    assert_eq!(bytes, [0, 2, b'a', b'b', 0, 0]);
    for (bytes, width, wanted) in [
        (&bytes[..5], 2, TileError::Truncated { entry: 1 }),
        (&bytes[..3], 2, TileError::Truncated { entry: 0 }),
        (&bytes[..4], 2, TileError::EntryCount { expected: 2, got: 1 }),
        (&bytes[..], 1, TileError::EntryCount { expected: 1, got: 2 }),
        (&[], 1, TileError::EntryCount { expected: 1, got: 0 }),
    ] {
        assert_eq!(parse_bundle(bytes, width), Err(wanted));
    }
}
