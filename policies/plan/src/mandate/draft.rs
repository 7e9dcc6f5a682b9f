//! A mandate before anybody signs it.

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{MandateGiven, MandateSource, Outside, StandingRule};
use grantbook_record::list::List;
use grantbook_record::terms::Depth;
use grantbook_record::{PublicKey, SubjectId, VocabularyVersion};
use serde::{Deserialize, Serialize};

/// The part of a `mandate.given` that says what may be answered: all but who, to whom and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// How many mandates may be handed on one below the other.
    #[serde(default, skip_serializing_if = "Depth::is_none")]
    pub depth: Depth,
    /// The version of the vocabulary whose words the rules are in.
    #[serde(default, skip_serializing_if = "VocabularyVersion::is_first")]
    pub vocabulary: VocabularyVersion,
    /// The rules.
    pub rules: List<StandingRule, 1, 16>,
    /// What becomes of a request that no rule is about.
    #[serde(default, skip_serializing_if = "Outside::is_ask")]
    pub otherwise: Outside,
}

impl Draft {
    /// What is signed.
    pub fn given(
        self,
        sub: SubjectId,
        from: MandateSource,
        agent: PublicKey,
        until: UnixSeconds,
    ) -> MandateGiven {
        let Self { depth, vocabulary, rules, otherwise } = self;
        MandateGiven { sub, from, agent, until, depth, vocabulary, rules, otherwise }
    }
}
