//! How a call of the store goes wrong, and when.

/// A call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Commit,
    Trim,
    PutBundle,
    PutTile,
    PutKeys,
    SetAnchor,
    PutLeases,
    SetMark,
    Apply,
    ClearState,
    FlushState,
    NextEpoch,
    PutNext,
    FinishEpoch,
    RemoveEpochs,
    PutSecret,
    DestroySecret,
    Read,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    /// Nothing is done, and it says so.
    Refused,
    /// A part is done, and it reports a failure.
    Partly,
    /// All is done, and it reports a failure.
    Unreported,
    /// Power is lost before it.
    PowerBefore,
    /// Power is lost in the middle of it.
    PowerDuring,
    /// Power is lost after it.
    PowerAfter,
    /// It reports success over torn or missing bytes, or over a batch that goes with the power.
    Lied,
}

impl Op {
    /// What happens while an epoch rolls, and in what follows.
    pub(crate) const OF_A_ROLL: [Self; 6] = [
        Self::NextEpoch,
        Self::PutNext,
        Self::FinishEpoch,
        Self::RemoveEpochs,
        Self::PutSecret,
        Self::DestroySecret,
    ];

    pub(crate) const ALL: [Self; 16] = [
        Self::Commit,
        Self::Apply,
        Self::SetAnchor,
        Self::PutTile,
        Self::PutBundle,
        Self::PutKeys,
        Self::FlushState,
        Self::Trim,
        Self::ClearState,
        Self::NextEpoch,
        Self::PutNext,
        Self::FinishEpoch,
        Self::RemoveEpochs,
        Self::PutSecret,
        Self::DestroySecret,
        Self::Read,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::PutLeases => "put leases",
            Self::SetMark => "set the leases' mark",
            Self::Apply => "apply",
            Self::SetAnchor => "set anchor",
            Self::PutTile => "put tile",
            Self::PutBundle => "put bundle",
            Self::PutKeys => "put keys",
            Self::FlushState => "flush state",
            Self::Trim => "trim",
            Self::ClearState => "clear state",
            Self::NextEpoch => "begin next epoch",
            Self::PutNext => "write next epoch",
            Self::FinishEpoch => "finish next epoch",
            Self::RemoveEpochs => "remove other epochs",
            Self::PutSecret => "put secret",
            Self::DestroySecret => "destroy secret",
            Self::Read => "read",
        }
    }
}

impl How {
    pub(crate) const ALL: [Self; 7] = [
        Self::Refused,
        Self::Partly,
        Self::Unreported,
        Self::PowerBefore,
        Self::PowerDuring,
        Self::PowerAfter,
        Self::Lied,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Partly => "cut short",
            Self::Unreported => "unreported",
            Self::PowerBefore => "power cut before",
            Self::PowerDuring => "power cut during",
            Self::PowerAfter => "power cut after",
            Self::Lied => "lied about",
        }
    }
}

/// A fault to come: at the `at`th call from now, counted over changing calls or over those of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) at: u64,
    pub(crate) how: How,
    /// `None`: any that changes something.
    pub(crate) only: Option<Op>,
}

impl Planned {
    pub(crate) fn counts(&self, op: Op) -> bool {
        self.only.map_or(op != Op::Read, |only| only == op)
    }
}
