//! A folder in memory, whose system may crash at any call, fail at any, and run out of room.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::dice::Dice;
use crate::spool::disk::Disk;

const SECTOR: usize = 512;

#[derive(Clone)]
pub(super) struct SimDisk(Arc<Mutex<Inner>>);

struct Inner {
    /// What is there, as whoever reads sees it.
    files: BTreeMap<u64, Vec<u8>>,
    /// How many bytes of the last file a crash cannot touch.
    synced: usize,
    last: u64,
    dice: Dice,
    /// Calls until the system crashes.
    crash_in: Option<usize>,
    crashed: bool,
    /// A call in so many fails.
    fails: Option<u64>,
    pub(super) capacity: usize,
}

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            files: BTreeMap::new(),
            synced: 0,
            last: 0,
            dice: Dice(seed),
            crash_in: None,
            crashed: false,
            fails: None,
            capacity: usize::MAX,
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    pub(super) fn crash_in(&self, calls: usize) {
        self.with(|inner| inner.crash_in = Some(calls));
    }

    pub(super) fn fail_one_in(&self, calls: Option<u64>) {
        self.with(|inner| inner.fails = calls);
    }

    pub(super) fn set_capacity(&self, bytes: usize) {
        self.with(|inner| inner.capacity = bytes);
    }

    pub(super) fn is_crashed(&self) -> bool {
        self.with(|inner| inner.crashed)
    }

    pub(super) fn files(&self) -> BTreeMap<u64, Vec<u8>> {
        self.with(|inner| inner.files.clone())
    }

    pub(super) fn put(&self, files: BTreeMap<u64, Vec<u8>>) {
        self.with(|inner| inner.files = files);
    }

    /// The process is there again, and the system never was away.
    pub(super) fn go_on(&self) {
        self.with(|inner| {
            inner.synced = inner.files.get(&inner.last).map_or(0, Vec::len);
            inner.crashed = false;
            inner.crash_in = None;
        });
    }

    /// The system is there again: of what was not synced, any sectors may be there, up to any length.
    pub(super) fn restart(&self) {
        self.with(|inner| {
            let Inner { files, synced, last, dice, .. } = inner;
            if let Some(file) = files.get_mut(last)
                && file.len() > *synced
            {
                let kept = *synced + dice.index(file.len() - *synced + 1);
                file.truncate(kept);
                for start in (0..kept).step_by(SECTOR) {
                    let (from, to) = (start.max(*synced), (start + SECTOR).min(kept));
                    if from < to && dice.below(4) == 0 {
                        file[from..to].fill(0);
                    }
                }
            }
            inner.crashed = false;
            inner.crash_in = None;
        });
    }
}

enum Fate {
    Well,
    Fails,
    Crashes,
}

impl Inner {
    fn fate(&mut self) -> Fate {
        if let Some(left) = &mut self.crash_in {
            if *left == 0 {
                self.crashed = true;
            } else {
                *left -= 1;
            }
        }
        if self.crashed {
            return Fate::Crashes;
        }
        match self.fails {
            Some(one_in) if self.dice.below(one_in) == 0 => Fate::Fails,
            _ => Fate::Well,
        }
    }

    fn used(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }
}

fn failed() -> io::Error {
    io::Error::other("simulated")
}

impl Disk for SimDisk {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        self.with(
            |inner| if inner.crashed { Err(failed()) } else { Ok(inner.files.keys().copied().collect()) },
        )
    }

    fn read(&mut self, number: u64) -> io::Result<Vec<u8>> {
        self.with(|inner| inner.files.get(&number).cloned().ok_or_else(failed))
    }

    fn create(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|inner| {
            if inner.crashed {
                return Err(failed());
            }
            let fate = inner.fate();
            let there = match fate {
                Fate::Well => inner.used() + bytes.len() <= inner.capacity,
                // renamed, and the folder not synced
                Fate::Fails | Fate::Crashes => inner.dice.below(2) == 0,
            };
            if there {
                inner.files.insert(number, bytes.to_vec());
                inner.last = number;
                inner.synced = bytes.len();
            }
            if there && matches!(fate, Fate::Well) { Ok(()) } else { Err(failed()) }
        })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|inner| {
            if inner.crashed {
                return Err(failed());
            }
            let room = inner.capacity.saturating_sub(inner.used()).min(bytes.len());
            let (written, fine) = match inner.fate() {
                Fate::Well => (room, room == bytes.len()),
                Fate::Fails | Fate::Crashes => (inner.dice.index(room + 1), false),
            };
            let last = inner.last;
            inner.files.get_mut(&last).ok_or_else(failed)?.extend(&bytes[..written]);
            if fine { Ok(()) } else { Err(failed()) }
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(|inner| {
            if inner.crashed {
                return Err(failed());
            }
            let fate = inner.fate();
            if matches!(fate, Fate::Well) || inner.dice.below(2) == 0 {
                inner.synced = inner.files.get(&inner.last).map_or(0, Vec::len);
            }
            if matches!(fate, Fate::Well) { Ok(()) } else { Err(failed()) }
        })
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.with(|inner| {
            if inner.crashed {
                return Err(failed());
            }
            let fate = inner.fate();
            if matches!(fate, Fate::Well) || inner.dice.below(2) == 0 {
                let (last, length) = (inner.last, usize::try_from(length).unwrap());
                inner.files.get_mut(&last).ok_or_else(failed)?.truncate(length);
                inner.synced = inner.synced.min(length);
            }
            if matches!(fate, Fate::Well) {
                inner.synced = usize::try_from(length).unwrap();
                Ok(())
            } else {
                Err(failed())
            }
        })
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.with(|inner| {
            if inner.crashed {
                return Err(failed());
            }
            let fate = inner.fate();
            if matches!(fate, Fate::Well) || inner.dice.below(2) == 0 {
                inner.files.remove(&number);
            }
            if matches!(fate, Fate::Well) { Ok(()) } else { Err(failed()) }
        })
    }
}
