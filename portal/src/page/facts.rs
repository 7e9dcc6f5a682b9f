//! Facts of an agreement in words: one place, so that request, grant, end and preview say the same.

use grantbook_record::day::DataPeriod;
use grantbook_record::event::Law;
use grantbook_record::money::Price;
use grantbook_record::{Currency, Term};

use super::Page;
use crate::figures;
use crate::view::agreement::{Agreement, Cluster, Duty, Pay};
use crate::view::money::{Amount, Formula};

fn amount(currency: Currency, minor: u64) -> Amount {
    Amount { currency, minor: i64::try_from(minor).unwrap_or(i64::MAX) }
}

impl Page {
    fn price(&self, price: Price) -> String {
        self.money(&amount(price.currency, price.minor.into()))
    }

    /// The days on which data arose.
    pub fn period(&self, period: &DataPeriod) -> String {
        self.with_two("data-period", "from", self.day(&period.from()), "to", self.day(&period.to()))
    }

    /// A cluster in one line: the category, its days, and its fields where not all are meant.
    pub fn cluster(&self, cluster: &Cluster) -> String {
        let mut line = self.text(&cluster.name).to_owned();
        if !cluster.whole {
            let fields =
                figures::list(cluster.fields.iter().map(|field| self.text(&field.name)), self.language());
            line = self.with_two("cluster-fields", "name", line, "fields", fields);
        }
        if let Some(period) = &cluster.period {
            line = self.with_two("cluster-period", "name", line, "period", self.period(period));
        }
        for (attribute, values) in &cluster.only {
            line = self.with_two("cluster-only", "name", line, "condition", self.only(attribute, values));
        }
        line
    }

    /// A condition on rows.
    pub fn only(&self, attribute: &str, values: &[String]) -> String {
        let values = figures::list(values, self.language());
        self.with_two("only-rows", "attribute", attribute, "values", values)
    }

    /// From when to when.
    pub fn validity(&self, agreement: &Agreement) -> String {
        self.with_two("validity", "from", self.date(&agreement.from), "until", self.date(&agreement.until))
    }

    /// How often.
    pub fn limit(&self, agreement: &Agreement) -> String {
        let uses = match agreement.uses_max {
            Some(uses) => self.with("uses-max", "uses", uses),
            None => self.say("uses-unlimited"),
        };
        match agreement.rate {
            Some((rate, seconds)) => {
                let rate = self.with_two("uses-rate", "uses", rate, "time", self.duration(seconds));
                self.with_two("uses-both", "uses", uses, "rate", rate)
            }
            None => uses,
        }
    }

    /// A length of time in its largest whole unit.
    pub fn duration(&self, seconds: u32) -> String {
        for (unit, key) in [(86_400, "time-days"), (3_600, "time-hours"), (60, "time-minutes")] {
            if seconds >= unit && seconds.is_multiple_of(unit) {
                return self.with(key, "n", seconds / unit);
            }
        }
        self.with("time-seconds", "n", seconds)
    }

    /// How long the data is kept.
    pub fn kept(&self, agreement: &Agreement) -> String {
        match agreement.kept_days {
            Some(days) => self.with("kept-days", "days", days),
            None => self.say("kept-unlimited"),
        }
    }

    /// How far a service may be fitted.
    pub fn level(&self, level: &u8) -> String {
        self.with("level", "level", *level)
    }

    /// What the customer gets.
    pub fn pay(&self, pay: &Pay) -> String {
        let share = |points: u16| figures::percent(points, self.language());
        match pay {
            Pay::Nothing => self.say("pay-nothing"),
            Pay::Once(price) => self.with("pay-once", "price", self.price(*price)),
            Pay::EachUse(price) => self.with("pay-each-use", "price", self.price(*price)),
            Pay::Share(share_of) => self.with("pay-share", "share", share(share_of.basis_points.get())),
            Pay::RisingPrice(price) => {
                let base = self.money(&amount(price.currency, price.minor.into()));
                self.with("pay-each-use-from", "price", base)
            }
            Pay::RisingShare(share_of) => {
                self.with("pay-share-from", "share", share(share_of.basis_points.get()))
            }
            Pay::Benefit(what) => self.with("pay-benefit", "what", self.text(what)),
        }
    }

    /// The steps of what rises, and its bounds; empty for what does not.
    pub fn pay_steps(&self, pay: &Pay) -> Vec<String> {
        let share = |points: u16| figures::percent(points, self.language());
        let bounds = |currency: Currency, minimum: Option<u32>, maximum: Option<u32>| {
            let say = |key, minor: u32| self.with(key, "amount", self.money(&amount(currency, minor.into())));
            let least = minimum.map(|minor| say("pay-minimum", minor));
            least.into_iter().chain(maximum.map(|minor| say("pay-maximum", minor))).collect::<Vec<_>>()
        };
        match pay {
            Pay::RisingPrice(price) => {
                let step = |tier: &grantbook_record::compensation::UseTier| {
                    let worth = self.money(&amount(price.currency, tier.minor.into()));
                    self.with_two("pay-step-uses", "from", tier.from, "price", worth)
                };
                let steps = price.tiers.iter().map(step);
                steps.chain(bounds(price.currency, price.minimum, price.maximum)).collect()
            }
            Pay::RisingShare(of) => {
                let step = |tier: &grantbook_record::compensation::ShareTier| {
                    let above = self.money(&amount(of.currency, tier.above));
                    self.with_two("pay-step-share", "above", above, "share", share(tier.basis_points.get()))
                };
                of.tiers.iter().map(step).chain(bounds(of.currency, of.minimum, of.maximum)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What it comes to if every use is made; `None` where that is not known beforehand.
    pub fn at_most(&self, agreement: &Agreement) -> Option<String> {
        let (Pay::EachUse(price), Some(uses)) = (&agreement.pay, agreement.uses_max) else { return None };
        let most = u64::from(price.minor) * u64::from(uses);
        Some(self.with_two(
            "pay-at-most",
            "formula",
            self.times(uses.into(), &amount(price.currency, price.minor.into())),
            "amount",
            self.money(&amount(price.currency, most)),
        ))
    }

    fn times(&self, uses: u64, price: &Amount) -> String {
        format!("{} × {}", self.number(&uses), self.money(price))
    }

    /// A duty.
    pub fn duty(&self, duty: &Duty) -> String {
        match duty {
            Duty::Mask(fields) => self.with("duty-mask", "fields", self.texts(fields)),
            Duty::Keep(fields) => self.with("duty-keep", "fields", self.texts(fields)),
            Duty::Coarsen(field, to) => self.with_two("duty-coarsen", "field", self.text(field), "to", to),
            Duty::Delete(days) => self.with("duty-delete", "days", *days),
            Duty::Mark(label) => self.with("duty-mark", "label", label),
            Duty::AuditOnly(fields) => self.with("duty-audit-only", "fields", self.texts(fields)),
            Duty::Tell(party) => self.with("duty-tell", "party", self.text(party)),
        }
    }

    /// What a separate consent is to; as it is where it is none that laws know.
    pub fn consent(&self, to: &Term) -> String {
        let key = match to.as_str() {
            "automated-decision" => "consent-automated-decision",
            "cross-border" => "consent-cross-border",
            "derived-asset" => "consent-derived-asset",
            "public-disclosure" => "consent-public-disclosure",
            "sensitive" => "consent-sensitive",
            "special" => "consent-special",
            "third-party" => "consent-third-party",
            other => return other.to_owned(),
        };
        self.say(key)
    }

    /// Several of them.
    pub fn consents(&self, all: &[Term]) -> String {
        figures::list(all.iter().map(|to| self.consent(to)), self.language())
    }

    /// Laws that ask for a consent, each with its article.
    pub fn basis(&self, basis: &[(Law, &'static str)]) -> String {
        let one = |(law, at): &(Law, &'static str)| {
            let law = self.say(match law {
                Law::DataAct => "law-data-act",
                Law::Dpdp => "law-dpdp",
                Law::Gdpr => "law-gdpr",
                Law::Pipl => "law-pipl",
            });
            self.with_two("law-article", "law", law, "article", *at)
        };
        figures::list(basis.iter().map(one), self.language())
    }

    /// How an amount came about.
    pub fn formula(&self, formula: &Formula) -> String {
        match formula {
            Formula::Uses { uses, price } => self.times(*uses, price),
            Formula::Once => self.say("formula-once"),
            Formula::Share { uses, of, pool } => {
                format!("{} ÷ {} × {}", self.number(uses), self.number(of), self.money(pool))
            }
            Formula::Tiers { uses, worth, brought } => {
                let worth = format!("{} − {}", self.money(worth), self.money(brought));
                self.with_two("formula-tiers", "uses", *uses, "worth", worth)
            }
            Formula::Reversed { entry: Some(entry) } => self.with("formula-reversed", "entry", *entry),
            Formula::Reversed { entry: None } => self.say("formula-reversed-use"),
        }
    }
}
