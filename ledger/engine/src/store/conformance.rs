//! What every store must do, as checks that its tests run.
//!
//! A fault that a store reports is a failure here: these checks run on stores that work.

use grantbook_tlog::tile::TileCoord;

use super::{Fault, Store, StoredBatch, StoredBundle, StoredItem};

/// A rule that a store broke.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The rule.
    #[error("rule broken: {0}")]
    Rule(&'static str),
    /// A store that works reports no fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn rule(holds: bool, rule: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::Rule(rule)) }
}

/// Runs every check. `open` opens the same store again, as after an orderly end of the process.
pub fn check<S: Store>(mut open: impl FnMut() -> Result<S, Fault>) -> Result<(), Broken> {
    let store = open()?;
    rule(store.position()? == 0, "an empty store's state is at 0")?;
    rule(store.bundles()? == 0, "an empty store has no bundles")?;
    rule(store.anchor()?.is_none(), "an empty store has no anchor")?;
    rule(leases(&store)?.is_empty(), "an empty store has no leases")?;
    rule(store.lease_mark()?.is_none(), "an empty store has no mark of its leases")?;
    rule(store.witnessed()?.is_none(), "an empty store has no witnessed checkpoint")?;
    rule(batches(&store)?.is_empty(), "an empty store has no batches")?;
    let written: Vec<StoredBatch> = (0_u8..5).map(batch).collect();
    for batch in &written {
        store.commit(batch)?;
    }
    drop(store);

    let store = open()?;
    rule(batches(&store)? == written, "committed batches come back in order")?;
    check_state(&store)?;
    check_files(&store)?;
    check_leases(&store)?;
    store.append_accounts(1, &[7])?;
    store.append_accounts(2, &[8])?;
    rule(accounts(&store)? == [(1, vec![7]), (2, vec![8])], "accounts come back in order")?;
    store.replace_accounts(3, &[9])?;
    store.append_accounts(4, &[10])?;
    store.set_anchor("first")?;
    store.set_anchor("second")?;
    rule(store.anchor()?.as_deref() == Some("second"), "the anchor holds the last checkpoint")?;
    store.set_witnessed("witnessed")?;
    store.set_witnessed("witnessed by more")?;
    store.flush_state()?;
    drop(store);

    let store = open()?;
    rule(store.position()? == 9, "a flushed state is there after an orderly end")?;
    rule(store.anchor()?.as_deref() == Some("second"), "the anchor is there after an orderly end")?;
    rule(leases(&store)? == [(4, vec![5]), (5, vec![6])], "leases are there after an orderly end")?;
    rule(store.lease_mark()?.as_deref() == Some("5 2"), "their mark is the last one set")?;
    rule(accounts(&store)? == [(3, vec![9]), (4, vec![10])], "accounts are there after an orderly end")?;
    let witnessed = store.witnessed()?;
    rule(witnessed.as_deref() == Some("witnessed by more"), "the witnessed checkpoint is the last one set")?;
    let before = batches(&store)?;
    store.trim(0)?;
    rule(before == written, "trimming to 0 drops nothing")?;
    store.trim(u64::MAX)?;
    drop(store);
    let store = open()?;
    let after = batches(&store)?;
    rule(after.last() == written.last(), "trimming leaves the last batch")?;
    rule(written.ends_with(&after), "trimming drops from the front")?;
    check_epoch(&store)?;
    drop(store);

    let store = open()?;
    rule(store.epoch() == 2, "the next epoch is there after an orderly end")?;
    rule(batches(&store)? == [batch(9)], "the next epoch begins with its tail")?;
    rule(store.position()? == 12, "the next epoch has a state of its own")?;
    Ok(())
}

fn check_epoch(store: &impl Store) -> Result<(), Broken> {
    rule(store.epoch() == 1, "the first epoch is 1")?;
    let mut dropped = store.next_epoch()?;
    dropped.put_rows(vec![(b"c".to_vec(), Some(vec![1]))], 11)?;
    drop(dropped);
    rule(store.epoch() == 1 && store.position()? == 9, "an epoch that is not finished changes nothing")?;

    let mut next = store.next_epoch()?;
    for index in 0..3 {
        next.put_owners(index, &[u8::try_from(index).unwrap_or(0); 20])?;
    }
    next.put_keys(&[(6, vec![9])])?;
    next.put_leases(6, &[7])?;
    next.put_rows(vec![(b"c".to_vec(), Some(vec![2]))], 12)?;
    rule(store.row(b"c")?.is_none(), "nothing of the next epoch is read before it is finished")?;
    next.finish(&batch(9))?;
    rule(store.epoch() == 2, "a finished epoch is the present one")?;
    rule(store.row(b"c")?.as_deref() == Some(&[2]) && store.row(b"a2")?.is_none(), "its rows are its own")?;
    let owners = store.bundle(2)?.map(|bundle| bundle.owners);
    rule(owners.as_deref() == Some(&[2; 20]), "bundles have the owners of the present epoch")?;
    let mut keys = Vec::new();
    store.keys(&mut |id, wrapped| keys.push((id, wrapped)))?;
    rule(keys == [(6, vec![9])], "the keys of the epoch before are gone")?;
    rule(leases(store)? == [(6, vec![7])], "the next epoch has leases of its own")?;
    store.append_leases(7, &[8])?;
    rule(leases(store)? == [(6, vec![7]), (7, vec![8])], "and goes on from them")?;
    rule(store.lease_mark()?.as_deref() == Some("5 2"), "their mark is of no epoch")?;
    store.clear_state()?;
    let mut base = Vec::new();
    store.base(&mut |rows, position| {
        base.extend(rows.into_iter().map(|row| (row, position)));
        Ok(())
    })?;
    rule(
        base == [((b"c".to_vec(), Some(vec![2])), 12)],
        "the rows with which an epoch began outlive its state",
    )?;
    store.apply(vec![(b"c".to_vec(), Some(vec![2]))], 12)?;
    store.flush_state()?;
    Ok(())
}

fn check_leases(store: &impl Store) -> Result<(), Broken> {
    for serial in 1..4 {
        store.append_leases(serial, &[u8::try_from(serial).unwrap_or(0); 3])?;
    }
    rule(leases(store)? == [(1, vec![1; 3]), (2, vec![2; 3]), (3, vec![3; 3])], "leases come back in order")?;
    store.replace_leases(4, &[5])?;
    rule(leases(store)? == [(4, vec![5])], "one frame takes the place of all")?;
    store.append_leases(5, &[6])?;
    store.set_lease_mark("4 1")?;
    store.set_lease_mark("5 2")?;
    Ok(())
}

fn accounts(store: &impl Store) -> Result<Vec<(u64, Vec<u8>)>, Broken> {
    let mut frames = Vec::new();
    store.accounts(&mut |serial, frame| {
        frames.push((serial, frame));
        Ok(())
    })?;
    Ok(frames)
}

fn leases(store: &impl Store) -> Result<Vec<(u64, Vec<u8>)>, Broken> {
    let mut frames = Vec::new();
    let torn = store.leases(&mut |serial, frame| {
        frames.push((serial, frame));
        Ok(())
    })?;
    rule(!torn, "leases that were all written are whole")?;
    Ok(frames)
}

fn batch(number: u8) -> StoredBatch {
    let item = |salt: u8| StoredItem { entry: vec![salt; 87], body: vec![salt; 40], shared: vec![salt; 3] };
    StoredBatch {
        first: u64::from(number) * 2,
        items: vec![item(number), item(number + 100)],
        owners: vec![number; 10],
        keys: vec![(u64::from(number), vec![number; 5])],
        checkpoint: format!("checkpoint {number}"),
    }
}

fn batches(store: &impl Store) -> Result<Vec<StoredBatch>, Fault> {
    let mut read = Vec::new();
    store.batches(&mut |batch| {
        read.push(batch);
        Ok(())
    })?;
    Ok(read)
}

fn check_state(store: &impl Store) -> Result<(), Broken> {
    let rows = [("a1", "x"), ("a2", "y"), ("a3", "z"), ("b1", "w")];
    let rows = rows.map(|(key, value)| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec())));
    store.apply(rows.to_vec(), 7)?;
    rule(store.position()? == 7, "applying sets the position")?;
    rule(store.row(b"a2")?.as_deref() == Some(b"y"), "an applied row is read back")?;
    rule(store.row(b"a")?.is_none(), "a key is matched whole")?;
    let keys = |rows: Vec<(Vec<u8>, Vec<u8>)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    rule(keys(store.rows(b"a", None, 10)?) == [b"a1", b"a2", b"a3"], "rows of a prefix come by rising key")?;
    rule(keys(store.rows(b"a", Some(b"a1"), 10)?) == [b"a2", b"a3"], "rows come after the one given")?;
    rule(keys(store.rows(b"a", None, 2)?) == [b"a1", b"a2"], "no more rows than asked")?;
    store.apply(vec![(b"a1".to_vec(), None), (b"a2".to_vec(), Some(b"v".to_vec()))], 8)?;
    rule(store.row(b"a1")?.is_none(), "a removed row is gone")?;
    rule(store.row(b"a2")?.as_deref() == Some(b"v"), "a row is replaced")?;
    store.clear_state()?;
    rule(store.position()? == 0 && store.rows(b"", None, 9)?.is_empty(), "a cleared state is empty")?;
    store.apply(Vec::new(), 9)?;
    Ok(())
}

fn check_files(store: &impl Store) -> Result<(), Broken> {
    let item = |salt: u8| StoredItem { entry: vec![salt; 87], body: vec![salt; 9], shared: Vec::new() };
    let bundle = StoredBundle { items: (0..=255).map(item).collect(), owners: vec![1; 30] };
    for index in 0..3 {
        store.put_bundle(index, &bundle)?;
        store.put_bundle(index, &bundle)?;
    }
    rule(store.bundles()? == 3, "bundles are counted")?;
    rule(store.bundle(2)?.as_ref() == Some(&bundle), "a bundle is read back")?;
    rule(store.bundle(3)?.is_none(), "a bundle that was not put is not there")?;
    let tile = TileCoord::new(0, 1, 256).map_err(|_| Broken::Rule("tile coordinates"))?;
    rule(store.tile(&tile)?.is_none(), "a tile that was not put is not there")?;
    store.put_tile(&tile, &[7; 8192])?;
    rule(store.tile(&tile)?.as_deref() == Some(&[7; 8192]), "a tile is read back")?;
    store.put_keys(&[(4, vec![1]), (5, vec![2, 3])])?;
    store.put_keys(&[(6, vec![4])])?;
    let mut keys = Vec::new();
    store.keys(&mut |id, wrapped| keys.push((id, wrapped)))?;
    rule(keys == [(4, vec![1]), (5, vec![2, 3]), (6, vec![4])], "keys are read back in order")
}
