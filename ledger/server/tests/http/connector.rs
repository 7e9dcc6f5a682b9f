//! The connector between a real PostgreSQL and a served ledger: nothing is missed, nothing comes twice, wishes travel.

mod postgres;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use grantbook_engine::{MirrorRecord, Mirrored};
use grantbook_record::mirror::{Outcome, Value};
use grantbook_record::{RecordId, SourceId, SubjectId, Term};

use crate::book::{Book, now};
use crate::client::Call;
use crate::person::Person;
use postgres::Cluster;

/// As docs/reference/connector.md has it: tables of the enterprise's, views, the table of wishes and the role.
fn schema() -> String {
    let page = std::fs::read_to_string(root().join("docs/reference/connector.md")).expect("the reference");
    let blocks = page.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    blocks.collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Stage {
    cluster: Cluster,
    book: Book,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn set(customers: &[&str], poll_seconds: u32) -> Option<Self> {
        let program = root().join("target/debug/grantbook-connector");
        if !program.exists() {
            println!("skipped: {}, made by cargo build -p grantbook-connector", program.display());
            return None;
        }
        let cluster = Cluster::start()?;
        cluster.sql(&schema());
        let book = Book::open().await;
        for (seed, customer) in (1..).zip(customers) {
            book.customer(customer, seed).await;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let stage = Self { cluster, book, folder };
        let made = Self::program().arg("keygen").arg(stage.path("key")).output().expect("the connector");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let register =
            Call::new(hyper::Method::PUT, "/v1/mirror/sources/crm").token(&stage.book.sandbox.token);
        register.bytes("application/json", made.stdout).send(stage.book.address).await.expect(204);
        std::fs::write(stage.path("token"), &stage.book.service_token).expect("a file");
        let config = format!(
            "ledger = \"http://127.0.0.1:{}\"\ntoken_file = \"{}\"\ntenant = \"{}\"\nsource = \"crm\"\nkey_file = \"{}\"\n\
             database = \"host={} user=grantbook_connector dbname=postgres\"\n\
             views = [\"grantbook.tickets\", \"grantbook.contract_terms\"]\nwishes_table = \"grantbook.wishes\"\n\
             poll_seconds = {poll_seconds}\noverlap_seconds = 60\n",
            stage.book.address.port(),
            stage.path("token").display(),
            stage.book.tenant(),
            stage.path("key").display(),
            stage.cluster.socket().display(),
        );
        std::fs::write(stage.path("connector.toml"), config).expect("a file");
        Some(stage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program() -> Command {
        Command::new(root().join("target/debug/grantbook-connector"))
    }

    fn run(&self) -> Command {
        let mut command = Self::program();
        command.arg("run").arg(self.path("connector.toml"));
        command
    }

    /// One round; what it logs.
    fn round(&self) -> String {
        let done = self.run().arg("--once").output().expect("the connector");
        let log = String::from_utf8(done.stderr).expect("text");
        assert!(done.status.success(), "{log}");
        log
    }

    /// Runs until it is killed.
    fn start(&self) -> Child {
        self.run().stderr(Stdio::null()).spawn().expect("the connector")
    }

    fn mirrored(&self, sub: &str) -> Mirrored {
        self.book.ledger.mirrored(self.book.tenant(), &SubjectId::parse(sub).unwrap()).expect("a mirror")
    }

    fn record(&self, sub: &str, id: &str) -> Option<MirrorRecord> {
        self.mirrored(sub).records.into_iter().find(|record| record.id.as_str() == id)
    }

    fn sequence(&self) -> u64 {
        let source = SourceId::parse("crm").unwrap();
        self.book.ledger.source_state(self.book.tenant(), &source).expect("a source").sequence
    }

    fn ticket(&self, sub: &str, id: &str, phone: &str) {
        self.cluster.sql(&format!(
            "INSERT INTO crm_tickets (customer_no, ticket_no, subject, state, phone) VALUES ('{sub}', '{id}', 'Fault', \
             'open', '{phone}')"
        ));
    }
}

fn value(record: &MirrorRecord, field: &str) -> String {
    let found = record.content.fields.iter().find(|known| known.name.as_str() == field);
    found.expect("the field").value.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_and_go_and_wishes_travel() {
    let Some(stage) = Stage::set(&["cs-1", "cs-2"], 1).await else { return };
    stage.ticket("cs-1", "ticket-1", "138");
    stage.ticket("cs-2", "ticket-2", "139");
    stage.ticket("cs-9", "ticket-9", "137");
    let log = stage.round();
    assert!(log.contains("pushed=2"), "{log}");
    assert!(!log.contains("cs-1") && !log.contains("138"), "no personal data in the log: {log}");
    let ticket = stage.record("cs-1", "ticket-1").expect("the ticket");
    assert_eq!((value(&ticket, "phone").as_str(), value(&ticket, "state").as_str()), ("138", "open"));
    assert!(stage.record("cs-2", "ticket-1").is_none() && stage.record("cs-2", "ticket-2").is_some());
    let as_of = stage.mirrored("cs-1").as_of.into_values().next().flatten().expect("a time");
    assert!(now().0 - as_of.0 < 60_000, "the lag is counted from when the views were read");
    let person = Person::enrolled(&stage.book, "cs-7", 7).await;
    stage.ticket("cs-7", "ticket-7", "136");
    stage.round();
    let page = person.get("/my/space?lang=en").await.expect(200).text().to_owned();
    assert!(page.contains("ticket-7") && page.contains("less than a minute behind"), "{page}");
    // nothing new, and all the same the customer is told that it is so
    let before = stage.sequence();
    assert!(stage.round().contains("a round is done"));
    assert!(stage.sequence() > before);

    // a change, a row that is gone, a milestone, and a customer who comes later
    stage.cluster.sql("UPDATE crm_tickets SET state = 'closed' WHERE ticket_no = 'ticket-1'");
    stage.cluster.sql("UPDATE crm_tickets SET deleted = true WHERE ticket_no = 'ticket-2'");
    stage.cluster.sql(
        "INSERT INTO crm_contracts (customer_no, contract_no, title, phase_1_reached) \
         VALUES ('cs-1', 'contract-1', 'Pilot', '2026-10-30')",
    );
    stage.round();
    assert_eq!(value(&stage.record("cs-1", "ticket-1").expect("the ticket"), "state"), "closed");
    assert!(stage.record("cs-2", "ticket-2").is_none());
    let contract = stage.record("cs-1", "contract-1").expect("the contract");
    assert_eq!(contract.content.milestones[0].id.as_str(), "phase-1");
    let mut running = stage.start();
    stage.round_is_done().await;
    stage.book.customer("cs-9", 9).await;
    until(|| stage.record("cs-9", "ticket-9").is_some()).await;

    // a wish goes to the enterprise's table, once, and its outcome comes back
    let (sub, record, field) = ("cs-1", "ticket-1", "phone");
    let wish = |new: &str| {
        let (sub, record) = (SubjectId::parse(sub).unwrap(), RecordId::parse(record).unwrap());
        let new = Value::new(new).unwrap();
        stage.book.ledger.wish(stage.book.tenant(), &sub, &record, &Term::parse(field).unwrap(), new).unwrap()
    };
    wish("13800000001");
    let table = |what: &str| stage.cluster.sql(&format!("SELECT {what} FROM grantbook.wishes"));
    until(|| table("count(*)") == "1").await;
    assert_eq!(
        table("customer || ' ' || record || ' ' || field || ' ' || was || ' ' || value"),
        "cs-1 ticket-1 phone 138 13800000001"
    );
    stage.cluster.sql("UPDATE crm_tickets SET phone = '13800000001' WHERE ticket_no = 'ticket-1'");
    stage.cluster.sql("UPDATE grantbook.wishes SET outcome = 'done'");
    let decided = || stage.record(sub, record).expect("the ticket").wishes[0].decided.clone();
    until(|| decided().is_some()).await;
    assert!(matches!(decided(), Some((Outcome::Done, _))));
    until(|| value(&stage.record(sub, record).expect("the ticket"), field) == "13800000001").await;
    wish("no number");
    until(|| table("count(*)") == "2").await;
    stage.cluster.sql(
        "UPDATE grantbook.wishes SET outcome = 'refused', answer = 'Digits only.' WHERE outcome IS NULL",
    );
    until(|| matches!(decided(), Some((Outcome::Refused(why), _)) if why.as_str() == "Digits only.")).await;
    running.kill().expect("a process");
    drop(running.wait());

    // the role may do what it must and nothing else
    let role = "grantbook_connector";
    assert!(stage.cluster.may(role, "SELECT count(*) FROM grantbook.tickets"));
    for forbidden in [
        "SELECT count(*) FROM crm_tickets",
        "UPDATE crm_tickets SET state = 'x'",
        "UPDATE grantbook.wishes SET outcome = 'done'",
        "DELETE FROM grantbook.wishes",
        "CREATE TABLE mine (a int)",
    ] {
        assert!(!stage.cluster.may(role, forbidden), "{forbidden}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_commit_is_not_missed() {
    let Some(stage) = Stage::set(&["cs-1"], 1).await else { return };
    let late = stage.cluster.transaction(
        "INSERT INTO crm_tickets (customer_no, ticket_no, subject, state, phone) \
         VALUES ('cs-1', 'ticket-late', 'Late', 'open', '1')",
    );
    // rows that changed later are committed and pushed first
    stage.ticket("cs-1", "ticket-1", "138");
    stage.round();
    stage.ticket("cs-1", "ticket-2", "138");
    stage.round();
    assert!(stage.record("cs-1", "ticket-late").is_none() && stage.record("cs-1", "ticket-2").is_some());
    late.commit();
    stage.round();
    assert!(stage.record("cs-1", "ticket-late").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_and_doubles_nothing() {
    let customers = ["cs-1", "cs-2", "cs-3", "cs-4", "cs-5", "cs-6"];
    let Some(stage) = Stage::set(&customers, 1).await else { return };
    stage.cluster.sql(
        "INSERT INTO crm_tickets (customer_no, ticket_no, subject, state, phone) \
         SELECT 'cs-' || (1 + n % 6), 'ticket-' || n, 'Fault', 'open', n::text FROM generate_series(1, 2400) AS n",
    );
    let mut killed = 0;
    for stop_at in [2, 4, 7] {
        let mut running = stage.start();
        until(|| stage.sequence() >= stop_at).await;
        // SIGKILL
        running.kill().expect("a process");
        drop(running.wait());
        killed += u32::from(stage.sequence() < 10);
    }
    assert!(killed > 0, "every kill came too late to be in the middle");
    stage.round();
    for (n, customer) in customers.iter().enumerate() {
        let records = stage.mirrored(customer).records;
        assert_eq!(records.len(), 400, "{customer}");
        for record in records {
            let number: usize = record.id.as_str().strip_prefix("ticket-").unwrap().parse().unwrap();
            assert_eq!((number % 6, value(&record, "phone")), (n, number.to_string()));
        }
    }
}

impl Stage {
    async fn round_is_done(&self) {
        let before = self.sequence();
        until(|| self.sequence() > before).await;
    }
}

async fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
