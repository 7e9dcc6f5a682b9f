//! Trust policies (C2SP tlog-policy): which witnesses there are, and which sets of them are enough.
//!
//! Narrower than the specification: a file is UTF-8, and keys of logs are of type 0x01 or 0x06.

use std::collections::BTreeMap;

use crate::decimal::parse_decimal;
use crate::note::{Note, NoteError, SignatureKind, UnixSeconds, VerifierKey};

/// Largest policy file: room for as many ML-DSA-44 keys as are allowed.
pub const MAX_POLICY_BYTES: usize = 512 * 1024;

/// Most logs, most witnesses, and most groups.
pub const MAX_OF_EACH: usize = 64;

/// What is wrong with a policy file. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too long.
    #[error("a policy has at most {MAX_POLICY_BYTES} bytes, got {got}")]
    TooLong {
        /// Bytes of the file.
        got: usize,
    },
    /// Not lines of text.
    #[error(
        "a policy is lines of UTF-8 that each end in a newline, without control characters other than tab"
    )]
    Text,
    /// A line of no known form.
    #[error("line {line}: expected {expected}")]
    Line {
        /// Number of the line.
        line: usize,
        /// The form or what of it is wrong.
        expected: &'static str,
    },
    /// A key that cannot be parsed.
    #[error("line {line}: {error}")]
    Key {
        /// Number of the line.
        line: usize,
        /// What is wrong with it.
        error: NoteError,
    },
    /// Not exactly one quorum.
    #[error("expected one quorum line, got {got}")]
    Quorum {
        /// Lines found.
        got: usize,
    },
}

/// A log that a policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key, named as its origin.
    pub key: VerifierKey,
    /// Where it is, for those who talk to it.
    pub url: Option<String>,
}

/// A witness that a policy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name within the policy.
    pub name: String,
    /// The key with which it cosigns.
    pub key: VerifierKey,
    /// Its submission prefix, for those who talk to it.
    pub url: Option<String>,
}

/// A policy; what it demands of a checkpoint is a quorum of witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// `None` asks for nobody.
    quorum: Option<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    threshold: usize,
    /// Witnesses, and groups before this one.
    members: Vec<Member>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// Who of a policy's witnesses has cosigned a checkpoint, and whether they are enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Name within the policy, and time of the cosignature, in the order of the policy.
    pub by: Vec<(String, UnixSeconds)>,
    /// Whether the quorum is reached.
    pub quorum: bool,
}

impl Cosigned {
    /// The median of the cosignatures' times, of an even number the earlier of the two in the middle; `None` without a
    /// quorum of at least one. A minority of wrong clocks cannot move it past the right ones.
    pub fn median_time(&self) -> Option<UnixSeconds> {
        let mut times: Vec<UnixSeconds> = self.by.iter().map(|(_, time)| *time).collect();
        times.sort_unstable();
        times.get(times.len().checked_sub(1)? / 2).copied().filter(|_| self.quorum)
    }
}

impl Policy {
    /// Parses a policy file; implies no trust in whoever wrote it.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLong { got: bytes.len() });
        }
        let text = str::from_utf8(bytes).map_err(|_| PolicyError::Text)?;
        if text.bytes().any(|byte| (byte < 0x20 && byte != b'\t' && byte != b'\n') || byte == 0x7F) {
            return Err(PolicyError::Text);
        }
        let mut reading = Reading::default();
        let lines = if text.is_empty() { "" } else { text.strip_suffix('\n').ok_or(PolicyError::Text)? };
        for (number, line) in (1..).zip(lines.split('\n')) {
            reading.line(number, line)?;
        }
        let Reading { logs, witnesses, groups, quorums, .. } = reading;
        match quorums.as_slice() {
            [quorum] => Ok(Self { logs, witnesses, groups, quorum: *quorum }),
            other => Err(PolicyError::Quorum { got: other.len() }),
        }
    }

    /// The logs that it accepts; none means that they are known from elsewhere.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses that it knows.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether witnesses of these numbers, in the order of [`Self::witnesses`], are enough.
    pub fn is_quorum(&self, cosigned: impl Fn(usize) -> bool) -> bool {
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        let holds = |member: &Member, groups: &[bool]| match member {
            Member::Witness(at) => cosigned(*at),
            Member::Group(at) => groups.get(*at).copied().unwrap_or_default(),
        };
        for group in &self.groups {
            let count = group.members.iter().filter(|member| holds(member, &groups)).count();
            groups.push(count >= group.threshold);
        }
        self.quorum.is_none_or(|quorum| holds(&quorum, &groups))
    }

    /// Verifies all lines of a checkpoint's note by this policy's witnesses. Lines by others are ignored; a wrong or
    /// repeated line by a known witness refuses the whole note.
    pub fn verify(&self, note: &Note) -> Result<Cosigned, NoteError> {
        let keys: Vec<VerifierKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let known = note.signatures().iter().any(|line| keys.iter().any(|key| key.made(line)));
        let verified = if known { note.verify(&keys)?.verified } else { Vec::new() };
        let times: Vec<Option<UnixSeconds>> = keys
            .iter()
            .map(|key| verified.iter().find(|signature| signature.key == key).and_then(|found| found.time))
            .collect();
        let named = self.witnesses.iter().zip(&times);
        Ok(Cosigned {
            by: named.filter_map(|(witness, time)| Some((witness.name.clone(), (*time)?))).collect(),
            quorum: self.is_quorum(|at| times.get(at).is_some_and(Option::is_some)),
        })
    }
}

/// A policy while its lines are read.
#[derive(Default)]
struct Reading {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorums: Vec<Option<Member>>,
    names: BTreeMap<String, Member>,
    /// Each name is a member at most once, so that nobody counts twice.
    members: Vec<Member>,
}

impl Reading {
    fn line(&mut self, line: usize, text: &str) -> Result<(), PolicyError> {
        let refuse = |expected| Err(PolicyError::Line { line, expected });
        let items: Vec<&str> = text.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key, rest @ ..] if rest.len() <= 1 => {
                let key = parse_key(line, key)?;
                if key.kind() == SignatureKind::Cosignature {
                    return refuse("a log's key, of type 1 or 6");
                }
                if self.logs.iter().any(|log| log.key.public_key() == key.public_key()) {
                    return refuse("a key that no other log has");
                }
                self.logs.push(PolicyLog { key, url: rest.first().map(ToString::to_string) });
                within(line, self.logs.len())
            }
            ["witness", name, key, rest @ ..] if rest.len() <= 1 => {
                let key = parse_key(line, key)?;
                if !key.kind().is_timed() {
                    return refuse("a witness's key, of type 4 or 6");
                }
                if self.witnesses.iter().any(|known| known.key.public_key() == key.public_key()) {
                    return refuse("a key that no other witness has");
                }
                self.define(line, name, Member::Witness(self.witnesses.len()))?;
                let (name, url) = ((*name).to_owned(), rest.first().map(ToString::to_string));
                self.witnesses.push(PolicyWitness { name, key, url });
                within(line, self.witnesses.len())
            }
            ["group", name, threshold, names @ ..] if !names.is_empty() => {
                let mut members = Vec::with_capacity(names.len());
                for name in names {
                    let member = self.named(line, name)?;
                    if self.members.contains(&member) {
                        return refuse("names that are members nowhere else");
                    }
                    self.members.push(member);
                    members.push(member);
                }
                let threshold = match *threshold {
                    "all" => Some(members.len()),
                    "any" => Some(1),
                    number => parse_decimal(number).and_then(|number| usize::try_from(number).ok()),
                };
                let threshold = threshold.filter(|threshold| (1..=members.len()).contains(threshold));
                let Some(threshold) = threshold else {
                    return refuse("all, any or a number from 1 to that of the members");
                };
                self.define(line, name, Member::Group(self.groups.len()))?;
                self.groups.push(Group { threshold, members });
                within(line, self.groups.len())
            }
            ["quorum", "none"] => {
                self.quorums.push(None);
                Ok(())
            }
            ["quorum", name] => {
                let member = self.named(line, name)?;
                self.quorums.push(Some(member));
                Ok(())
            }
            _ => refuse(
                "log VKEY [URL], witness NAME VKEY [URL], group NAME all|any|NUMBER NAME…, quorum NAME|none, or # comment",
            ),
        }
    }

    fn named(&self, line: usize, name: &str) -> Result<Member, PolicyError> {
        let expected = "the name of a witness or group of a line before";
        self.names.get(name).copied().ok_or(PolicyError::Line { line, expected })
    }

    fn define(&mut self, line: usize, name: &str, member: Member) -> Result<(), PolicyError> {
        if name == "none" || self.names.insert(name.to_owned(), member).is_some() {
            return Err(PolicyError::Line { line, expected: "a name that is neither taken nor `none`" });
        }
        Ok(())
    }
}

fn parse_key(line: usize, text: &str) -> Result<VerifierKey, PolicyError> {
    VerifierKey::parse(text).map_err(|error| PolicyError::Key { line, error })
}

fn within(line: usize, count: usize) -> Result<(), PolicyError> {
    if count > MAX_OF_EACH {
        return Err(PolicyError::Line { line, expected: "at most 64 logs, 64 witnesses and 64 groups" });
    }
    Ok(())
}
