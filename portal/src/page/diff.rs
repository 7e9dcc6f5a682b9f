//! What differs between two agreements, fact by fact, in the words in which each is shown.

use super::Page;
use crate::view::agreement::Agreement;
use crate::view::story::Difference;

/// Facts that differ, in the order in which agreements are shown.
pub fn differences(page: &Page, before: &Agreement, after: &Agreement) -> Vec<Difference> {
    let before = facts(page, before);
    let after = facts(page, after);
    let pairs = before.into_iter().zip(after);
    pairs
        .filter(|((_, before), (_, after))| before != after)
        .map(|((fact, before), (_, after))| Difference { fact, before, after })
        .collect()
}

fn facts(page: &Page, agreement: &Agreement) -> [(&'static str, String); 11] {
    let lines = |clusters: &[crate::view::agreement::Cluster]| {
        clusters.iter().map(|cluster| page.cluster(cluster)).collect::<Vec<_>>().join("; ")
    };
    let mut pay = vec![page.pay(&agreement.pay)];
    pay.extend(page.pay_steps(&agreement.pay));
    [
        ("fact-recipient", page.text(&agreement.recipient).to_owned()),
        ("fact-purpose", page.text(&agreement.purpose).to_owned()),
        ("fact-data", lines(&agreement.clusters)),
        ("fact-left-out", lines(&agreement.left_out)),
        ("fact-validity", page.validity(agreement)),
        ("fact-uses", page.limit(agreement)),
        ("fact-kept", page.kept(agreement)),
        ("fact-level", agreement.level.map_or_else(String::new, |level| page.level(&level))),
        ("fact-duties", agreement.duties.iter().map(|duty| page.duty(duty)).collect::<Vec<_>>().join("; ")),
        ("fact-consents", page.consents(&agreement.consents)),
        ("fact-pay", pay.join("; ")),
    ]
}
