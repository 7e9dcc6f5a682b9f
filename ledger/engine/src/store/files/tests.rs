use super::*;

fn batch(first: u64, key: u64) -> StoredBatch {
    let item = StoredItem { entry: vec![1; 87], body: vec![2; 30], shared: Vec::new() };
    StoredBatch { first, items: vec![item], keys: vec![(key, vec![3; 50])], ..StoredBatch::default() }
}

fn open(folder: &Path) -> FileStore {
    FileStore::open(&folder.join("data"), &folder.join("anchor"), 1 << 20).unwrap()
}

fn firsts(store: &FileStore) -> Vec<u64> {
    let mut firsts = Vec::new();
    store
        .batches(&mut |batch| {
            firsts.push(batch.first);
            Ok(())
        })
        .unwrap();
    firsts
}

fn keys(store: &FileStore) -> Result<Vec<u64>, Fault> {
    let mut ids = Vec::new();
    store.keys(&mut |id, _| ids.push(id))?;
    Ok(ids)
}

fn tear_last_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A bit may have flipped in a frame that was acknowledged: the anchor is asked before anything is thrown away.
#[test]
fn a_torn_journal_is_cut_by_the_next_commit_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("data/epochs/1/journal/00000000000000000000.log");
    let store = open(folder.path());
    store.commit(&batch(0, 1)).unwrap();
    store.commit(&batch(1, 2)).unwrap();
    drop(store);
    let whole = fs::metadata(&journal).unwrap().len();
    tear_last_byte(&journal);
    let store = open(folder.path());
    assert_eq!(firsts(&store), [0]);
    assert_eq!(fs::metadata(&journal).unwrap().len(), whole);
    store.commit(&batch(1, 2)).unwrap();
    drop(store);
    assert_eq!(fs::metadata(&journal).unwrap().len(), whole);
    assert_eq!(firsts(&open(folder.path())), [0, 1]);
}

#[test]
fn a_torn_key_is_dropped_only_where_the_journal_has_it() {
    for journal_has_it in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.commit(&batch(0, 1)).unwrap();
        store.commit(&batch(1, 2)).unwrap();
        store.put_keys(&[(1, vec![3; 50]), (2, vec![3; 50])]).unwrap();
        drop(store);
        tear_last_byte(&folder.path().join("data/epochs/1/keys.log"));
        if !journal_has_it {
            fs::remove_file(folder.path().join("data/epochs/1/journal/00000000000000000000.log")).unwrap();
        }
        let store = open(folder.path());
        drop(firsts(&store));
        match keys(&store) {
            Ok(ids) => assert!(journal_has_it && ids == [1]),
            Err(fault) => assert!(!journal_has_it && fault.to_string().contains("keys.log"), "{fault}"),
        }
    }
}
