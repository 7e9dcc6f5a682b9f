//! Random mandates and requests over few words, so that they meet often. The same seed gives the same.

use grantbook_record::encoding::Bytes32;
use serde_json::{Map, Value, json};

const RECIPIENTS: &[&str] = &["harbour", "safe", "shop"];
const KINDS: &[&str] = &["insurer", "carmaker"];
const PURPOSES: &[&str] = &["insurance-underwriting", "marketing"];
const CATEGORIES: &[&str] = &["driving", "contact"];
const FIELDS: &[(&str, &[&str])] =
    &[("driving", &["date", "location", "distance_km"]), ("contact", &["email", "name"])];
const TEMPLATES: &[&str] = &["plain", "strict"];
const CONSENTS: &[&str] = &["sensitive", "third-party"];
/// 2025-10-01T00:00:00Z.
const START: u64 = 1_759_276_800;
const DAY: u64 = 86_400;

/// Two templates; of the second one, grants need two signatures.
pub(crate) fn templates() -> Vec<Value> {
    let text = json!([{"language": "en", "title": "t", "body": "b"}]);
    let kinds = [("plain", "harbour", "insurer"), ("strict", "safe", "carmaker")];
    let of = |(id, recipient, kind): (&str, &str, &str)| {
        let mut bounds = json!({
            "controllers": ["voltway"], "recipients": RECIPIENTS, "purposes": PURPOSES,
            "categories": CATEGORIES, "validity_days_max": 365,
            "kinds": [{"recipient": recipient, "kind": kind}],
        });
        if id == "strict" {
            bounds["signatures_min"] = json!(2);
        }
        json!({"id": id, "version": 1, "text": text, "bounds": bounds})
    };
    kinds.into_iter().map(of).collect()
}

/// SplitMix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D000_0000)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn one<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()]
    }

    /// At least one of the words.
    fn some(&mut self, words: &[&str]) -> Value {
        let first = self.one(words);
        let others: Vec<&str> =
            words.iter().copied().filter(|word| *word != first && self.once_in(2)).collect();
        json!([&[first][..], &others].concat())
    }

    fn price(&mut self) -> Value {
        json!({"currency": if self.once_in(5) { "EUR" } else { "CNY" }, "minor": self.one(&[0, 50, 80, 100])})
    }

    fn data(&mut self) -> Value {
        let (category, fields) = self.one(FIELDS);
        if self.once_in(3) {
            json!({"category": category})
        } else {
            json!({"category": category, "fields": self.some(fields)})
        }
    }

    fn floor(&mut self) -> Value {
        match self.below(8) {
            0 => json!({"per_grant": self.price()}),
            1 => json!({"benefit": {"what": "better-rate"}}),
            2 => {
                let basis_points = self.one(&[100, 500]);
                json!({"revenue_share": {"currency": "CNY", "basis_points": basis_points}})
            }
            _ => json!({"per_use": self.price()}),
        }
    }

    fn when(&mut self) -> Value {
        let mut when = Map::new();
        for (name, words, times) in [
            ("recipients", RECIPIENTS, 4),
            ("kinds", KINDS, 4),
            ("purposes", PURPOSES, 3),
            ("categories", CATEGORIES, 4),
            ("templates", TEMPLATES, 5),
        ] {
            if self.once_in(times) {
                when.insert(name.to_owned(), self.some(words));
            }
        }
        Value::Object(when)
    }

    fn within(&mut self) -> Value {
        let mut within = Map::new();
        let mut put = |name: &str, value: Value| drop(within.insert(name.to_owned(), value));
        if self.once_in(5) {
            put("categories", self.some(CATEGORIES));
        }
        if self.once_in(4) {
            put("never", json!([self.data()]));
        }
        if self.once_in(3) {
            put("price_min", json!([self.floor(), self.floor()]));
        }
        if self.once_in(4) {
            put("validity_days_max", json!(self.one(&[7, 30])));
        }
        if self.once_in(5) {
            put("retention_days_max", json!(self.one(&[7, 30])));
        }
        if self.once_in(5) {
            put("uses_max", json!(self.one(&[3, 10])));
        }
        if self.once_in(6) {
            put("level_max", json!(self.one(&[1, 2])));
        }
        if !self.once_in(5) {
            put("consents", self.some(CONSENTS));
        }
        Value::Object(within)
    }

    fn rule(&mut self) -> Value {
        let mut rule = json!({"when": self.when()});
        if !self.once_in(5) {
            rule["accept"] = self.within();
        }
        if self.once_in(3) {
            rule["otherwise"] = json!("decline");
        }
        rule
    }

    pub(crate) fn mandate(&mut self) -> Value {
        let rules: Vec<Value> = (0..=self.below(3)).map(|_| self.rule()).collect();
        let mut mandate = json!({
            "sub": "cs-00004",
            "from": {"key": Bytes32([1; 32])},
            "agent": {"crv": "Ed25519", "kty": "OKP", "x": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"},
            "until": START + self.one(&[10, 100]) * DAY,
            "depth": 1,
            "rules": rules,
        });
        if self.once_in(3) {
            mandate["otherwise"] = json!("decline");
        }
        mandate
    }

    /// A mandate that is mostly narrower, and sometimes wider by one thing.
    pub(crate) fn narrowed(&mut self, parent: &Value) -> Value {
        let mut child = parent.clone();
        child["depth"] = json!(0);
        for rule in child["rules"].as_array_mut().unwrap() {
            if rule.get("accept").is_some() && !self.once_in(4) {
                let other = self.within();
                for (name, value) in other.as_object().unwrap() {
                    if self.once_in(3) {
                        rule["accept"][name] = value.clone();
                    }
                }
            }
            if self.once_in(6) {
                let name = self.one(&["recipients", "kinds", "purposes", "categories", "templates"]);
                let other = self.when();
                match other.get(name) {
                    Some(words) => rule["when"][name] = words.clone(),
                    None => drop(rule["when"].as_object_mut().unwrap().remove(name)),
                }
            }
            if rule.get("accept").is_some() && self.once_in(8) {
                let name = self.one(&["never", "price_min", "uses_max", "validity_days_max", "categories"]);
                rule["accept"].as_object_mut().unwrap().remove(name);
            }
        }
        let rules = child["rules"].as_array_mut().unwrap();
        if self.once_in(4) {
            rules.push(self.rule());
        }
        if rules.len() > 1 && self.once_in(4) {
            let at = usize::try_from(self.below(rules.len() as u64)).unwrap();
            rules.remove(at);
        }
        child
    }

    fn clause(&mut self) -> Value {
        let mut clause = self.data();
        if self.once_in(6) {
            clause["period"] = json!({"from": "2025-01-01", "to": "2025-06-30"});
        }
        if self.once_in(6) {
            clause["filter"] = json!([{"attribute": "site", "any_of": ["depot"]}]);
        }
        clause
    }

    pub(crate) fn terms(&mut self) -> Value {
        let template = self.one(&["plain", "plain", "plain", "plain", "plain", "plain", "strict", "unknown"]);
        let include: Vec<Value> = (0..=self.below(2)).map(|_| self.clause()).collect();
        let exclude: Vec<Value> = (0..self.below(3)).map(|_| self.clause()).collect();
        let start = START + self.one(&[0, 0, 5, 50]) * DAY;
        let mut limits = Map::new();
        for (name, values) in
            [("uses", &[1, 3, 10, 20]), ("retention_days", &[1, 7, 30, 90]), ("level", &[0, 1, 2, 3])]
        {
            if !self.once_in(4) {
                limits.insert(name.to_owned(), json!(self.one(values)));
            }
        }
        let compensation = match self.below(9) {
            0 => json!("none"),
            1 => json!({"per_grant": self.price()}),
            2 => json!({"revenue_share": {"currency": "CNY", "basis_points": self.one(&[100, 500])}}),
            3 => {
                let mut tiered = self.price();
                tiered["tiers"] = json!([{"from": 10, "minor": 200}]);
                json!({"tiered_price": tiered})
            }
            4 => {
                let mut tiered = json!({"currency": "CNY", "basis_points": self.one(&[100, 500]),
                    "tiers": [{"above": 1000, "basis_points": 600}]});
                if self.once_in(2) {
                    tiered["maximum"] = json!(5000);
                }
                json!({"tiered_share": tiered})
            }
            5 => json!({"benefit": {"what": self.one(&["better-rate", "gift"])}}),
            _ => json!({"per_use": self.price()}),
        };
        let mut terms = json!({
            "controller": "voltway",
            "recipient": self.one(RECIPIENTS),
            "purpose": self.one(PURPOSES),
            "scope": {"include": include, "exclude": exclude},
            "validity": {"start": start, "end": start + self.one(&[5, 7, 30, 31]) * DAY},
            "limits": limits,
            "compensation": compensation,
            "notice": {"hash": Bytes32([2; 32]), "language": "en", "shown_at": START},
            "template": {"id": template, "version": 1, "hash": Bytes32::sha256(template.as_bytes())},
        });
        if self.once_in(4) {
            let asked = |to: &Value| {
                let sentence = Bytes32::sha256(to.to_string().as_bytes());
                json!({"to": to, "sentence": sentence})
            };
            terms["consents"] = self.some(CONSENTS).as_array().unwrap().iter().map(asked).collect();
        }
        if self.once_in(6) {
            terms["obligations"] = json!([{"delete_by": {"days": self.one(&[1, 7, 60])}}]);
        }
        if self.once_in(20) {
            terms["supersedes"] = json!("01a1ee56-5e08-7808-8808-080808080808");
        }
        if self.once_in(20) {
            terms["licence"] = json!({"asset": "01a1ee56-5e08-7808-8808-080808080808"});
        }
        if self.once_in(25) {
            terms["vocabulary"] = json!(2);
        }
        terms
    }
}
