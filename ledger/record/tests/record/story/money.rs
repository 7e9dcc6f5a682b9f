//! What a period came to, and what was made of data.

#[allow(clippy::wildcard_imports, reason = "the story goes on")]
use super::*;

/// A period in which a use was paid by its price, and a share of revenue was given beside it.
pub(super) fn sample_of_money(kind: Kind) -> Sample {
    let (sub, grant, currency) = (subject(), grant(), Currency::parse("CNY").unwrap());
    let (period, order, operator) = (Period(3), jti(26), || vec![operator()]);
    match kind {
        Kind::RevenueDeclared => {
            let minor = Revenue::new(120_050).unwrap();
            Sample::new(kind, 22, RevenueDeclared { period, group: 2, currency, minor }, vec![enterprise()])
        }
        Kind::SettlementClosed => {
            Sample::new(kind, 23, SettlementClosed { period, fee_basis_points: 250 }, operator())
        }
        Kind::PayoutAccrued => {
            let basis = Basis::Share(OfPool { uses: 2, of_uses: 7, pool: 6002 });
            let event = PayoutAccrued { sub, grant, period, group: 2, currency, minor: 1715, basis };
            Sample::new(kind, 24, event, operator())
        }
        Kind::SettlementPosted => {
            let revenue = Some(120_050);
            let event = SettlementPosted { period, group: 2, currency, revenue, pool: 6002, fee: 150 };
            Sample::new(kind, 25, event, operator())
        }
        Kind::PayoutOrdered => {
            let country = CountryCode::parse("CN").unwrap();
            let event = PayoutOrdered { sub, file: jti(30), currency, gross: 1715, withheld: 343, country };
            Sample::new(kind, 26, event, operator())
        }
        Kind::PayoutPaid => Sample::new(kind, 27, PayoutPaid { sub, order }, operator()),
        Kind::PayoutFailed => {
            Sample::new(kind, 28, PayoutFailed { sub, order, reason: term("ac04") }, operator())
        }
        Kind::PayoutReversed => {
            let used = RecordedUse { gate: GateId::parse("underwriting-1").unwrap(), seq: FIRST };
            let entry = ReversedEntry::Use(used);
            let event = PayoutReversed { sub, entry, currency, minor: 80, reason: term("duplicate") };
            Sample::new(kind, 29, event, operator())
        }
        other => panic!("no sample of {other}"),
    }
}

/// A battery-health report, derived from charging records under a grant that is not in the story.
pub(super) fn sample_of_assets(kind: Kind) -> Sample {
    let (sub, asset) = (subject(), jti(31));
    match kind {
        Kind::AssetIssued => {
            let price = Price { currency: Currency::parse("CNY").unwrap(), minor: 250 };
            let purposes = terms_list(&["insurance-underwriting"]);
            let until = UnixSeconds(NOW.0 + 90 * 86_400);
            let event = AssetIssued {
                sub,
                category: term("battery-health"),
                hash: Bytes32::sha256(b"capacity 71.3 kWh of 78.0, health 91 %"),
                derived_by: term("voltway"),
                derived_from: List::new(vec![jti(30)]).unwrap(),
                purpose: term("service-personalisation"),
                owner: Owner::Customer,
                terms: AssetTerms {
                    transferable_to: List::new(vec![Owner::Enterprise]).unwrap(),
                    outlives_grants: false,
                    licence: Some(LicenceOffer { price, purposes, until, resale: false }),
                },
            };
            Sample::new(kind, 31, event, vec![enterprise()])
        }
        Kind::AssetTransferred => {
            let event = AssetTransferred { sub, asset, to: Owner::Enterprise };
            Sample::new(kind, 32, event, vec![customer(), enterprise()])
        }
        other => panic!("no sample of {other}"),
    }
}
