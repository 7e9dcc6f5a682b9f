//! The faults that are tried, and the test that tries each.

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The calls of the store, in the simulation.
    Store,
    /// The running program.
    Process,
    /// The files of a ledger that is not running.
    Folder,
}

impl Part {
    /// Each part with its title and what is done, in the order of the page.
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (
            Self::Store,
            "Calls of the store",
            "A seed decides what is sent, how the clock jumps, and which call of the store goes wrong in which way; after every\n\
             start, named invariants are checked. *Refused*: nothing is done. *Cut short*: a part is done. *Unreported*: all is\n\
             done, and a failure reported. *Power cut*: before, during or after the call. *Lied about*: reported as done over torn\n\
             or missing bytes.",
        ),
        (
            Self::Process,
            "The running program",
            "The built program, killed, on a full disk, or with system calls made to fail by `strace -e inject`.",
        ),
        (
            Self::Folder,
            "Files of a ledger at rest",
            "What a start and `fsck` make of a folder in which something is damaged, missing or old.",
        ),
    ];
}

/// A fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its name, as on the page and in the tallies.
    pub name: &'static str,
    /// Where it strikes.
    pub part: Part,
    /// The test that tries it.
    pub test: &'static str,
}

const fn store(name: &'static str) -> Fault {
    Fault { name, part: Part::Store, test: "sim::every_seed_keeps_the_invariants" }
}

const fn process(name: &'static str, test: &'static str) -> Fault {
    Fault { name, part: Part::Process, test }
}

const fn folder(name: &'static str, test: &'static str) -> Fault {
    Fault { name, part: Part::Folder, test }
}

const CALLS: &str = "faults::calls::a_failing_system_call_loses_nothing_acknowledged";
const DAMAGE: &str = "faults::damage::a_damaged_folder_is_made_good_or_found_out";

/// Every fault, in the order of the page.
pub const FAULTS: &[Fault] = &[
    store("commit, refused"),
    store("commit, cut short"),
    store("commit, unreported"),
    store("commit, power cut before"),
    store("commit, power cut during"),
    store("commit, power cut after"),
    store("commit, lied about"),
    store("apply, refused"),
    store("apply, cut short"),
    store("apply, unreported"),
    store("apply, power cut before"),
    store("apply, power cut during"),
    store("apply, power cut after"),
    store("set anchor, refused"),
    store("set anchor, cut short"),
    store("set anchor, unreported"),
    store("set anchor, power cut before"),
    store("set anchor, power cut during"),
    store("set anchor, power cut after"),
    store("put tile, refused"),
    store("put tile, cut short"),
    store("put tile, unreported"),
    store("put tile, power cut before"),
    store("put tile, power cut during"),
    store("put tile, power cut after"),
    store("put tile, lied about"),
    store("put bundle, refused"),
    store("put bundle, cut short"),
    store("put bundle, unreported"),
    store("put bundle, power cut before"),
    store("put bundle, power cut during"),
    store("put bundle, power cut after"),
    store("put bundle, lied about"),
    store("put keys, refused"),
    store("put keys, cut short"),
    store("put keys, unreported"),
    store("put keys, power cut before"),
    store("put keys, power cut during"),
    store("put keys, power cut after"),
    store("flush state, refused"),
    store("flush state, cut short"),
    store("flush state, unreported"),
    store("flush state, power cut before"),
    store("flush state, power cut during"),
    store("flush state, power cut after"),
    store("trim, refused"),
    store("trim, cut short"),
    store("trim, unreported"),
    store("trim, power cut before"),
    store("trim, power cut during"),
    store("trim, power cut after"),
    store("clear state, refused"),
    store("clear state, cut short"),
    store("clear state, unreported"),
    store("clear state, power cut before"),
    store("clear state, power cut during"),
    store("clear state, power cut after"),
    store("begin next epoch, refused"),
    store("begin next epoch, cut short"),
    store("begin next epoch, unreported"),
    store("begin next epoch, power cut before"),
    store("begin next epoch, power cut during"),
    store("begin next epoch, power cut after"),
    store("write next epoch, refused"),
    store("write next epoch, cut short"),
    store("write next epoch, unreported"),
    store("write next epoch, power cut before"),
    store("write next epoch, power cut during"),
    store("write next epoch, power cut after"),
    store("finish next epoch, refused"),
    store("finish next epoch, cut short"),
    store("finish next epoch, unreported"),
    store("finish next epoch, power cut before"),
    store("finish next epoch, power cut during"),
    store("finish next epoch, power cut after"),
    store("remove other epochs, refused"),
    store("remove other epochs, cut short"),
    store("remove other epochs, unreported"),
    store("remove other epochs, power cut before"),
    store("remove other epochs, power cut during"),
    store("remove other epochs, power cut after"),
    store("put secret, refused"),
    store("put secret, cut short"),
    store("put secret, unreported"),
    store("put secret, power cut before"),
    store("put secret, power cut during"),
    store("put secret, power cut after"),
    store("destroy secret, refused"),
    store("destroy secret, cut short"),
    store("destroy secret, unreported"),
    store("destroy secret, power cut before"),
    store("destroy secret, power cut during"),
    store("destroy secret, power cut after"),
    store("read, refused"),
    store("clock jumps"),
    store("state lost"),
    store("old folder beside a newer anchor"),
    store("another history beside the anchor"),
    process("kill -9 under load", "crash::nothing_acknowledged_is_lost_by_kill_9_at_any_moment"),
    process("kill -9 while a key epoch rolls", "crash::nothing_acknowledged_is_lost_by_kill_9_at_any_moment"),
    process(
        "kill -9 while a customer is erased",
        "crash::nothing_acknowledged_is_lost_by_kill_9_at_any_moment",
    ),
    process(
        "sync of a server's journal fails",
        "faults::stopping::an_uncertain_commit_ends_the_server_with_status_3",
    ),
    process("the disk is full, writes cut short", "faults::calls::a_full_disk_loses_nothing_acknowledged"),
    process("write to the journal fails", CALLS),
    process("journal: no space left", CALLS),
    process("sync of the journal fails", CALLS),
    process("write to the anchor fails", CALLS),
    process("sync of the anchor fails", CALLS),
    process("rename fails", CALLS),
    process("sync of a folder or file fails", CALLS),
    process("sync of a new file fails", CALLS),
    process("a new file cannot be opened", CALLS),
    process("write to a new file fails", CALLS),
    process("a folder cannot be made", CALLS),
    process("write to the state fails", CALLS),
    process("a torn journal cannot be cut", CALLS),
    folder("bit flip within the journal", DAMAGE),
    folder("bit flip in the journal's last frame", DAMAGE),
    folder("journal cut short", DAMAGE),
    folder("journal missing", DAMAGE),
    folder("journal empty", DAMAGE),
    folder("bit flip in a bundle", DAMAGE),
    folder("bundle cut short", DAMAGE),
    folder("bundle missing", DAMAGE),
    folder("bit flip in a vault bundle", DAMAGE),
    folder("vault bundle cut short", DAMAGE),
    folder("vault bundle missing", DAMAGE),
    folder("bit flip in the owners of a bundle", DAMAGE),
    folder("owners of a bundle missing", DAMAGE),
    folder("bit flip in a tile", DAMAGE),
    folder("tile cut short", DAMAGE),
    folder("tile missing", DAMAGE),
    folder("bit flip in one slot of the anchor", DAMAGE),
    folder("bit flips in both slots of the anchor", DAMAGE),
    folder("anchor missing", DAMAGE),
    folder("anchor cut short", DAMAGE),
    folder("keyring missing", DAMAGE),
    folder("keyring cut short", DAMAGE),
    folder("data folder missing", DAMAGE),
    folder("state missing", DAMAGE),
    folder("state cut short", DAMAGE),
    folder("state filled with garbage", DAMAGE),
    folder("state is a file", DAMAGE),
    folder("folder rolled back", "faults::damage::a_rolled_back_folder_refuses_to_start"),
];
