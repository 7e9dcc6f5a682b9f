//! The public log as outsiders read it.

use grantbook_record::encoding::array_from_base64url;
use grantbook_record::event::Act;
use grantbook_record::head::SignedHead;
use grantbook_record::{Kind, Receipt};
use grantbook_tlog::tile::{BundleCoord, TileCoord, parse_bundle, parse_tile, tile_root};
use grantbook_tlog::{LeafIndex, LogKeys, leaf_hash};
use serde_json::json;

use crate::book::Book;
use crate::client::Call;

#[tokio::test]
async fn checkpoint_tiles_and_entries_agree() {
    let book = Book::open().await;
    book.publish().await;
    book.customer("cs-1", 1).await;
    let vkey = book.send(Call::get("/log/vkey")).await.expect(200);
    let keys = LogKeys::parse(vkey.text()).unwrap();
    let checkpoint = book.send(Call::get("/log/checkpoint")).await.expect(200);
    let signed = keys.verify_checkpoint(&checkpoint.body).unwrap();
    let size = signed.checkpoint.size();
    assert_eq!(size.0, 3);

    let tile = TileCoord::in_tree(0, 0, size).unwrap();
    let bytes = book.send(Call::get(format!("/log/{tile}"))).await.expect(200).body;
    let hashes = parse_tile(&bytes, tile.width()).unwrap();
    assert_eq!(tile_root(&hashes), signed.checkpoint.root());
    let bundle = BundleCoord::in_tree(0, size).unwrap();
    let bytes = book.send(Call::get(format!("/log/{bundle}"))).await.expect(200).body;
    let entries = parse_bundle(&bytes, bundle.width()).unwrap();
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    assert_eq!(leaves, hashes);
}

#[tokio::test]
async fn what_the_operator_did_is_read_by_everybody_and_nothing_else_is() {
    let book = Book::open().await;
    book.publish().await;
    let act = Act::HoldPlaced;
    let LeafIndex(leaf) = book.ledger.record_act(act, Some(book.tenant())).unwrap().leaf_index;
    let answer = book.send(Call::get(format!("/log/public/{leaf}"))).await.expect(200);
    let verified = Receipt::parse(&answer.body).unwrap().verify(book.ledger.log_keys()).unwrap();
    assert_eq!((verified.entry.kind, verified.leaf_index), (Kind::OperatorActed, LeafIndex(leaf)));
    for other in 0..leaf {
        book.send(Call::get(format!("/log/public/{other}"))).await.expect(404);
    }
    // not even who signs for the tenant reads it as the tenant's
    book.get(&format!("/v1/receipts/{leaf}")).await.expect(404);
}

#[tokio::test]
async fn a_path_that_names_no_tile_is_not_found_and_not_kept() {
    let book = Book::open().await;
    book.publish().await;
    for path in [
        "/log/tile/0/000",
        "/log/tile/0/000.p/3",
        "/log/tile/0/000.p/0",
        "/log/tile/0/000.p/256",
        "/log/tile/0/000.p/02",
        "/log/tile/0/001.p/2",
        "/log/tile/1/000.p/1",
        "/log/tile/8/000.p/1",
        "/log/tile/00/000.p/2",
        "/log/tile/0/0",
        "/log/tile/0/x000/000.p/2",
        "/log/tile/0/%3000.p/2",
        "/log/tile/entries/000",
        "/log/tile/entries/000.p/3",
        "/log/tile/entries/../entries/000.p/2",
        "/log/tile/",
        "/log/tile/0",
        "/log/public/0",
        "/log/public/x",
        "/log/",
    ] {
        let answer = book.send(Call::get(path)).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (404, "not-found"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        if !path.ends_with('/') {
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        }
    }
    book.send(Call::get("/log/tile/0/000.p/2")).await.expect(200);
}

#[tokio::test]
async fn a_head_covers_the_nonce_and_the_feed() {
    let book = Book::open().await;
    let keys = LogKeys::parse(book.send(Call::get("/log/vkey")).await.text()).unwrap();
    let mut last = None;
    for (number, text) in (1..)
        .zip(["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"])
    {
        let answer = book.post("/v1/heads", &json!({"nonce": text})).await.expect(200);
        let signed: SignedHead = serde_json::from_value(answer.json()).unwrap();
        let nonce = array_from_base64url(text).unwrap();
        let head = signed.verify(&keys, book.tenant(), &nonce).unwrap();
        assert_eq!((head.size, head.root), book.size_root());
        assert_eq!(head.feed, book.ledger.feed_end(book.tenant()).unwrap());
        assert!(signed.verify(&keys, book.tenant(), &[9; 32]).is_err());
        assert!(last.replace(head.feed.position) < Some(head.feed.position));
        book.customer(&format!("cs-{number}"), number).await;
    }
}
