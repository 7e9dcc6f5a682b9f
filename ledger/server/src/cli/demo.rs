//! `demo`: the whole story once, in a temporary folder, over real HTTP. Each step fails the command if it does not come
//! out as told.

mod floor;
mod stage;

use std::time::Instant;

use grantbook_record::event::{GrantGiven, GrantWithdrawn};
use grantbook_record::{Jti, Kind, Receipt, Signer, SubjectId, Term};
use grantbook_tlog::LogKeys;
use serde_json::{Value, json};

use super::clock;
use super::door::{Answer, DenialText, Door, check_remote};
use super::failure::Failure;
use super::grant::enrol;
use super::keygen;
use super::output::{Output, Verdict};
use super::published::{append, publish};
use super::remote::Remote;
use super::scenario;
use super::verify::{DemandArgs, LogSource, verify_log};
use stage::Stage;

/// The floor that is proved, in fen: the template's.
const FLOOR_FEN: u32 = 50;

pub(crate) fn run(output: Output) -> Result<Verdict, Failure> {
    let begun = Instant::now();
    output.say("A customer, a charging network and an insurer. Everything below is really done.\n");
    let stage = Stage::set()?;
    let mut story = Story { output, remote: stage.remote()?, steps: Vec::new() };
    let told = story.tell(&stage);
    // the server stops in order whether the story went well or not
    let stopped = stage.clear();
    let mut result = told?;
    stopped?;
    let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    output.say(format!("\nDone in {seconds:.1} s; the folder is gone."));
    if let Some(result) = result.as_object_mut() {
        result.insert("steps".to_owned(), json!(story.steps));
        result.insert("seconds".to_owned(), json!(seconds));
    }
    output.result(&result);
    Ok(Verdict::Yes)
}

struct Story {
    output: Output,
    remote: Remote,
    steps: Vec<Value>,
}

impl Story {
    /// One numbered step: a line that says what was done, and one that says what came of it.
    fn step(&mut self, done: &str, came: &str, facts: &Value) {
        let number = self.steps.len() + 1;
        self.output.say(format!("{number:>2}. {done}\n    {came}"));
        self.steps.push(json!({ "step": number, "done": done, "came": came, "facts": facts }));
    }

    fn tell(&mut self, stage: &Stage) -> Result<Value, Failure> {
        let Stage { tenant, enterprise, keys, .. } = stage;
        let door = Door::Remote(self.remote.clone());
        let published =
            publish(&door, *tenant, scenario::template(1)?, scenario::notices()?, enterprise, None)
                .map_err(Failure::from)?;
        self.step(
            "The charging network publishes a template and its notice, in English and Chinese.",
            "Signed with the network's own key; entries 0 to 2 of the log.",
            &json!({ "tenant": tenant, "template": published.template }),
        );

        let (sub, customer) = (SubjectId::parse("customer-1").map_err(Failure::fault)?, keygen::fresh()?);
        enrol(&door, *tenant, &sub, &customer, enterprise)?;
        self.step(
            "A customer makes a key of their own.",
            "The network vouches for it once; from here on only this key speaks for the customer.",
            &json!({ "key": customer.thumbprint() }),
        );

        let terms = scenario::terms(&published, clock::now().seconds())?;
        let event = GrantGiven { sub: sub.clone(), terms, request: None, birth_day: None, mandate: None };
        let forged = append(&door, *tenant, Kind::GrantGiven, event.clone(), &[enterprise]);
        let refusal = forged.err().ok_or_else(|| unexpected("a grant that the network signed was taken"))?;
        self.step(
            "The network tries to sign a grant in the customer's name.",
            &format!("Refused: {}", refusal.failure),
            &json!({ "refusal": refusal.failure.to_string() }),
        );
        let taken = append(&door, *tenant, Kind::GrantGiven, event, &[&customer]).map_err(Failure::from)?;
        taken.receipt.verify(keys).map_err(Failure::fault)?;
        let grant = jti_of(&taken.receipt)?;
        self.step(
            "The customer grants: fast-charging records of July to September 2025, for insurance, without work orders.",
            &format!("At most 100 uses, 0.80 CNY each, for a year. Entry {} of the log.", taken.leaf_index),
            &json!({ "grant": grant, "leaf_index": taken.leaf_index }),
        );

        let receipt = self.permitted_use(&sub)?;
        self.offline(&receipt, keys)?;
        self.payout_floor(&receipt, stage)?;
        self.denied_uses(&sub)?;
        self.withdrawal(stage, &sub, &customer, grant)?;

        let verified = verify_log(&LogSource::Remote(self.remote.clone()), keys, &DemandArgs::default())?;
        self.step(
            "Anybody reads the whole log and hashes it again.",
            &format!("{} entries lead to the signed root.", verified.tree_size),
            &json!(verified),
        );
        Ok(json!({ "log": verified }))
    }

    fn permitted_use(&mut self, sub: &SubjectId) -> Result<Receipt, Failure> {
        match check_remote(&self.remote, &scenario::facts(sub)?, None)? {
            Answer::Permit { leaf_index, obligations, receipt, .. } => {
                self.step(
                    "The insurer's service asks for July's dates and energy, before it reads them.",
                    &format!(
                        "Permitted, and recorded as entry {leaf_index}. Obligation: delete within 30 days."
                    ),
                    &json!({ "leaf_index": leaf_index, "obligations": obligations }),
                );
                Ok(*receipt)
            }
            Answer::Denial(denial) => Err(unexpected(&format!("the use was denied: {}", denial.reason))),
        }
    }

    /// The receipt alone, against the log's two keys; then with one bit changed.
    fn offline(&mut self, receipt: &Receipt, keys: &LogKeys) -> Result<(), Failure> {
        let json = receipt.to_json();
        let verified =
            Receipt::parse(&json).and_then(|receipt| receipt.verify(keys)).map_err(Failure::fault)?;
        let mut forged = json.clone();
        let middle = forged.len() / 2;
        for byte in forged.iter_mut().skip(middle).take(1) {
            *byte ^= 1;
        }
        if Receipt::parse(&forged).and_then(|receipt| receipt.verify(keys)).is_ok() {
            return Err(unexpected("a changed receipt was accepted"));
        }
        self.step(
            "The customer checks the receipt offline, with nothing but the log's two public keys.",
            "Valid: signatures, place in the log, price. With one bit changed it is refused.",
            &json!({ "bytes": json.len(), "trust": verified.trust.name() }),
        );
        Ok(())
    }

    fn payout_floor(&mut self, receipt: &Receipt, stage: &Stage) -> Result<(), Failure> {
        let proof = floor::prove_and_verify(receipt, &self.remote, &stage.keys, FLOOR_FEN)?;
        self.step(
            "The network proves to a regulator that the use pays at least 0.50 CNY.",
            &format!(
                "{} bytes, verified against the commitment in the public log; they do not show the price. \
                 For a floor of 0.81 CNY no proof can be made.",
                proof.len()
            ),
            &json!({ "floor_minor": FLOOR_FEN, "proof_bytes": proof.len() }),
        );
        Ok(())
    }

    fn denied_uses(&mut self, sub: &SubjectId) -> Result<(), Failure> {
        let mut facts = scenario::facts(sub)?;
        let field = Term::parse("work_order").map_err(Failure::fault)?;
        facts.fields =
            grantbook_record::list::List::new(vec![field]).ok_or_else(|| unexpected("no field"))?;
        let denial = self.denied(&facts, "field")?;
        self.step(
            "The service asks for work orders.",
            &sentence(&denial),
            &json!({ "reason": denial.reason }),
        );
        Ok(())
    }

    fn withdrawal(
        &mut self,
        stage: &Stage,
        sub: &SubjectId,
        customer: &Signer,
        grant: Jti,
    ) -> Result<(), Failure> {
        let door = Door::Remote(self.remote.clone());
        let event = GrantWithdrawn { sub: sub.clone(), grant, channel: None };
        let taken =
            append(&door, stage.tenant, Kind::GrantWithdrawn, event, &[customer]).map_err(Failure::from)?;
        self.step(
            "The customer withdraws: one signature.",
            &format!("Entry {} of the log.", taken.leaf_index),
            &json!({ "leaf_index": taken.leaf_index }),
        );
        let denial = self.denied(&scenario::facts(sub)?, "withdrawn")?;
        self.step(
            "The service asks again for what it was permitted a moment ago.",
            &sentence(&denial),
            &json!({ "reason": denial.reason }),
        );
        Ok(())
    }

    fn denied(&self, facts: &grantbook_record::uses::UseFacts, reason: &str) -> Result<DenialText, Failure> {
        match check_remote(&self.remote, facts, None)? {
            Answer::Denial(denial) if denial.reason == reason => Ok(denial),
            Answer::Denial(denial) => Err(unexpected(&format!("denied as {}, not {reason}", denial.reason))),
            Answer::Permit { .. } => Err(unexpected("the use was permitted")),
        }
    }
}

fn sentence(denial: &DenialText) -> String {
    format!("Denied ({}): {}.", denial.reason, denial.what)
}

fn unexpected(what: &str) -> Failure {
    Failure::Fault(format!("the story went wrong: {what}"))
}

fn jti_of(receipt: &Receipt) -> Result<Jti, Failure> {
    Ok(super::grant::envelope_of(receipt)?.event().map_err(Failure::fault)?.jti)
}
