//! `agent`: answers waiting requests by the rules of a mandate.
//!
//! What the rules say of each request the ledger tells, which knows templates and vocabulary. An agent that was lied to signs
//! nothing that every reader would not refuse: before it signs it compares the terms with its mandate itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use grantbook_plan::mandate::may_narrow;
use grantbook_record::event::{GrantGiven, MandateGiven, RequestDeclined};
use grantbook_record::list::List;
use grantbook_record::{Jti, Kind, Signer, SubjectId, TenantId, Terms, UnixMillis};
use serde::Deserialize;
use serde_json::json;

use super::clock;
use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::files;
use super::mandate::of_agent;
use super::output::{Output, Verdict};
use super::published::append;

/// Arguments of `agent`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The agent's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The mandate: the jti of what was signed
    #[arg(long, value_name = "JTI")]
    mandate: Jti,
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    /// Answer what waits now, and stop
    #[arg(long)]
    once: bool,
    /// Seconds between two looks
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "once")]
    every: u32,
    #[command(flatten)]
    door: DoorArgs,
}

/// A request that waits, with what the mandate says of it.
#[derive(Debug, Deserialize)]
struct Waiting {
    request: Jti,
    terms: Terms,
    answer: Said,
}

#[derive(Debug, Deserialize)]
struct Said {
    verdict: String,
    #[serde(default)]
    why: Option<String>,
}

#[derive(Deserialize)]
struct AllWaiting {
    requests: Vec<Waiting>,
}

/// What an agent has done.
#[derive(Debug, Default)]
struct Done {
    accepted: Vec<Jti>,
    declined: Vec<Jti>,
    left: Vec<Jti>,
}

impl Done {
    fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.declined.is_empty() && self.left.is_empty()
    }
}

impl Door {
    fn waiting(&self, tenant: TenantId, sub: &SubjectId, mandate: Jti) -> Result<Vec<Waiting>, Failure> {
        match self {
            Self::Local(ledger) => {
                let answers = ledger.answers_of(tenant, sub, &mandate)?.into_iter();
                let waiting = answers.map(|(row, answer)| Waiting {
                    request: row.id,
                    terms: row.request.terms,
                    answer: Said {
                        verdict: answer.verdict.to_owned(),
                        why: answer.why.map(|why| why.to_string()),
                    },
                });
                Ok(waiting.collect())
            }
            Self::Remote(remote) => {
                let path = format!("/v1/requests?sub={sub}&mandate={mandate}");
                Ok(remote.get_json::<AllWaiting>(&path)?.requests)
            }
        }
    }
}

pub(crate) fn run(args: &AgentArgs, output: Output) -> Result<Verdict, Failure> {
    let key = files::read_key(&args.key)?;
    let door = args.door.open(false)?;
    let answered = (|| -> Result<Done, Failure> {
        let tenant = args.door.tenant(&door)?;
        loop {
            let listed = door.mandates(tenant, &args.sub)?;
            let mandate = of_agent(&listed, args.mandate, &key, &args.key)?;
            let done = answer(args, &door, tenant, (&mandate, &key), output)?;
            if args.once {
                if done.is_empty() {
                    output.say("no request waits for an answer");
                }
                return Ok(done);
            }
            std::thread::sleep(Duration::from_secs(args.every.into()));
        }
    })();
    door.close()?;
    let Done { accepted, declined, left } = answered?;
    output.result(&json!({ "accepted": accepted, "declined": declined, "left": left }));
    Ok(Verdict::Yes)
}

fn answer(
    args: &AgentArgs,
    door: &Door,
    tenant: TenantId,
    (mandate, key): (&MandateGiven, &Signer),
    output: Output,
) -> Result<Done, Failure> {
    let mut done = Done::default();
    for Waiting { request, terms, answer } in door.waiting(tenant, &args.sub, args.mandate)? {
        let sub = args.sub.clone();
        let named = Some(args.mandate);
        match answer.verdict.as_str() {
            "accept" => {
                if let Err(refusal) = may_narrow(mandate, &terms) {
                    return Err(Failure::Fault(format!("the ledger says accept, and it is not: {refusal}")));
                }
                let terms = given(terms);
                let event =
                    GrantGiven { sub, terms, request: Some(request), birth_day: None, mandate: named };
                match append(door, tenant, Kind::GrantGiven, event, &[key]) {
                    Ok(taken) => {
                        output.say(format!("request {request} accepted, entry {}", taken.leaf_index));
                        done.accepted.push(request);
                    }
                    // such as a template that meanwhile asks for more: the customer may still want it
                    Err(refused) => {
                        output.say(format!("request {request} left: {}", refused.failure));
                        done.left.push(request);
                    }
                }
            }
            "decline" => {
                let event = RequestDeclined { sub, request, unless: None, mandate: named };
                append(door, tenant, Kind::RequestDeclined, event, &[key])?;
                output.say(format!("request {request} declined: {}", answer.why.unwrap_or_default()));
                done.declined.push(request);
            }
            _ => {
                output.say(format!("request {request} left: {}", answer.why.unwrap_or_default()));
                done.left.push(request);
            }
        }
    }
    Ok(done)
}

/// The terms with their consents given: each named in the mandate, and each by an act of its own.
fn given(terms: Terms) -> Terms {
    let given = (clock::now().0..)
        .zip(terms.consents.iter())
        .map(|(at, consent)| consent.clone().given(UnixMillis(at)));
    let consents = List::new(given.collect()).unwrap_or_default();
    Terms { consents, ..terms }
}
