//! Drafts of templates and terms, checked before anybody signs them.
//!
//! Admission refuses at the first rule that is broken, in terse words for machines. An author wants all of them at
//! once and in plain words: [`draft`] gives these. [`cases`] tries a draft of terms on uses with expected answers, and
//! [`words`] lists the vocabulary as people read it, [`versions`] says what lies between two of its versions, and [`mapping`]
//! which columns of an enterprise's systems could be which of its fields. [`mod@cedar`] turns rules of law and of the house
//! that are written in Cedar into the plan that decides. What is *not* here: the rules of admission themselves and the
//! decision (`grantbook-plan`), and anything that is signed (`grantbook-record`).

pub mod cases;
pub mod cedar;
pub mod draft;
pub mod mapping;
pub mod versions;
pub mod words;

pub use cases::{Case, Expected, Failure};
pub use draft::{
    Problem, Problems, validate_bounds, validate_consents, validate_notice, validate_template, validate_terms,
};
pub use words::{Word, WordKind};
