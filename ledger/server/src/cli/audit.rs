//! `audit`: a regulator throws dice, the operator opens what they point at, the regulator checks it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use grantbook_plan::audit::{Auditor, Report};
use grantbook_record::audit::{ANSWER_BYTES_MAX, Request};
use grantbook_record::encoding::Bytes32;
use grantbook_tlog::LogKeys;
use serde_json::json;

use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::output::{Output, Verdict};
use super::verify::{DemandArgs, KeyArgs};
use super::{clock, files, progress};

/// Subcommands of `audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// As a regulator: draw entries of a log under a checkpoint, and write the request for them
    #[command(after_help = "Example:
  curl -s https://ledger.example/log/checkpoint > checkpoint
  grantbook audit draw --checkpoint checkpoint --count 300 --out request.json --vkey vkey
The nonce must be younger than the checkpoint, and nobody's to foresee: leave it out, or throw dice.")]
    Draw(DrawArgs),
    /// As the operator: open the entries of a request; the public log says that they were
    #[command(after_help = "Examples:
  grantbook audit open --request request.json --out answers.jsonl --data-dir ./ledger
  grantbook audit open --request request.json --out answers.jsonl --server https://ledger.example --token TOKEN
The token is one with the role operator.")]
    Open(OpenArgs),
    /// As the regulator: check the answers; exit status 1 with any finding
    #[command(after_help = "Example:
  grantbook audit verify --request request.json --answers answers.jsonl --vkey vkey --policy witnesses.policy")]
    Verify(VerifyArgs),
}

/// Arguments of `audit draw`.
#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    /// A checkpoint of the log, as `/log/checkpoint` gives it
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// 32 bytes thrown after the checkpoint [default: thrown now]
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    nonce: Option<Bytes32>,
    /// How many entries, at most 100000; n clean ones leave less than 3/n of all false, with 95 % confidence
    #[arg(long, value_name = "N")]
    count: u32,
    /// New file for the request
    #[arg(long, value_name = "FILE", default_value = "request.json")]
    out: PathBuf,
    #[command(flatten)]
    demands: DemandArgs,
    #[command(flatten)]
    keys: KeyArgs,
}

/// Arguments of `audit open`.
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// The regulator's request, as it came
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// New file for the answers, readable by its owner only
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The regulator's own request: not one that came back with the answers
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The operator's answers
    #[arg(long, value_name = "FILE")]
    answers: PathBuf,
    #[command(flatten)]
    demands: DemandArgs,
    #[command(flatten)]
    keys: KeyArgs,
}

fn nonce(text: &str) -> Result<Bytes32, String> {
    let expected = || "expected 64 hexadecimal digits".to_owned();
    let mut bytes = [0; 32];
    // a sign before a digit would be read as part of a number
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(expected());
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        let digits = text.get(at..at + 2).ok_or_else(expected)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| expected())?;
    }
    Ok(Bytes32(bytes))
}

pub(crate) fn run(command: &AuditCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        AuditCommand::Draw(args) => draw(args, output),
        AuditCommand::Open(args) => open(args, output),
        AuditCommand::Verify(args) => verify(args, output),
    }
}

fn keys(args: &KeyArgs) -> Result<LogKeys, Failure> {
    args.read()?.ok_or_else(|| {
        Failure::input("expected --vkey FILE, --log URL, --data-dir DIR or --sandbox for the log's keys")
    })
}

fn draw(args: &DrawArgs, output: Output) -> Result<Verdict, Failure> {
    let note = files::read(&args.checkpoint)?;
    args.demands.verify(&keys(&args.keys)?, &note)?;
    let note = String::from_utf8(note).map_err(Failure::no)?;
    let nonce = args.nonce.unwrap_or_else(|| Bytes32(clock::random_bytes()));
    let request =
        Request::new(&note, nonce, args.count).map_err(|error| Failure::input(error.to_string()))?;
    let drawn = request.draw().map_err(Failure::no)?;
    let mut line = request.to_json();
    line.push(b'\n');
    files::write_new(&args.out, &line)?;
    output.say(format!(
        "{} entries drawn; the request is in {}, of SHA-256 {:?}",
        drawn.len(),
        args.out.display(),
        request.sha256()
    ));
    let drawn: Vec<u64> = drawn.iter().map(|index| index.0).collect();
    output.result(&json!({
        "request": args.out,
        "request_sha256": request.sha256(),
        "nonce": nonce,
        "drawn": drawn,
    }));
    Ok(Verdict::Yes)
}

fn read_request(file: &Path) -> Result<Request, Failure> {
    Request::parse(&files::read(file)?)
        .map_err(|error| Failure::Input(format!("{}: {error}", file.display())))
}

fn open(args: &OpenArgs, output: Output) -> Result<Verdict, Failure> {
    let request = read_request(&args.request)?;
    let door = args.door.open(false)?;
    let bar = progress::bar("entries", request.count().into());
    let answered = files::write_new_by(&args.out, |out| {
        let mut answered = 0_u64;
        match &door {
            Door::Local(ledger) => {
                for answer in ledger.open_drawn(&request).map_err(Failure::no)? {
                    let mut line = answer?.to_json();
                    line.push(b'\n');
                    out.write_all(&line).map_err(Failure::fault)?;
                    answered += 1;
                    bar.inc(1);
                }
            }
            Door::Remote(remote) => {
                let from = remote.post_streaming("/v1/audits", &request.to_json())?;
                for_each_line(BufReader::new(from), |line| {
                    out.write_all(line).and_then(|()| out.write_all(b"\n")).map_err(Failure::fault)?;
                    answered += 1;
                    bar.inc(1);
                    Ok(())
                })?;
            }
        }
        if answered == u64::from(request.count()) {
            Ok(answered)
        } else {
            Err(Failure::fault(format!(
                "{answered} answers of {}: the server's answer broke off",
                request.count()
            )))
        }
    });
    bar.finish_and_clear();
    door.close()?;
    let answered = answered?;
    output.say(format!("{answered} entries opened in {}", args.out.display()));
    output.result(&json!({
        "answers": args.out,
        "entries": answered,
        "request_sha256": request.sha256(),
    }));
    Ok(Verdict::Yes)
}

/// Lines of at most an answer's length; a longer one is given as it is cut off, and does not parse.
fn for_each_line(
    mut from: impl std::io::BufRead,
    mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = ANSWER_BYTES_MAX as u64 + 2;
        if from.by_ref().take(most).read_until(b'\n', &mut line).map_err(Failure::fault)? == 0 {
            return Ok(());
        }
        each(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
}

fn verify(args: &VerifyArgs, output: Output) -> Result<Verdict, Failure> {
    let request = read_request(&args.request)?;
    let keys = keys(&args.keys)?;
    args.demands.verify(&keys, request.checkpoint().as_bytes())?;
    let mut auditor = Auditor::new(&request, &keys, &args.demands.read()?).map_err(Failure::no)?;
    let named = |error: &std::io::Error| Failure::Input(format!("{}: {error}", args.answers.display()));
    let file = File::open(&args.answers).map_err(|error| named(&error))?;
    let bar = progress::bar("answers", request.count().into());
    for_each_line(BufReader::new(file), |line| {
        auditor.take(line);
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    let report: Report = auditor.finish();
    output.say(report.to_string());
    output.result(&report);
    Ok(if report.is_clean() { Verdict::Yes } else { Verdict::No })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_64_hexadecimal_digits() {
        let digits = "00ff10".to_owned() + &"aB".repeat(29);
        let Ok(Bytes32(bytes)) = nonce(&digits) else { panic!("{digits} is one") };
        assert_eq!(bytes[..4], [0, 255, 16, 0xab]);
        let signed = format!("+1{}", &digits[2..]);
        for wrong in ["", "00", &digits[1..], &signed, &digits.replace('f', "g"), &"é".repeat(32)] {
            assert!(nonce(wrong).is_err(), "{wrong}");
        }
    }
}
