//! The Cedar schema: which attributes there are, of which types, with the words of a vocabulary.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use grantbook_plan::Vocabulary;
use grantbook_plan::rules::Attribute;
use grantbook_plan::vocabulary::Version;
use grantbook_record::Term;

/// Consents that terms name separately.
pub const CONSENTS: &[&str] = &[
    "automated-decision",
    "cross-border",
    "personalisation",
    "public-disclosure",
    "sensitive",
    "special",
    "third-party",
];
/// What protects data in another country.
pub const SAFEGUARDS: &[&str] = &[
    "adequacy",
    "binding-rules",
    "certification",
    "no-restriction",
    "security-assessment",
    "standard-contract",
];

/// The type in Cedar of what an attribute is, or of what it is a set of; numbers have none.
pub(super) fn entity_type(attribute: Attribute) -> Option<&'static str> {
    Some(match attribute {
        Attribute::Requester => "Requester",
        Attribute::Action => "Action",
        Attribute::Recipient | Attribute::Onward | Attribute::GrantController | Attribute::GrantRecipient => {
            "Party"
        }
        Attribute::Purpose | Attribute::GrantPurpose => "Purpose",
        Attribute::Categories | Attribute::GrantCategories => "Category",
        Attribute::Fields => "Field",
        Attribute::Sensitivities => "Sensitivity",
        Attribute::Countries => "Country",
        Attribute::Safeguards => "Safeguard",
        Attribute::GrantStatus => "Status",
        Attribute::GrantTemplate => "Template",
        Attribute::GrantCompensation => "Compensation",
        Attribute::GrantConsents => "Consent",
        Attribute::GrantGiver => "Giver",
        Attribute::GrantNotice => "Law",
        Attribute::GrantObligations => "Obligation",
        Attribute::GrantLanguage => "Language",
        Attribute::Age
        | Attribute::DataFrom
        | Attribute::DataTo
        | Attribute::Level
        | Attribute::Now
        | Attribute::GrantStarts
        | Attribute::GrantEnds
        | Attribute::GrantTemplateVersion
        | Attribute::GrantUses
        | Attribute::GrantRetentionDays
        | Attribute::GrantLevel
        | Attribute::GrantPrice => return None,
    })
}

/// The words that a type has; `None` where any word may be one, as with parties.
pub(super) fn words(entity_type: &str, vocabulary: &Vocabulary) -> Option<Vec<String>> {
    fn owned<'a>(words: impl Iterator<Item = &'a Term>) -> Vec<String> {
        words.map(ToString::to_string).collect::<BTreeSet<String>>().into_iter().collect()
    }
    // grants pin a version, so rules may speak of what any of them has
    let versions = || vocabulary.versions().map(Version::words);
    let fixed = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    Some(match entity_type {
        "Action" => owned(versions().flat_map(|words| words.actions.keys())),
        "Purpose" => owned(versions().flat_map(|words| words.purposes.keys())),
        "Category" => owned(versions().flat_map(|words| words.categories.keys())),
        "Field" => {
            let categories = versions().flat_map(|words| words.categories.values());
            owned(categories.flat_map(|category| category.fields.keys()))
        }
        "Sensitivity" => fixed(&["ordinary", "sensitive", "special"]),
        "Safeguard" => fixed(SAFEGUARDS),
        "Status" => fixed(&["active", "paused", "revoked", "superseded", "withdrawn"]),
        "Compensation" => fixed(&[
            "benefit",
            "none",
            "per_grant",
            "per_use",
            "revenue_share",
            "tiered_price",
            "tiered_share",
        ]),
        "Consent" => fixed(CONSENTS),
        "Giver" => fixed(&["customer", "guardian"]),
        "Law" => fixed(&["data-act", "dpdp", "gdpr", "pipl"]),
        "Obligation" => {
            fixed(&["audit_only", "delete_by", "generalise", "keep_fields", "mask", "notify", "watermark"])
        }
        "Language" => fixed(&["en", "zh-cn"]),
        _ => return None,
    })
}

/// The schema for the words of a vocabulary.
pub fn schema_text(vocabulary: &Vocabulary) -> String {
    let list = |entity_type| {
        let words = words(entity_type, vocabulary).unwrap_or_default();
        let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        words.join(", ")
    };
    let mut text = String::from(
        "// What a policy can speak of. Made from the vocabulary; docs/spec/policy-plan.md says what each attribute is.\n\n\
         // who asks\nentity Requester;\n\
         // whose data it is; in full years, where the birth day is known\nentity Customer = { \"age\"?: Long };\n\
         // recipients, controllers, and whom data is passed on to\nentity Party;\n\
         // ISO 3166-1, in lower case; `unknown` of a party of whom nothing is said\nentity Country;\nentity Template;\n\n",
    );
    for entity_type in [
        "Purpose",
        "Category",
        "Field",
        "Sensitivity",
        "Consent",
        "Giver",
        "Law",
        "Safeguard",
        "Status",
        "Compensation",
        "Obligation",
        "Language",
    ] {
        // writing to a string cannot fail
        let _ = writeln!(text, "entity {entity_type} enum [{}];", list(entity_type));
    }
    text.push_str(GRANT_AND_USE);
    let _ = writeln!(
        text,
        "\naction {} appliesTo {{\n  principal: [Requester],\n  resource: [Customer],\n  context: Use\n}};",
        list("Action")
    );
    text
}

const GRANT_AND_USE: &str = r"
type Grant = {
  status: Status,
  controller: Party,
  recipient: Party,
  purpose: Purpose,
  categories: Set<Category>,
  // Unix seconds; the first one in force, and the first one no longer
  starts: Long,
  ends: Long,
  template: Template,
  template_version: Long,
  uses?: Long,
  // days after a use by which its data is deleted
  retention_days?: Long,
  level?: Long,
  compensation: Compensation,
  // minor units, 0 where there is none
  price: Long,
  consents: Set<Consent>,
  giver: Giver,
  // laws whose demands the notice meets
  notice: Set<Law>,
  obligations: Set<Obligation>,
  language: Language
};

type Use = {
  recipient: Party,
  purpose: Purpose,
  categories: Set<Category>,
  fields: Set<Field>,
  sensitivities: Set<Sensitivity>,
  // days since 1970-01-01 between which the data arose
  data_from: Long,
  data_to: Long,
  level?: Long,
  onward: Set<Party>,
  // where the data goes, and what protects it with everybody there
  countries: Set<Country>,
  safeguards: Set<Safeguard>,
  // Unix seconds
  now: Long,
  grant: Grant
};
";
