//! Tours: a few steps over a role's real pages, by the query alone. Nothing covers a page, and nothing needs a script.

use super::Page;

/// A tour of one role.
struct Tour {
    /// As the query names it.
    name: &'static str,
    /// The pages, in order, each with the key of what is said on it.
    pages: &'static [(&'static str, &'static str)],
}

const TOURS: [Tour; 3] = [
    Tour {
        name: "customer",
        pages: &[
            ("/my", "tour-customer-1"),
            ("/my/connections", "tour-customer-2"),
            ("/my/value", "tour-customer-3"),
            ("/my/account", "tour-customer-4"),
            ("/my/account/data", "tour-customer-5"),
        ],
    },
    Tour {
        name: "company",
        pages: &[
            ("/company", "tour-company-1"),
            ("/company/requests", "tour-company-2"),
            ("/company/grants", "tour-company-3"),
            ("/company/uses", "tour-company-4"),
            ("/company/gates", "tour-company-5"),
            ("/company/settlement", "tour-company-6"),
        ],
    },
    Tour {
        name: "regulator",
        pages: &[
            ("/regulator", "tour-regulator-1"),
            ("/regulator/bundle", "tour-regulator-2"),
            ("/regulator/receipt", "tour-regulator-3"),
        ],
    },
];

/// Where somebody is on a tour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Key of what is said here.
    pub key: &'static str,
    /// Which step, from 1.
    pub number: usize,
    /// How many there are.
    pub all: usize,
    /// The step before.
    pub back: Option<String>,
    /// The step after.
    pub next: Option<String>,
    /// This page without the tour.
    pub end: &'static str,
}

impl Step {
    /// The step that the query names, on the page that it is about.
    fn of(path: &str) -> Option<Self> {
        let (page, query) = path.split_once('?')?;
        let named = query.split('&').find_map(|pair| pair.strip_prefix("tour="))?;
        let (name, number) = named.split_once('-')?;
        let number: usize = number.parse().ok()?;
        let tour = TOURS.iter().find(|tour| tour.name == name)?;
        let (end, key) = *tour.pages.get(number.checked_sub(1)?)?;
        if end != page {
            return None;
        }
        let address = |number: usize| {
            let (page, _) = tour.pages.get(number.checked_sub(1)?)?;
            Some(format!("{page}?tour={name}-{number}"))
        };
        Some(Self {
            key,
            number,
            all: tour.pages.len(),
            back: address(number.checked_sub(1)?),
            next: address(number.saturating_add(1)),
            end,
        })
    }
}

impl Page {
    /// The step of a tour that the viewer is at.
    pub fn tour(&self) -> Option<Step> {
        Step::of(&self.path)
    }

    /// Where the tour of this viewer's pages begins.
    pub fn tour_begins(&self) -> &'static str {
        if self.place.is_company() && self.viewer.company().is_some() {
            "/company?tour=company-1"
        } else if self.viewer.memberships().is_some() {
            "/my?tour=customer-1"
        } else {
            "/regulator?tour=regulator-1"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Words;
    use crate::language::Language;

    #[test]
    fn every_tour_leads_forth_and_back_and_says_something_at_each_step() {
        for tour in &TOURS {
            let mut address = Some(format!("{}?tour={}-1", tour.pages[0].0, tour.name));
            let mut before = None;
            let mut steps = 0;
            while let Some(here) = address {
                let step = Step::of(&here).unwrap_or_else(|| panic!("{here} is no step"));
                assert_eq!(step.back, before, "{here}");
                steps += 1;
                assert_eq!((step.number, step.all), (steps, tour.pages.len()));
                for language in [Language::English, Language::Chinese] {
                    let said = Words(language).say(step.key);
                    assert!(said != step.key && said.len() > 40, "{language:?} {}: {said}", step.key);
                }
                before = Some(here);
                address = step.next;
            }
            assert_eq!(steps, tour.pages.len());
        }
    }

    #[test]
    fn what_is_no_step_is_no_tour() {
        for path in [
            "/my",
            "/my?tour=",
            "/my?tour=customer",
            "/my?tour=customer-0",
            "/my?tour=customer-6",
            "/my?tour=customer-2",
            "/my?tour=nobody-1",
            "/my?tour=customer-99999999999999999999",
            "/company?tour=customer-1",
        ] {
            assert_eq!(Step::of(path), None, "{path}");
        }
        assert!(Step::of("/my?lang=en&tour=customer-1").is_some());
    }
}
