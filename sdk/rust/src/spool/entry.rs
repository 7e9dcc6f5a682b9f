//! What a spool says, one entry after another; folded in order, entries give its state.
//!
//! | entry | bytes |
//! |---|---|
//! | start | 1 ‖ first sequence number u64 |
//! | placed | 2 ‖ sequence number u64 ‖ 1 if it is open, else 0 ‖ salt 32 ‖ bytes u32 ‖ record's JSON |
//! | ended | 3 ‖ sequence number u64 ‖ ending u8 |
//! | acknowledged | 4 ‖ first sequence number that the ledger does not have u64 |
//! | unaccounted | 5 ‖ lease id 16: stays charged if the gate is killed |

use std::sync::Arc;

use grantbook_record::encoding::Bytes32;
use grantbook_record::{Jti, Salt};

/// What became of a use that was permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The record stands as it was placed: the data was used, or the use was denied.
    Committed,
    /// Given back unused.
    Voided,
    /// Nobody said.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// No record before this number is in the spool.
    Start(u64),
    /// The next record; while it is open, what became of it is still to come.
    Placed {
        seq: u64,
        open: bool,
        salt: Salt,
        json: Arc<[u8]>,
    },
    Ended {
        seq: u64,
        ending: Ending,
    },
    /// The ledger has all records before this number.
    Acknowledged(u64),
    /// Uses draw on this lease whose records a crash may lose.
    Unaccounted(Jti),
}

impl Entry {
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Self::Start(first) => {
                into.push(1);
                into.extend(first.to_be_bytes());
            }
            Self::Placed { seq, open, salt, json } => {
                into.push(2);
                into.extend(seq.to_be_bytes());
                into.push(u8::from(*open));
                into.extend(salt.0.0);
                into.extend(u32::try_from(json.len()).unwrap_or(u32::MAX).to_be_bytes());
                into.extend(json.iter());
            }
            Self::Ended { seq, ending } => {
                into.push(3);
                into.extend(seq.to_be_bytes());
                into.push(match ending {
                    Ending::Committed => 0,
                    Ending::Voided => 1,
                    Ending::Unknown => 2,
                });
            }
            Self::Acknowledged(below) => {
                into.push(4);
                into.extend(below.to_be_bytes());
            }
            Self::Unaccounted(lease) => {
                into.push(5);
                into.extend(lease.as_bytes());
            }
        }
    }

    /// Every entry of a frame; `None` for what no entry begins with, and for what is cut short.
    pub(super) fn decode_all(mut bytes: &[u8]) -> Option<Vec<Self>> {
        let mut entries = Vec::new();
        while let [kind, rest @ ..] = bytes {
            let mut rest = rest;
            let number = u64::from_be_bytes(take(&mut rest)?);
            entries.push(match kind {
                1 => Self::Start(number),
                2 => {
                    let open = match take(&mut rest)? {
                        [0] => false,
                        [1] => true,
                        _ => return None,
                    };
                    let salt = Salt(Bytes32(take(&mut rest)?));
                    let length = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
                    let (json, after) = rest.split_at_checked(length)?;
                    rest = after;
                    Self::Placed { seq: number, open, salt, json: json.into() }
                }
                3 => {
                    let ending = match take(&mut rest)? {
                        [0] => Ending::Committed,
                        [1] => Ending::Voided,
                        [2] => Ending::Unknown,
                        _ => return None,
                    };
                    Self::Ended { seq: number, ending }
                }
                4 => Self::Acknowledged(number),
                5 => {
                    let low = u64::from_be_bytes(take(&mut rest)?);
                    let id = (u128::from(number) << 64) | u128::from(low);
                    Self::Unaccounted(Jti::from_bytes(id.to_be_bytes()).ok()?)
                }
                _ => return None,
            });
            bytes = rest;
        }
        Some(entries)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_a_cut_gives_none() {
        let placed = |open| Entry::Placed {
            seq: 7,
            open,
            salt: Salt(Bytes32([3; 32])),
            json: b"{}".as_slice().into(),
        };
        let mut entries = vec![Entry::Start(7), placed(true), placed(false), Entry::Acknowledged(8)];
        for ending in [Ending::Committed, Ending::Voided, Ending::Unknown] {
            entries.push(Entry::Ended { seq: 7, ending });
        }
        entries.push(Entry::Unaccounted(Jti::new(grantbook_record::UnixMillis(9), [5; 10])));
        for entry in entries {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            assert_eq!(Entry::decode_all(&bytes), Some(vec![entry]));
            for cut in 1..bytes.len() {
                assert_eq!(Entry::decode_all(&bytes[..cut]), None, "cut at {cut}");
            }
        }
        assert_eq!(Entry::decode_all(&[9; 9]), None);
    }
}
