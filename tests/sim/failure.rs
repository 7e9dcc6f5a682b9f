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
    Apply,
    ClearState,
    FlushState,
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
    pub(crate) const ALL: [Self; 10] = [
        Self::Commit,
        Self::Apply,
        Self::SetAnchor,
        Self::PutTile,
        Self::PutBundle,
        Self::PutKeys,
        Self::FlushState,
        Self::Trim,
        Self::ClearState,
        Self::Read,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Apply => "apply",
            Self::SetAnchor => "set anchor",
            Self::PutTile => "put tile",
            Self::PutBundle => "put bundle",
            Self::PutKeys => "put keys",
            Self::FlushState => "flush state",
            Self::Trim => "trim",
            Self::ClearState => "clear state",
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
