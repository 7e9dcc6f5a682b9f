//! What lies within what: stations in districts, districts in cities. Configuration of the gate.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_record::Term;
use grantbook_record::list::List;
use grantbook_record::strict_json::{self, JsonError};
use serde::Deserialize;

/// Bytes of the places' JSON.
pub const PLACES_BYTES_MAX: usize = 16 * 1024 * 1024;
const VERSION: u8 = 1;
/// Words that are levels of something else.
const TAKEN: &[&str] = &["day", "month", "quarter", "year"];

/// Places and their levels. The default knows none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// The finest first.
    levels: Vec<Term>,
    places: BTreeMap<String, Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    level: usize,
    within: Option<String>,
}

/// Why places were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacesError {
    /// Larger than [`PLACES_BYTES_MAX`].
    #[error("places of {got} bytes, expected at most {PLACES_BYTES_MAX}")]
    TooLarge {
        /// Their bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused places: {0}")]
    Json(#[source] JsonError),
    /// A version that this gate does not know.
    #[error("places of version {got}, expected {VERSION}")]
    Version {
        /// As written.
        got: u8,
    },
    /// A level twice, or one that is a level of dates or numbers.
    #[error("level {level} is taken, expected each word once, and none of dates or numbers")]
    Level {
        /// The level.
        level: Term,
    },
    /// A place of a level that is not listed.
    #[error("place {at} has an unknown level, expected one of those listed")]
    UnknownLevel {
        /// Its position, from 0.
        at: usize,
    },
    /// Two places of one name.
    #[error("place {at} has the name of another, expected each name once")]
    Repeated {
        /// Its position, from 0.
        at: usize,
    },
    /// A place within one that is not there, or that is not coarser.
    #[error("a place lies within one that is unknown or not of a coarser level")]
    Within,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlaces {
    version: u8,
    levels: List<Term, 1, 16>,
    places: Vec<RawPlace>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlace {
    name: String,
    level: Term,
    #[serde(default)]
    within: Option<String>,
}

impl Places {
    /// Parses `{"version": 1, "levels": [finest, …, coarsest], "places": [{"name", "level", "within"}, …]}`. A name is
    /// the value as the data has it.
    pub fn parse(json: &[u8]) -> Result<Self, PlacesError> {
        if json.len() > PLACES_BYTES_MAX {
            return Err(PlacesError::TooLarge { got: json.len() });
        }
        let raw: RawPlaces = strict_json::parse(json).map_err(PlacesError::Json)?;
        if raw.version != VERSION {
            return Err(PlacesError::Version { got: raw.version });
        }
        let levels = raw.levels.to_vec();
        let mut seen = BTreeSet::new();
        for level in &levels {
            let is_taken = TAKEN.contains(&level.as_str()) || level.as_str().starts_with("bands-of-");
            if is_taken || !seen.insert(level) {
                return Err(PlacesError::Level { level: level.clone() });
            }
        }
        let mut places = BTreeMap::new();
        for (at, RawPlace { name, level, within }) in raw.places.into_iter().enumerate() {
            let level = levels.iter().position(|known| *known == level);
            let level = level.ok_or(PlacesError::UnknownLevel { at })?;
            if places.insert(name, Place { level, within }).is_some() {
                return Err(PlacesError::Repeated { at });
            }
        }
        let places = Self { levels, places };
        let climbs = |place: &Place| match &place.within {
            None => true,
            // coarser at each step, so that climbing ends
            Some(within) => places.places.get(within).is_some_and(|outer| outer.level > place.level),
        };
        if places.places.values().all(climbs) { Ok(places) } else { Err(PlacesError::Within) }
    }

    /// Position of a level, the finest first.
    pub(super) fn level(&self, word: &str) -> Option<usize> {
        self.levels.iter().position(|level| level.as_str() == word)
    }

    pub(super) fn word(&self, level: usize) -> &str {
        self.levels.get(level).map_or("", Term::as_str)
    }

    /// The first place that holds `name` and is of this level or a coarser one; itself, if it is.
    pub(super) fn at(&self, name: &str, level: usize) -> Option<String> {
        let mut name = name;
        loop {
            let place = self.places.get(name)?;
            if place.level >= level {
                return Some(name.to_owned());
            }
            name = place.within.as_deref()?;
        }
    }
}
