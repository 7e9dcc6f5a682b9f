//! `settle`: periods, statements, payments to a bank and its word on them. Names and accounts stay in this process.

mod door;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use grantbook_record::event::{Claims, Period, Revenue, RevenueDeclared};
use grantbook_record::{
    Currency, DataDay, Envelope, Jti, Kind, Price, SubjectId, TenantId, Term, UnixMillis,
};
use grantbook_server::settle::accounts::{self, Payee};
use grantbook_server::settle::{
    AdapterError, FileAdapter, OrderState, PayeeAccount, Payment, PaymentFile, PayoutAdapter, Word, amount,
};
use serde_json::{Value, json};

use super::clock;
use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::terms::price;

/// Arguments of `settle`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["statement", "pay", "import", "declare", "reverse", "list"]))]
pub(crate) struct SettleArgs {
    /// What the platform is paid on top of each pool, in basis points
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    fee: u16,
    /// List what periods came to, and what is due in the open one
    #[arg(long)]
    list: bool,
    /// Show a customer's statement
    #[arg(long, value_name = "SUB")]
    statement: Option<SubjectId>,
    /// The period: of the statement, or of the revenue [default: the open one]
    #[arg(long, value_name = "N")]
    period: Option<u32>,
    /// Order payments of what is owed, and write them to this file: ISO 20022 pain.001.001.09
    #[arg(long, value_name = "FILE", requires_all = ["accounts", "debtor"])]
    pay: Option<PathBuf>,
    /// Whom to pay where: CSV with the columns sub, name, country, account, bank
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Who pays: name, account and bank, with commas between
    #[arg(long, value_name = "NAME,ACCOUNT,BANK")]
    debtor: Option<String>,
    /// When the bank is to pay [default: today]
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    day: Option<DataDay>,
    /// Least balance that is paid, such as "10.00 CNY"; may be given for several currencies [default: 1000 minor units]
    #[arg(long, value_name = "AMOUNT", value_parser = price)]
    threshold: Vec<Price>,
    /// What is withheld: CSV with the columns country, from, basis_points, source [default: the table that comes with it]
    #[arg(long, value_name = "FILE")]
    withholding: Option<PathBuf>,
    /// Write this file of payments again: the id that was given when it was ordered
    #[arg(long, value_name = "ID", requires = "pay")]
    file: Option<Jti>,
    /// Take in what a bank reports: pain.002 or camt.053
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Declare the revenue of a group of terms in the open period, such as "2=1200.50 CNY"; may be given several times
    #[arg(long, value_name = "GROUP=AMOUNT", requires = "enterprise_key", value_parser = parse_revenue)]
    declare: Vec<Declared>,
    /// The enterprise's key file
    #[arg(long, value_name = "FILE")]
    enterprise_key: Option<PathBuf>,
    /// Take back what a posted period paid for the use or accrual at this leaf index
    #[arg(long, value_name = "LEAF", requires = "reason")]
    reverse: Option<u64>,
    /// Why, as a term such as duplicate
    #[arg(long, value_name = "TERM")]
    reason: Option<Term>,
    #[command(flatten)]
    door: DoorArgs,
}

/// The revenue of a group.
#[derive(Debug, Clone, Copy)]
struct Declared {
    group: u16,
    currency: Currency,
    minor: Revenue,
}

fn parse_day(text: &str) -> Result<DataDay, String> {
    DataDay::parse(text).ok_or_else(|| "expected a date such as 2026-11-30".to_owned())
}

fn parse_revenue(text: &str) -> Result<Declared, String> {
    let expected = || "expected a group and its revenue, such as \"2=1200.50 CNY\"".to_owned();
    let (group, money) = text.split_once('=').ok_or_else(expected)?;
    let (number, code) = money.split_once(' ').ok_or_else(expected)?;
    let currency = Currency::parse(code).ok_or_else(expected)?;
    let digits = usize::from(currency.minor_digits());
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || !(part.is_empty() || part.len() == digits) {
        return Err(expected());
    }
    let part = if part.is_empty() { "0".repeat(digits) } else { part.to_owned() };
    let minor = format!("{whole}{part}").parse().ok().and_then(Revenue::new).ok_or_else(expected)?;
    Ok(Declared { group: group.parse().map_err(|_| expected())?, currency, minor })
}

pub(crate) fn run(args: &SettleArgs, output: Output) -> Result<Verdict, Failure> {
    let door = args.door.open(false)?;
    let done = act(args, &door, output);
    door.close()?;
    done
}

fn act(args: &SettleArgs, door: &Door, output: Output) -> Result<Verdict, Failure> {
    let tenant = args.door.tenant(door)?;
    if args.list {
        let listed = door.settlements(tenant)?;
        for period in listed.get("settlements").into_iter().chain(listed.get("pending")) {
            period.as_array().into_iter().flatten().for_each(|period| say_period(period, output));
        }
        output.result(&listed);
    } else if let Some(sub) = &args.statement {
        let period = match args.period {
            Some(period) => Period(period),
            None => door.open_period(tenant)?,
        };
        let statement = door.statement(tenant, sub, period)?;
        say_statement(&statement, output);
        output.result(&statement);
    } else if let Some(file) = &args.pay {
        return pay(args, door, tenant, file.clone(), output);
    } else if let Some(file) = &args.import {
        return import(door, tenant, file.clone(), output);
    } else if !args.declare.is_empty() {
        declare(args, door, tenant, output)?;
    } else if let (Some(leaf), Some(reason)) = (args.reverse, &args.reason) {
        let reversed = door.reverse(tenant, leaf, reason)?;
        output.say(format!("entry {leaf} is taken back"));
        output.result(&reversed);
    } else {
        let settled = door.settle(tenant, args.fee)?;
        match settled.get("period") {
            Some(period) => say_period(period, output),
            None => output.say("nothing is due"),
        }
        output.result(&settled);
    }
    Ok(Verdict::Yes)
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn say_period(period: &Value, output: Output) {
    output.say(format!("period {}, {}", number(period, "period"), text(period, "state")));
    for group in period.get("groups").and_then(Value::as_array).into_iter().flatten() {
        let Some(currency) = Currency::parse(text(group, "currency")) else { continue };
        let money = |name: &str| amount(currency, number(group, name));
        let due = match group.get("pool_minor") {
            Some(_) => {
                format!("{} to customers, {} to the platform", money("pool_minor"), money("fee_minor"))
            }
            None => format!("{} committed so far", money("committed_minor")),
        };
        output.say(format!("  group {}: {} uses, {due}", number(group, "group"), number(group, "uses")));
    }
}

fn say_statement(statement: &Value, output: Output) {
    let state = if statement.get("posted") == Some(&json!(true)) { "posted" } else { "not posted yet" };
    output.say(format!("{}, period {}, {state}", text(statement, "sub"), number(statement, "period")));
    for line in statement.get("lines").and_then(Value::as_array).into_iter().flatten() {
        let used = line.get("what").and_then(|what| what.get("use"));
        let whom = used.map_or(String::new(), |used| {
            format!(", by {} for {}", text(used, "recipient"), text(used, "purpose"))
        });
        output.say(format!("  entry {}: {}{whom}", number(line, "leaf_index"), text(line, "formula")));
    }
    for benefit in statement.get("benefits").and_then(Value::as_array).into_iter().flatten() {
        output.say(format!("  {} uses for {}, no money", number(benefit, "uses"), text(benefit, "what")));
    }
    for owed in statement.get("balances").and_then(Value::as_array).into_iter().flatten() {
        let minor = owed.get("minor").and_then(Value::as_i64).unwrap_or_default();
        let Some(currency) = Currency::parse(text(owed, "currency")) else { continue };
        let sign = if minor < 0 { "-" } else { "" };
        output.say(format!("owed now: {sign}{}", amount(currency, minor.unsigned_abs())));
    }
}

fn declare(args: &SettleArgs, door: &Door, tenant: TenantId, output: Output) -> Result<(), Failure> {
    let Some(key) = &args.enterprise_key else {
        return Err(Failure::input("expected --enterprise-key FILE"));
    };
    let enterprise = files::read_key(key)?;
    let period = match args.period {
        Some(period) => Period(period),
        None => door.open_period(tenant)?,
    };
    let mut leaves = Vec::new();
    for Declared { group, currency, minor } in &args.declare {
        let event = RevenueDeclared { period, group: *group, currency: *currency, minor: *minor };
        let payload = Claims::new(tenant, clock::new_jti(), event).to_json();
        let taken = door.append(tenant, &Envelope::sign(Kind::RevenueDeclared, &payload, &[&enterprise]))?;
        output.say(format!("period {period}, group {group}: revenue of {}", amount(*currency, minor.get())));
        leaves.push(taken.leaf_index);
    }
    output.result(&json!({ "period": period, "leaf_indices": leaves }));
    Ok(())
}

/// Orders what is owed and writes the file. What is ordered is on the log before the file is written; after a fault in
/// between the same file is written again by its id.
fn pay(
    args: &SettleArgs,
    door: &Door,
    tenant: TenantId,
    path: PathBuf,
    output: Output,
) -> Result<Verdict, Failure> {
    let named = |file: &PathBuf, error: &dyn std::fmt::Display| {
        Failure::input(format!("{}: {error}", file.display()))
    };
    let (Some(from), Some(debtor)) = (&args.accounts, &args.debtor) else {
        return Err(Failure::input("expected --accounts FILE and --debtor NAME,ACCOUNT,BANK"));
    };
    let csv = std::fs::read(from).map_err(|error| named(from, &error))?;
    let payees = accounts::parse(&csv).map_err(|error| named(from, &error))?;
    let debtor = debtor.rsplitn(3, ',').collect::<Vec<_>>();
    let [bank, account, name] = debtor.as_slice() else {
        return Err(Failure::input("malformed --debtor, expected NAME,ACCOUNT,BANK"));
    };
    let debtor =
        PayeeAccount::new(name, account, bank).map_err(|what| Failure::input(format!("--debtor: {what}")))?;
    let withholding = args.withholding.as_deref().map(files::read).transpose()?;
    let withholding = withholding.map(String::from_utf8).transpose();
    let withholding = withholding.map_err(|_| Failure::input("the withholding table is not UTF-8"))?;
    if args.file.is_none() && path.exists() {
        return Err(Failure::input(format!("{}: is there already, expected a new file", path.display())));
    }
    let id = args.file.unwrap_or_else(clock::new_jti);
    let today = DataDay(i32::try_from(clock::now().0 / 86_400_000).unwrap_or(i32::MAX));
    let day = args.day.unwrap_or(today);
    let rules = door::Rules { file: id, day, thresholds: &args.threshold, withholding };
    let ordered = door.order(tenant, &payees, &rules).map_err(|failure| {
        failure.during(&format!("the file {id} may be ordered in part; --file {id} goes on"))
    })?;
    let by_sub: BTreeMap<&SubjectId, &Payee> = payees.iter().map(|payee| (&payee.sub, payee)).collect();
    let mut payments = Vec::new();
    let (mut carried, mut ended) = (0_u64, 0_u64);
    for one in &ordered {
        match (&one.order, by_sub.get(&one.sub)) {
            (Some(order), Some(payee)) if order.state == OrderState::Sent => payments.push(Payment {
                order: order.order,
                currency: order.currency,
                net: order.gross_minor.saturating_sub(order.withheld_minor),
                to: payee.account.clone(),
            }),
            // paid or failed meanwhile: it is in no file any more
            (Some(_), _) => ended += 1,
            (None, _) => carried += 1,
        }
    }
    payments.sort_by_key(|payment| payment.order);
    let result = |payments: usize| json!({ "file": id, "payments": payments, "carried": carried, "ended": ended, "payouts": ordered });
    if payments.is_empty() {
        output.say(format!("nothing to pay, {carried} carried forward"));
        output.result(&result(0));
        return Ok(Verdict::Yes);
    }
    let count = payments.len();
    let made = UnixMillis(id.issued_at().0.saturating_mul(1000));
    let file = PaymentFile { id, made, day, debtor, payments };
    let adapter = FileAdapter { path };
    adapter.submit(&file).map_err(|error| {
        Failure::fault(format!("{error}; the payments are ordered: --file {id} writes the same file again"))
    })?;
    output.say(format!("{count} payments in file {id}, {carried} carried forward"));
    output.result(&result(count));
    Ok(Verdict::Yes)
}

/// Takes a bank's report in. Words that contradict earlier ones are told, and end with status 1.
fn import(door: &Door, tenant: TenantId, path: PathBuf, output: Output) -> Result<Verdict, Failure> {
    let adapter = FileAdapter { path };
    let statuses = adapter.statuses().map_err(|error| match error {
        AdapterError::File { .. } | AdapterError::Report(_) => Failure::input(error),
        AdapterError::Payments(_) => Failure::fault(error),
    })?;
    let unstated = Term::parse("unstated").map_err(Failure::fault)?;
    let (mut paid, mut failed, mut known, mut under_way) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut refused = Vec::new();
    for status in statuses {
        let reason = match status.word {
            Word::UnderWay => {
                under_way += 1;
                continue;
            }
            Word::Paid => None,
            Word::Failed(reason) => Some(reason.unwrap_or_else(|| unstated.clone())),
        };
        match door.payment_ended(tenant, status.order, reason.as_ref()) {
            Ok(false) => known += 1,
            Ok(true) if reason.is_some() => failed += 1,
            Ok(true) => paid += 1,
            Err(Failure::No(why)) => refused.push(json!({ "order": status.order, "why": why })),
            Err(failure) => return Err(failure),
        }
    }
    output.say(format!(
        "{paid} paid, {failed} failed and owed again, {under_way} under way, {known} known before"
    ));
    for one in &refused {
        output.say(format!(
            "payment {}: {}; a person must look into it",
            text(one, "order"),
            text(one, "why")
        ));
    }
    let verdict = if refused.is_empty() { Verdict::Yes } else { Verdict::No };
    output.result(&json!({ "paid": paid, "failed": failed, "under_way": under_way, "known": known, "refused": refused }));
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revenue_is_read_to_the_unit() {
        let declared =
            |text| parse_revenue(text).map(|one| (one.group, one.currency.code(), one.minor.get()));
        assert_eq!(declared("2=1200.50 CNY"), Ok((2, "CNY", 120_050)));
        assert_eq!(declared("1=7 JPY"), Ok((1, "JPY", 7)));
        assert_eq!(declared("1=7 EUR"), Ok((1, "EUR", 700)));
        for bad in [
            "1=7.5 EUR",
            "1=7.50",
            "x=7 EUR",
            "1=-7 EUR",
            "1=.50 EUR",
            "1=99999999999999.00 EUR",
            "1=7.5 JPY",
        ] {
            assert!(declared(bad).is_err(), "{bad}");
        }
    }
}
