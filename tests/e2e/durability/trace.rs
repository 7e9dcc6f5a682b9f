//! What a trace of system calls says about the order of writes, syncs and answers.
//!
//! The trace is that of `strace -f -yy`: `<thread>  <call>(<arguments>) = <result>`, or in two lines, `<unfinished ...>`
//! and `<... <call> resumed>`. Descriptors carry their path or their connection in angle brackets.

use std::collections::BTreeMap;

/// Calls to be traced.
pub(super) const CALLS: &str = "openat,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,rename,renameat,renameat2,\
fdatasync,fsync,sendto,sendmsg,recvfrom,recvmsg,read";

/// An answer to a request that appends, and what was wrong when it went out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Files with bytes that were not synced, and folders with names that were not.
    pub(super) unsynced: Vec<String>,
    /// The files that must have been written for it, and were not.
    pub(super) unwritten: Vec<String>,
}

/// Follows a trace. `holds(path)`: whether a file's bytes are acknowledged with an answer; `each`: parts of the paths that
/// every append writes.
pub(super) struct Follower<'a> {
    holds: &'a dyn Fn(&str) -> bool,
    each: &'a [&'a str],
    /// Of each file or folder: changes seen, and how many of them are known to be on disk.
    changes: BTreeMap<String, (u64, u64)>,
    /// Of each thread in a call: what the call was, and the changes of its file when it began.
    open: BTreeMap<String, (String, u64)>,
    /// Of each connection with a request under way: the changes seen when it came in.
    requests: BTreeMap<String, BTreeMap<String, u64>>,
    answers: Vec<Answer>,
}

/// Reads a whole trace: one answer for every `POST` that was answered with success.
pub(super) fn answers(trace: &str, holds: &dyn Fn(&str) -> bool, each: &[&str]) -> Vec<Answer> {
    let (changes, open, requests) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut follower = Follower { holds, each, changes, open, requests, answers: Vec::new() };
    for line in trace.lines() {
        follower.line(line);
    }
    follower.answers
}

impl Follower<'_> {
    fn line(&mut self, line: &str) {
        let Some((thread, rest)) = line.split_once(' ') else { return };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            let changes = self.begin(begun);
            self.open.insert(thread.to_owned(), (begun.to_owned(), changes));
        } else if rest.starts_with("<... ") {
            let Some((begun, changes)) = self.open.remove(thread) else { return };
            self.end(&begun, rest.split_once(" resumed>").map_or("", |(_, rest)| rest), changes);
        } else if rest.contains('(') {
            let changes = self.begin(rest);
            self.end(rest, "", changes);
        }
    }

    /// A call begins: what it sends is on its way.
    fn begin(&mut self, call: &str) -> u64 {
        let (name, arguments) = call.split_once('(').unwrap_or_default();
        let of = bracketed(arguments).to_owned();
        match name {
            "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "ftruncate" | "sendto" | "sendmsg" => {
                if of.starts_with("TCP:") {
                    self.answer(&of, arguments);
                } else if (self.holds)(&of) {
                    self.change(&of);
                }
                0
            }
            "fdatasync" | "fsync" => self.changes.get(&of).map_or(0, |(changes, _)| *changes),
            _ => 0,
        }
    }

    /// A call ends: only now is what it wrote in the file, what it synced on the disk, what it received here.
    fn end(&mut self, call: &str, resumed: &str, changes_before: u64) {
        let (name, arguments) = call.split_once('(').unwrap_or_default();
        let of = bracketed(arguments).to_owned();
        let whole = format!("{call}{resumed}");
        let result = whole.rsplit_once(" = ").map_or("", |(_, result)| result);
        if result.starts_with('-') {
            return;
        }
        match name {
            "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "ftruncate" if (self.holds)(&of) => {
                self.change(&of);
            }
            "fdatasync" | "fsync" => {
                if let Some((_, synced)) = self.changes.get_mut(&of) {
                    *synced = (*synced).max(changes_before);
                }
            }
            // a new name is safe when its folder is synced
            "openat" | "creat" if arguments.contains("O_EXCL") => self.name(bracketed(result)),
            "rename" | "renameat" | "renameat2" => {
                let to = whole
                    .rsplit_once('"')
                    .and_then(|(rest, _)| rest.rsplit_once('"'))
                    .map_or("", |(_, to)| to);
                self.name(to);
            }
            "recvfrom" | "recvmsg" | "read" if of.starts_with("TCP:") && whole.contains("\"POST ") => {
                let seen = self.changes.iter().map(|(path, (changes, _))| (path.clone(), *changes)).collect();
                self.requests.insert(of, seen);
            }
            _ => {}
        }
    }

    fn change(&mut self, path: &str) {
        self.changes.entry(path.to_owned()).or_default().0 += 1;
    }

    fn name(&mut self, path: &str) {
        if (self.holds)(path)
            && let Some((folder, _)) = path.rsplit_once('/')
        {
            self.change(folder);
        }
    }

    fn answer(&mut self, connection: &str, arguments: &str) {
        if !arguments.contains("\"HTTP/1.1 2") {
            return;
        }
        let Some(before) = self.requests.remove(connection) else { return };
        let unsynced = self.changes.iter().filter(|(_, (changes, synced))| changes > synced);
        let unsynced = unsynced.map(|(path, _)| path.clone()).collect();
        let written = |part: &str| {
            let mut of = self.changes.iter().filter(|(path, _)| path.contains(part));
            of.any(|(path, (changes, _))| *changes > before.get(path).copied().unwrap_or_default())
        };
        let unwritten =
            self.each.iter().filter(|part| !written(part)).map(|part| (*part).to_owned()).collect();
        self.answers.push(Answer { unsynced, unwritten });
    }
}

/// What stands in the angle brackets of the first descriptor.
fn bracketed(arguments: &str) -> &str {
    let Some((descriptor, rest)) = arguments.split_once('<') else { return "" };
    if !descriptor.bytes().all(|byte| byte.is_ascii_digit()) {
        return "";
    }
    // a connection has an arrow in it
    if rest.starts_with("TCP") {
        return rest.split_once("]>").map_or("", |(inside, _)| inside);
    }
    rest.split_once('>').map_or("", |(inside, _)| inside)
}
