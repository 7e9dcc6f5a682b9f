//! `acknowledgements`: who has taken in that a grant has ended; and how `withdraw` waits for it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use grantbook_record::Jti;
use serde::Deserialize;
use serde_json::{Value, json};

use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::grant::grant_of;
use super::output::{Output, Verdict};
use super::remote::{Refused, Remote};

/// How long `withdraw` waits for gates.
const WAIT: Duration = Duration::from_secs(3);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Arguments of `acknowledgements`.
#[derive(Debug, Args)]
pub(crate) struct AcknowledgementsArgs {
    /// The grant's receipt: says which grant it is
    #[arg(long, value_name = "FILE", conflicts_with = "grant")]
    receipt: Option<PathBuf>,
    /// The grant: the jti of what was signed
    #[arg(long, value_name = "JTI")]
    grant: Option<Jti>,
    #[command(flatten)]
    door: DoorArgs,
}

/// What a server says of the end of a grant, as far as it is told to people.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    ended: Option<Value>,
    #[serde(default)]
    gates: Option<Gates>,
    recipients: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Gates {
    taken_in: u64,
    of: u64,
    #[serde(default)]
    at: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    recipient: String,
    onward: bool,
    #[serde(default)]
    acknowledged: Option<Acknowledged>,
}

#[derive(Debug, Deserialize)]
struct Acknowledged {
    leaf_index: u64,
}

impl Answer {
    fn parse(json: &Value) -> Result<Self, Failure> {
        Self::deserialize(json).map_err(|_| Failure::fault("the server's answer departs from its form"))
    }

    /// Whether every live gate has taken it in, and that is on the log.
    fn is_settled(&self) -> bool {
        let mut by_gates = self.recipients.iter().filter(|recipient| !recipient.onward);
        by_gates.all(|recipient| recipient.acknowledged.is_some())
    }

    fn gates_in_words(&self) -> Option<String> {
        let Gates { taken_in, of, at } = self.gates.as_ref()?;
        Some(match at {
            Some(at) => format!("taken in by {taken_in} of {of} gates at {}", time_of_day(*at)),
            None if *of == 0 => "no gate is live; the ledger's own denies".to_owned(),
            None => format!("taken in by {taken_in} of {of} gates so far"),
        })
    }
}

/// Hours, minutes, seconds and milliseconds in UTC.
fn time_of_day(millis: u64) -> String {
    let seconds = millis / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, millis % 1000)
}

fn ask(remote: &Remote, grant: Jti) -> Result<Value, Refused> {
    remote.get_json(&format!("/v1/grants/{grant}/acknowledgements"))
}

/// Waits a moment for the live gates to take the end of a grant in, and says how far they are; `None` where nobody can tell:
/// the ledger is in this process, or the server tells no stranger.
pub(crate) fn wait_for_gates(door: &Door, grant: Jti, output: Output) -> Option<Value> {
    let Door::Remote(remote) = door else { return None };
    if !remote.has_token() {
        return None;
    }
    let begun = Instant::now();
    loop {
        let json = ask(remote, grant).ok()?;
        let answer = Answer::parse(&json).ok()?;
        if answer.is_settled() || begun.elapsed() > WAIT {
            if let Some(words) = answer.gates_in_words() {
                output.say(words);
            }
            return json.get("gates").cloned();
        }
        std::thread::sleep(ASK_EVERY);
    }
}

pub(crate) fn show(args: &AcknowledgementsArgs, output: Output) -> Result<Verdict, Failure> {
    let sandbox = args.door.sandbox()?;
    let of_sandbox = sandbox.as_ref().filter(|_| args.grant.is_none());
    let file = args.receipt.clone().or_else(|| of_sandbox.map(super::sandbox::Sandbox::grant_receipt));
    let grant = match (args.grant, file) {
        (Some(grant), _) => grant,
        (None, Some(file)) => grant_of(&file)?.1,
        (None, None) => return Err(Failure::input("expected --grant JTI or --receipt FILE")),
    };
    let Door::Remote(remote) = args.door.open(false)? else {
        return Err(Failure::input("expected --server URL or --sandbox: only a server hears of its gates"));
    };
    let json = ask(&remote, grant)?;
    let answer = Answer::parse(&json)?;
    if answer.ended.is_none() {
        output.say(format!("grant {grant} was neither withdrawn nor revoked"));
    }
    if let Some(words) = answer.gates_in_words() {
        output.say(words);
    }
    for Listed { recipient, onward, acknowledged } in &answer.recipients {
        let how = if *onward { "to whom the data was passed on" } else { "who received the data" };
        match acknowledged {
            Some(Acknowledged { leaf_index }) => {
                output.say(format!("{recipient}, {how}: acknowledged, entry {leaf_index} of the log"));
            }
            None if answer.ended.is_some() => output.say(format!("{recipient}, {how}: not acknowledged yet")),
            None => output.say(format!("{recipient}, {how}")),
        }
    }
    output.result(&json!(json));
    Ok(Verdict::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gates_have_taken_in_is_said_in_one_line() {
        let words = |gates: Value| {
            let json = json!({"gates": gates, "recipients": [{"recipient": "shop", "onward": false}]});
            Answer::parse(&json).unwrap().gates_in_words().unwrap()
        };
        let at = 1_795_000_000_118_u64;
        assert_eq!(
            words(json!({"taken_in": 3, "of": 3, "at": at, "each": []})),
            "taken in by 3 of 3 gates at 11:06:40.118"
        );
        assert_eq!(words(json!({"taken_in": 1, "of": 3})), "taken in by 1 of 3 gates so far");
        assert_eq!(words(json!({"taken_in": 0, "of": 0})), "no gate is live; the ledger's own denies");
    }
}
