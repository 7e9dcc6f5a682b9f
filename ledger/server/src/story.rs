//! The sandbox's story: a car maker, an insurer and customers, so that whoever comes has something to see.
//!
//! Nothing of it is made up beside the ledger: it is signed with keys of the sandbox, admitted, decided and settled like
//! anything else. It is told once; a ledger that has it keeps it.

use grantbook_engine::settlement::{PayoutRules, SettleError, Withholding};
use grantbook_engine::{AppendError, Ledger, ReadError, Recorded, SandboxTenant, TenantError};
use grantbook_portal::view::draft::Draft;
use grantbook_record::encoding::{Bytes32, to_base64url};
use grantbook_record::event::{Claims, GrantWithdrawn};
use grantbook_record::uses::{Denied, Outcome, UseFacts, UseRecord, sign_batch};
use grantbook_record::{
    CountryCode, DataDay, Envelope, Event, GateId, Jti, Kind, Salt, Signer, SubjectId, TenantId,
};
use serde::Serialize;
use serde_json::json;

use crate::fixture::{Fixture, FixtureError};
use crate::http::draft::drafted;

const FIXTURE: &str = include_str!("story/fixture.json");
/// Whose pages a visitor of the sandbox looks at.
pub const CUSTOMER: &str = "sandbox-customer-1";
/// Who withdraws in the story.
const WITHDRAWN: &str = "sandbox-customer-2";
/// Who has a report made.
const REPORTED: &str = "sandbox-customer-3";
/// The gate that records refusals.
const GATE: &str = "quotes-1";
/// Before what the gate's key is made from, so that it is of use for nothing else.
const GATE_LABEL: &[u8] = b"grantbook sandbox gate/v1";

/// Why the story was not told.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// Its customers and grants.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// An event of it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// There is no sandbox, or its gate cannot be registered.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// Its money.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It does not come out as it is told.
    #[error("the story went wrong: {0}")]
    Wrong(&'static str),
}

/// Tells it, unless it was told. Gives the number of entries that it added.
pub fn tell(ledger: &Ledger) -> Result<u64, StoryError> {
    let SandboxTenant { tenant, enterprise, .. } = ledger.sandbox()?;
    let before = ledger.size_root().0.0;
    let known = ledger.customer(tenant.id, &subject(CUSTOMER)?);
    if known.is_some_and(|known| !known.grants.is_empty()) {
        return Ok(0);
    }
    let loaded = Fixture::parse(FIXTURE.as_bytes())?.load(ledger, || ledger.new_id())?;
    let mut story = Story { ledger, tenant: tenant.id, enterprise, refused: Vec::new() };

    for day in ["2025-07-04", "2025-07-19", "2025-08-02", "2025-08-23", "2025-09-06"] {
        story.permitted(CUSTOMER, "fast-charging", &["date", "energy_kwh"], day)?;
    }
    story.permitted(WITHDRAWN, "fast-charging", &["date", "energy_kwh"], "2025-07-11")?;
    for _ in 0..2 {
        story.permitted(REPORTED, "battery-health", &["date", "health_percent"], "2025-09-30")?;
    }
    story.denied(CUSTOMER, "fast-charging", &["work_order"], "2025-07-04")?;
    story.denied(CUSTOMER, "fast-charging", &["date"], "2025-10-05")?;
    // the first period ends, and what it came to is paid to whoever is owed enough
    ledger.settle(tenant.id, 0)?;
    story.paid(REPORTED)?;

    let grant = loaded.grants.get(1).ok_or(StoryError::Wrong("no grant to be withdrawn"))?;
    let signer = loaded.customers.get(&subject(WITHDRAWN)?).ok_or(StoryError::Wrong("no customer"))?;
    let withdrawn = GrantWithdrawn { sub: subject(WITHDRAWN)?, grant: *grant, channel: None };
    story.append(Kind::GrantWithdrawn, withdrawn, signer)?;
    story.denied(WITHDRAWN, "fast-charging", &["date"], "2025-07-11")?;
    story.permitted(CUSTOMER, "fast-charging", &["date", "soc"], "2025-09-20")?;
    story.record_refusals()?;
    ask(ledger, tenant.id, &subject(CUSTOMER)?, "battery-report")?;
    Ok(ledger.size_root().0.0.saturating_sub(before))
}

/// The sandbox's enterprise asks a customer by one of the story's templates: in the very way of its desk.
pub(crate) fn ask(
    ledger: &Ledger,
    tenant: TenantId,
    sub: &SubjectId,
    template: &str,
) -> Result<(), StoryError> {
    let SandboxTenant { enterprise, .. } = ledger.sandbox()?;
    let (notice, uses, price) = match template {
        "battery-report" => ("sandbox-report-notice", "6", "8.00"),
        _ => ("sandbox-notice", "100", "0.80"),
    };
    let period = if template == "battery-report" { ("", "") } else { ("2025-07-01", "2025-09-30") };
    let published = ledger.publications(tenant)?.into_iter().find_map(|event| match event {
        Event::NoticePublished(known) if known.id.as_str() == notice => Some(known),
        _ => None,
    });
    let notice = published.ok_or(StoryError::Wrong("no notice"))?;
    let mut draft = Draft {
        template: template.to_owned(),
        customer: sub.as_str().to_owned(),
        from: period.0.to_owned(),
        to: period.1.to_owned(),
        days: "180".to_owned(),
        uses: uses.to_owned(),
        price: price.to_owned(),
        notice: to_base64url(&Bytes32::sha256(notice.text.as_bytes()).0),
        ..Draft::default()
    };
    if template != "battery-report" {
        draft.without.push("fast-charging/work_order".to_owned());
    }
    let drafted = drafted(ledger, tenant, &draft, ledger.now().seconds())?;
    let made = drafted.made.ok_or(StoryError::Wrong("a request that cannot be made"))?;
    let payload = Claims::new(tenant, ledger.new_id(), made).to_json();
    ledger.append(tenant, &Envelope::sign(Kind::RequestMade, &payload, &[&enterprise]))?;
    Ok(())
}

fn subject(name: &str) -> Result<SubjectId, StoryError> {
    SubjectId::parse(name).map_err(|_| StoryError::Wrong("no pseudonym"))
}

struct Story<'a> {
    ledger: &'a Ledger,
    tenant: TenantId,
    enterprise: Signer,
    /// Refusals that the gate has yet to record.
    refused: Vec<(UseFacts, Denied)>,
}

impl Story<'_> {
    fn append<T: Serialize>(&self, kind: Kind, event: T, signer: &Signer) -> Result<(), StoryError> {
        let payload = Claims::new(self.tenant, self.ledger.new_id(), event).to_json();
        self.ledger.append(self.tenant, &Envelope::sign(kind, &payload, &[signer]))?;
        Ok(())
    }

    /// What the ledger's own gate answers.
    fn asked(
        &self,
        sub: &str,
        category: &str,
        fields: &[&str],
        day: &str,
    ) -> Result<(UseFacts, Recorded), StoryError> {
        let facts = json!({
            "data_subject": sub, "requester": "quote-service", "recipient": "harbour-insurance",
            "purpose": "insurance-underwriting", "action": "read", "categories": [category],
            "fields": fields, "data_period": { "from": day, "to": day },
        });
        let facts: UseFacts =
            serde_json::from_value(facts).map_err(|_| StoryError::Wrong("a use that is none"))?;
        let recorded = self.ledger.decide_and_record(self.tenant, &facts, None, None)?;
        Ok((facts, recorded))
    }

    fn permitted(&self, sub: &str, category: &str, fields: &[&str], day: &str) -> Result<(), StoryError> {
        match self.asked(sub, category, fields, day)?.1 {
            Recorded::Permit { .. } => Ok(()),
            Recorded::Denial(_) => Err(StoryError::Wrong("a use was denied")),
        }
    }

    fn denied(&mut self, sub: &str, category: &str, fields: &[&str], day: &str) -> Result<(), StoryError> {
        match self.asked(sub, category, fields, day)? {
            (_, Recorded::Permit { .. }) => Err(StoryError::Wrong("a use was permitted")),
            (facts, Recorded::Denial(denial)) => {
                self.refused.push((facts, Denied { reason: denial.reason, grant: denial.grant }));
                Ok(())
            }
        }
    }

    /// The ledger's own gate records permits alone; a gate of the enterprise's records what it refused, too.
    fn record_refusals(&self) -> Result<(), StoryError> {
        let gate = GateId::parse(GATE).map_err(|_| StoryError::Wrong("no gate"))?;
        let secret = zeroize::Zeroizing::new([GATE_LABEL, self.enterprise.seed().as_slice()].concat());
        let key = Signer::from_seed(&Bytes32::sha256(&secret).0);
        let key = key.ok_or(StoryError::Wrong("the gate's key would be a weak one"))?;
        self.ledger.register_gate(self.tenant, &gate, *key.public_key())?;
        let at = self.ledger.now().seconds();
        let records: Vec<_> = (0..)
            .zip(&self.refused)
            .map(|(seq, (facts, denied))| {
                let outcome = Outcome::Denied(denied.clone());
                let record = UseRecord::new(gate.clone(), seq, at, facts.clone(), outcome);
                // a salt must be nobody's guess, and is: of a key that nobody else has
                let salt = Bytes32::sha256(&[secret.as_slice(), &record.to_json()].concat());
                (record, Salt(salt))
            })
            .collect();
        let claims = Claims::new(self.tenant, self.ledger.new_id(), ());
        let batch = sign_batch(&claims, &records, &key).ok_or(StoryError::Wrong("no batch"))?;
        let json = serde_json::to_vec(&batch).map_err(|_| StoryError::Wrong("no batch"))?;
        self.ledger.append_uses(self.tenant, &json)?;
        Ok(())
    }

    /// Paid as by a bank that reports that all went well.
    fn paid(&self, sub: &str) -> Result<(), StoryError> {
        let withholding = Withholding::built_in().map_err(|_| StoryError::Wrong("no table of taxes"))?;
        let today = DataDay(i32::try_from(self.ledger.now().seconds().0 / 86_400).unwrap_or(i32::MAX));
        let rules = PayoutRules { thresholds: std::collections::BTreeMap::new(), withholding, day: today };
        let country = CountryCode::parse("CN").ok_or(StoryError::Wrong("no country"))?;
        let file: Jti = self.ledger.new_id();
        let payees = [(subject(sub)?, country)];
        for (_, ordered) in self.ledger.order_payouts(self.tenant, file, &payees, &rules)? {
            match ordered {
                grantbook_engine::settlement::Ordered::Order(order) => {
                    self.ledger.payment_ended(self.tenant, order.id, None)?;
                }
                _ => return Err(StoryError::Wrong("nothing was ordered to be paid")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
