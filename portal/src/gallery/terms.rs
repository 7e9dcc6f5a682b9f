//! Agreements of the gallery: made from terms as they would be signed.

use grantbook_plan::vocabulary::Vocabulary;
use grantbook_record::terms::Language;
use grantbook_record::{Term, Terms, strict_json};

use super::Flavour;
use crate::view::agreement::Agreement;
use crate::view::{Names, Wording};

/// Names that test how a page bears them.
pub(super) struct Named(pub(super) Flavour);

pub(super) const HOSTILE: &str = "\"><script>fetch('//evil')</script><img src=x onerror=alert(1)>";
pub(super) const LONG: &str = "Interprovincial-Mutual-Underwriting-and-Reinsurance-Cooperative-of-the-Greater-Harbour-Area and its subsidiaries";

impl Named {
    pub(super) fn word(&self, english: &str, chinese: &str) -> Wording {
        match self.0 {
            Flavour::Plain => Wording { english: english.to_owned(), chinese: chinese.to_owned() },
            Flavour::Long => Wording {
                english: format!("{LONG} ({english})"),
                chinese: format!(
                    "粤港澳大湾区跨省互助保险与再保险合作社及其附属机构联合服务中心（{chinese}）"
                ),
            },
            Flavour::Hostile => Wording::same(HOSTILE),
        }
    }

    fn bent(&self, plain: Wording) -> Wording {
        match self.0 {
            Flavour::Plain => plain,
            Flavour::Long | Flavour::Hostile => self.word(&plain.english, &plain.chinese),
        }
    }
}

impl Names for Named {
    fn purpose(&self, term: &Term) -> Wording {
        self.bent(Vocabulary::builtin().latest().purpose(term))
    }

    fn category(&self, term: &Term) -> Wording {
        self.bent(Vocabulary::builtin().latest().category(term))
    }

    fn fields(&self, category: &Term) -> Vec<(Term, Wording)> {
        let fields = Vocabulary::builtin().latest().fields(category);
        fields.into_iter().map(|(term, name)| (term, self.bent(name))).collect()
    }

    fn action(&self, term: &Term) -> Wording {
        self.bent(Vocabulary::builtin().latest().action(term))
    }

    fn party(&self, term: &Term) -> Wording {
        let (english, chinese) = match term.as_str() {
            "harbour-insurance" => ("Harbour Insurance", "海港保险"),
            "meridian-motors" => ("Meridian Motors", "子午汽车"),
            "tide-research" => ("Tide Research", "潮汐研究所"),
            other => (other, other),
        };
        self.word(english, chinese)
    }
}

const QUOTE: &str = r#"{"controller":"meridian-motors","recipient":"harbour-insurance","purpose":"insurance-underwriting",
"scope":{"include":[{"category":"fast-charging","period":{"from":"2025-07-01","to":"2025-09-30"}},
{"category":"battery-health","fields":["date","health_percent"]}],
"exclude":[{"category":"fast-charging","fields":["work_order"]}]},
"validity":{"start":1759190400,"end":1790726400},"limits":{"uses":20,"retention_days":30},
"compensation":{"per_use":{"currency":"CNY","minor":80}},
"obligations":[{"mask":{"fields":["station"]}},{"delete_by":{"days":30}}],
"notice":{"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","language":"en","shown_at":1759190400},
"template":{"id":"charging-quote","version":2,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#;

/// The sandbox's insurer asks for a quarter's charging.
pub(super) fn quote(flavour: Flavour) -> Agreement {
    made(QUOTE, flavour)
}

/// The same, cut down: no duration, fewer uses.
pub(super) fn narrowed(flavour: Flavour) -> Agreement {
    let json = QUOTE.replace(
        r#""exclude":[{"category":"fast-charging","fields":["work_order"]}]"#,
        r#""exclude":[{"category":"fast-charging","fields":["work_order","duration_min"]}]"#,
    );
    made(&json.replace(r#""uses":20"#, r#""uses":5"#).replace("1790726400", "1767139200"), flavour)
}

/// Terms that rise with use.
pub(super) fn rising(flavour: Flavour) -> Agreement {
    let json = QUOTE.replace(
        r#""compensation":{"per_use":{"currency":"CNY","minor":80}}"#,
        r#""compensation":{"tiered_price":{"currency":"CNY","minor":80,"tiers":[{"from":10,"minor":90},{"from":50,"minor":100}],"minimum":200,"maximum":9000}}"#,
    );
    made(
        &json.replace(
            r#""limits":{"uses":20,"retention_days":30}"#,
            r#""limits":{"rate":{"uses":3,"seconds":86400}}"#,
        ),
        flavour,
    )
}

/// A share of revenue, for research.
pub(super) fn share(flavour: Flavour) -> Agreement {
    let json = QUOTE
        .replace("harbour-insurance", "tide-research")
        .replace("insurance-underwriting", "research")
        .replace(
            r#""compensation":{"per_use":{"currency":"CNY","minor":80}}"#,
            r#""compensation":{"revenue_share":{"currency":"CNY","basis_points":500}}"#,
        )
        .replace(r#""limits":{"uses":20,"retention_days":30}"#, r#""limits":{"retention_days":90}"#);
    made(&json, flavour)
}

/// No money, but a better fit.
pub(super) fn benefit(flavour: Flavour) -> Agreement {
    let json = QUOTE
        .replace("harbour-insurance", "meridian-motors")
        .replace("insurance-underwriting", "service-personalisation")
        .replace(
            r#""compensation":{"per_use":{"currency":"CNY","minor":80}}"#,
            r#""compensation":{"benefit":{"what":"longer-warranty"}}"#,
        )
        .replace(r#""limits":{"uses":20,"retention_days":30}"#, r#""limits":{"level":2}"#);
    made(&json, flavour)
}

fn made(json: &str, flavour: Flavour) -> Agreement {
    let compact: String = json.lines().collect();
    let terms: Terms = match strict_json::parse(compact.as_bytes()) {
        Ok(terms) => terms,
        Err(error) => unreachable!("the gallery's terms are of the schema: {error}"),
    };
    debug_assert_eq!(terms.notice.language, Language::English);
    let mut agreement = Agreement::of(&terms, &Named(flavour));
    if flavour == Flavour::Hostile {
        // the one place where terms carry free text
        for cluster in &mut agreement.clusters {
            cluster.only.push(("site".to_owned(), vec![HOSTILE.to_owned()]));
        }
    }
    agreement
}
