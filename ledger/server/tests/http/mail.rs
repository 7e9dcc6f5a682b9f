//! Mail to customers, over a real mail server that nobody here wrote: aiosmtpd with STARTTLS and a log-in.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use grantbook_record::Kind;
use grantbook_record::UnixSeconds;
use grantbook_record::event::RequestMade;
use grantbook_server::{MailTls, ServerConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::book::{Book, Published, now};
use crate::client::Call;
use crate::person::{Person, origin};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Python with aiosmtpd.
fn python() -> Option<PathBuf> {
    let python = root().join("target/outside/python/bin/python");
    let there = Command::new(&python).args(["-c", "import aiosmtpd"]).output();
    if there.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("skipped: aiosmtpd in target/outside/python");
    None
}

/// A mail server with a certificate of its own authority, and the folder of what it took.
struct MailServer {
    python: PathBuf,
    folder: tempfile::TempDir,
    running: Option<Child>,
    port: u16,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl MailServer {
    /// Its files, and a port that is free; it does not run yet.
    fn prepared() -> Option<Self> {
        let python = python()?;
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("server.pem", certificate.pem()),
            ("server.key", key.serialize_pem()),
            ("password", "correct horse\n".to_owned()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { python, folder, running: None, port })
    }

    fn started() -> Option<Self> {
        let mut server = Self::prepared()?;
        server.start();
        Some(server)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&mut self) {
        let mut child = Command::new(&self.python)
            .arg(root().join("tests/outside/python/mail_server.py"))
            .arg(self.port.to_string())
            .args([self.file("server.pem"), self.file("server.key"), self.folder.path().to_owned()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), format!("ready {}", self.port));
        self.running = Some(child);
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn configure(&self, config: &mut ServerConfig) {
        config.mail.host = Some("localhost".to_owned());
        config.mail.port = self.port;
        config.mail.tls = MailTls::Starttls;
        config.mail.ca_file = Some(self.file("ca.pem"));
        config.mail.user = Some("grantbook".to_owned());
        config.mail.password_file = Some(self.file("password"));
        config.mail.from = Some("notify@consent.example".to_owned());
    }

    /// How many messages it has taken.
    fn taken(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|kind| kind == "eml")).count()
    }

    /// Waits until it has taken so many, and reads the last.
    async fn mail(&self, count: usize) -> Value {
        until(|| self.taken() >= count).await;
        assert_eq!(self.taken(), count);
        let read = Command::new(&self.python)
            .arg(root().join("tests/outside/python/read_mail.py"))
            .arg(self.file(&format!("{:03}.eml", count - 1)))
            .output()
            .unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        serde_json::from_slice(&read.stdout).unwrap()
    }

    /// Nothing more comes, for longer than anything takes that is sent at once.
    async fn stays_at(&self, count: usize) {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(self.taken(), count);
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const ALL: &str = "&topic=request&topic=ending&topic=revoked&topic=stopped&topic=money&topic=keys&topic=page";

impl Person<'_> {
    async fn wishes(&self, more: &str) {
        let token = self.form_token().await;
        let sent = self.form("/my/account/notifications", &token, more).await.expect(303);
        assert_eq!(sent.header("location"), "/my/account/notifications");
    }

    /// Gives an address, and confirms it as its mail says.
    async fn confirmed(&self, server: &MailServer, address: &str, more: &str) {
        let before = server.taken();
        self.wishes(&format!("&address={address}&{more}{ALL}")).await;
        let path = link(&server.mail(before + 1).await, "/mail/confirm/", &origin(self.book));
        let sent = Call::post(&path).header("origin", origin(self.book));
        sent.bytes("application/x-www-form-urlencoded", "").send(self.book.address).await.expect(303);
    }

    async fn page(&self, path: &str) -> String {
        self.get(path).await.expect(200).text().to_owned()
    }
}

/// The path of a link in a mail's text.
fn link(mail: &Value, prefix: &str, origin: &str) -> String {
    let text = mail["plain"].as_str().unwrap();
    let at = text.find(&format!("{origin}{prefix}")).unwrap_or_else(|| panic!("{prefix} in {text}"));
    let link = text[at..].split_whitespace().next().unwrap();
    link.strip_prefix(origin).unwrap().to_owned()
}

fn header<'m>(mail: &'m Value, name: &str) -> &'m str {
    mail["headers"][name].as_str().unwrap_or_else(|| panic!("{name} in {mail}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_to_a_confirmed_address_and_ends_by_one_click() {
    let Some(server) = MailServer::started() else { return };
    let book = Book::open_with(|config| server.configure(config)).await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let origin = origin(&book);

    person.wishes(&format!("&address=somebody@mail.example&language=en&digest=each{ALL}")).await;
    let question = server.mail(1).await;
    assert_eq!(header(&question, "x-envelope-to"), "somebody@mail.example");
    assert_eq!(header(&question, "x-envelope-from"), "notify@consent.example");
    assert_eq!(header(&question, "subject"), "Is this your address?");
    assert_eq!(question["headers"].get("list-unsubscribe"), None);
    // what happens before the address is confirmed is in the page alone
    let early = person.asked(&published).await;
    server.stays_at(1).await;
    let news = person.page("/my/notifications").await;
    assert!(
        news.contains(&format!("/my/requests/{early}")) && news.contains("sandbox asks to use your data")
    );

    let confirm = link(&question, "/mail/confirm/", &origin);
    // programs that check mails follow links: looking changes nothing
    assert!(book.send(Call::get(&confirm)).await.expect(200).text().contains("Yes, it is mine"));
    let sent = Call::post(&confirm).header("origin", "https://evil.example");
    let form = "application/x-www-form-urlencoded";
    assert_eq!(book.send(sent.bytes(form, "")).await.expect(403).slug(), "cross-site");
    let sent = Call::post(&confirm).header("origin", &origin).bytes(form, "");
    book.send(sent.clone()).await.expect(303);
    assert_eq!(book.send(sent).await.expect(410).slug(), "gone", "once");
    server.stays_at(1).await;

    let request = person.asked(&published).await;
    let mail = server.mail(2).await;
    assert_eq!(header(&mail, "subject"), "sandbox asks to use your data");
    assert_eq!(header(&mail, "content-language"), "en");
    assert_eq!(header(&mail, "auto-submitted"), "auto-generated");
    assert!(header(&mail, "message-id").ends_with("@consent.example>"));
    for part in ["plain", "html"] {
        let text = mail[part].as_str().unwrap();
        assert!(text.contains(&format!("{origin}/sign/#log-in=/my/requests/{request}")), "{text}");
        // neither the pseudonym nor what data it is about
        for secret in ["cs-00001", "purchases", "Purchases", "quantity"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let unsubscribe = link(&mail, "/mail/unsubscribe/", &origin);
    assert_eq!(header(&mail, "list-unsubscribe"), format!("<{origin}{unsubscribe}>"));
    assert_eq!(header(&mail, "list-unsubscribe-post"), "List-Unsubscribe=One-Click");

    person.wishes(&format!("&address=somebody@mail.example&language=zh-CN&digest=each{ALL}")).await;
    person.asked(&published).await;
    let mail = server.mail(3).await;
    assert_eq!(header(&mail, "subject"), "sandbox 请求使用您的数据");
    assert!(mail["plain"].as_str().unwrap().contains("不再接收邮件"));
    assert_eq!(header(&mail, "content-language"), "zh-CN");

    // as a mail provider sends it, from nowhere (RFC 8058)
    book.send(Call::get(&unsubscribe)).await.expect(200);
    let one_click = Call::post(&unsubscribe).bytes(form, "List-Unsubscribe=One-Click");
    book.send(one_click).await.expect(200);
    person.asked(&published).await;
    server.stays_at(3).await;
    let news = person.page("/my/notifications").await;
    assert_eq!(news.matches("/my/requests/").count(), 4, "{news}");
    let metrics = book.get("/metrics").await.expect(200).text().to_owned();
    assert!(metrics.contains("grantbook_mails_total{outcome=\"accepted\"} 3"), "{metrics}");
    assert!(!metrics.contains("mail.example"));

    // an account that is erased has no address, and nobody's link works
    person.post("/account/erase", &json!({})).await.expect(200);
    book.send(Call::post(&unsubscribe).bytes(form, "List-Unsubscribe=One-Click")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_or_busy_is_tried_again() {
    let Some(mut server) = MailServer::prepared() else { return };
    let book = Book::open_with(|config| server.configure(config)).await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    person.wishes(&format!("&address=somebody@mail.example&language=en&digest=each{ALL}")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let metrics = book.get("/metrics").await.expect(200).text().to_owned();
    assert!(metrics.contains("grantbook_mails_total{outcome=\"unreachable\"}"), "{metrics}");
    server.start();
    let question = server.mail(1).await;
    let confirm =
        Call::post(link(&question, "/mail/confirm/", &origin(&book))).header("origin", origin(&book));
    book.send(confirm.bytes("application/x-www-form-urlencoded", "")).await.expect(303);

    std::fs::write(server.file("defer"), "").unwrap();
    person.asked(&published).await;
    until(|| server.file("deferred").exists()).await;
    std::fs::remove_file(server.file("defer")).unwrap();
    assert_eq!(header(&server.mail(2).await, "subject"), "sandbox asks to use your data");
    server.stays_at(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_ends_is_told_once_over_restarts() {
    let Some(server) = MailServer::started() else { return };
    let book = Book::open_with(|config| server.configure(config)).await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    person.confirmed(&server, "somebody@mail.example", "language=en&digest=each").await;
    let cookie = person.cookie.clone();
    let mut terms = serde_json::to_value(published.terms(&json!({"uses": 3}))).unwrap();
    let seconds = now().seconds().0;
    terms["validity"] = json!({"start": seconds - 10 * 86_400, "end": seconds + 6 * 86_400});
    let grant = person.agrees(asked(&book, &person, &terms).await).await;
    server.mail(2).await;
    let book = book.restart().await;
    let mail = server.mail(3).await;
    assert_eq!(header(&mail, "subject"), "A connection to sandbox ends within a week");
    assert!(mail["plain"].as_str().unwrap().contains(&format!("/my/grants/{grant}")));
    let book = book.restart().await;
    server.stays_at(3).await;
    let news = Call::get("/my/notifications").header("cookie", &cookie).send(book.address).await;
    assert_eq!(news.expect(200).text().matches("ends within a week").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_days_news_come_in_one_mail_at_its_time() {
    let Some(server) = MailServer::started() else { return };
    let book = Book::open_with(|config| server.configure(config)).await;
    let published = book.publish().await;
    let later = |seconds: u64| book.ahead.fetch_add(seconds, Ordering::SeqCst);
    let daily = Person::enrolled(&book, "cs-00001", 1).await;
    daily.confirmed(&server, "daily@mail.example", "language=zh-CN&digest=daily").await;
    let weekly = Person::enrolled(&book, "cs-00002", 2).await;
    weekly.confirmed(&server, "weekly@mail.example", "language=en&digest=weekly").await;
    let mut asked = Vec::new();
    for person in [&daily, &weekly, &daily] {
        asked.push(person.asked(&published).await);
    }
    for (person, request) in [(&weekly, asked[1]), (&daily, asked[2])] {
        while !person.page("/my/notifications").await.contains(&request.to_string()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // not before a day is over since the first
    later(86_400 - 60);
    server.stays_at(2).await;
    later(61);
    let mail = server.mail(3).await;
    assert_eq!(header(&mail, "x-envelope-to"), "daily@mail.example");
    assert_eq!(header(&mail, "content-language"), "zh-CN");
    let text = mail["plain"].as_str().unwrap();
    for request in [asked[0], asked[2]] {
        assert!(text.contains(&format!("/my/requests/{request}")), "{text}");
    }
    assert!(!text.contains(&asked[1].to_string()), "nothing of anybody else's");
    // what was mailed is not mailed again, and what comes next waits for a day of its own
    server.stays_at(3).await;
    later(6 * 86_400);
    let mail = server.mail(4).await;
    assert_eq!(header(&mail, "x-envelope-to"), "weekly@mail.example");
    assert!(mail["plain"].as_str().unwrap().contains(&format!("/my/requests/{}", asked[1])));
    server.stays_at(4).await;
}

async fn asked(book: &Book, person: &Person<'_>, terms: &Value) -> grantbook_record::Jti {
    let expires = UnixSeconds(now().seconds().0 + 86_400);
    let event = RequestMade {
        sub: person.sub.clone(),
        terms: serde_json::from_value(terms.clone()).unwrap(),
        expires,
    };
    let envelope = book.envelope(Kind::RequestMade, event, &[&book.sandbox.enterprise]);
    let id = grantbook_record::Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    book.append(envelope).await.expect(201);
    id
}

/// The program itself, on a folder that a ledger was made in.
struct Program(Child, std::net::SocketAddr);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(config: &Path) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_grantbook"))
        .args(["serve", "--json", "--config"])
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Value = lines
        .map_while(Result::ok)
        .find_map(|line| serde_json::from_str(&line).ok())
        .expect("the program says where it is");
    let address = said["url"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
    Program(child, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mail_goes_twice_though_the_server_is_killed_in_its_midst() {
    let Some(server) = MailServer::started() else { return };
    let book = Book::open_with(|config| server.configure(config)).await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    person.confirmed(&server, "somebody@mail.example", "language=en&digest=each").await;
    let request = |published: &Published| {
        let expires = UnixSeconds(now().seconds().0 + 86_400);
        let event =
            RequestMade { sub: person.sub.clone(), terms: published.terms(&json!({"uses": 3})), expires };
        book.envelope(Kind::RequestMade, event, &[&book.sandbox.enterprise])
    };
    let requests = [request(&published), request(&published)];
    let folder = book.into_folder().await;
    let config = folder.path().join("grantbook.toml");
    let data = folder.path().join("data");
    let toml = format!(
        "listen = \"127.0.0.1:0\"\ndata_dir = {data:?}\norigin = \"ledger.test/log\"\n[mail]\nhost = \"localhost\"\nport = {}\n\
         ca_file = {:?}\nuser = \"grantbook\"\npassword_file = {:?}\nfrom = \"notify@consent.example\"\n",
        server.port,
        server.file("ca.pem"),
        server.file("password"),
    );
    std::fs::write(&config, toml).unwrap();
    let append =
        |envelope: &[u8]| Call::post("/v1/events").bytes("application/octet-stream", envelope.to_vec());

    std::fs::write(server.file("hold"), "").unwrap();
    let mut program = serve(&config);
    append(&requests[0]).send(program.1).await.expect(201);
    // the mail server has the message; the program does not know that yet
    until(|| server.taken() == 2).await;
    program.0.kill().unwrap();
    program.0.wait().unwrap();
    std::fs::remove_file(server.file("hold")).unwrap();
    let program = serve(&config);
    server.stays_at(2).await;
    // and it goes on with what comes next
    append(&requests[1]).send(program.1).await.expect(201);
    server.mail(3).await;
    server.stays_at(3).await;
}
