//! Witnesses as programs: two that nobody here wrote, and ours. Each knows one log.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::replay::program::{Done, Place, outside_tools, program};

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `aics-witness` from PyPI.
    Aics,
    /// `litewitness` of FiloSottile's torchwood, with its key in an ssh-agent.
    Lite,
    /// `grantbook witness`.
    Ours,
}

impl Kind {
    /// Whether its program is installed; `./check` does so.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::Aics => aics().is_file(),
            Self::Lite => {
                torchwood("litewitness").is_file() && Command::new("ssh-agent").arg("-h").output().is_ok()
            }
            Self::Ours => true,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aics => "aics-witness",
            Self::Lite => "litewitness",
            Self::Ours => "grantbook witness",
        }
    }
}

fn aics() -> PathBuf {
    outside_tools().join("python/bin/aics-witness")
}

fn torchwood(tool: &str) -> PathBuf {
    outside_tools().join("torchwood/usr/bin").join(tool)
}

/// A witness that runs until it is stopped, and can be started again with what it knew.
pub(crate) struct Witness {
    pub(crate) kind: Kind,
    /// Name of its files, and in policies.
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) vkey: String,
    children: Vec<Child>,
    port: u16,
    log: String,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

fn run(place: &Place, mut command: Command) -> Done {
    place.settle(&mut command);
    Done::of(command.output().expect("the tool starts")).ok()
}

impl Witness {
    /// Makes its keys and starts it. `log` is the log's verifier key.
    pub(crate) fn start(place: &Place, kind: Kind, name: &str, log: &str) -> Self {
        let port = free_port();
        let mut witness = Self {
            kind,
            name: name.to_owned(),
            url: format!("http://127.0.0.1:{port}"),
            vkey: String::new(),
            children: Vec::new(),
            port,
            log: log.to_owned(),
        };
        let origin = log.split('+').next().expect("a name");
        let cosigner = format!("witness.test/{name}");
        match kind {
            Kind::Aics => {
                let mut init = Command::new(aics());
                init.args(["init", "--config"]).arg(place.path(&witness.file("json")));
                init.args([
                    "--name",
                    &cosigner,
                    "--db",
                    &witness.file("db"),
                    "--key-file",
                    &witness.file("key"),
                ]);
                let said = run(place, init).out;
                said.lines().last().expect("its key").clone_into(&mut witness.vkey);
                let mut add = Command::new(aics());
                add.args(["add-log", "--config"]).arg(place.path(&witness.file("json")));
                run(place, {
                    add.args(["--origin", origin, "--vkey", log]);
                    add
                });
            }
            Kind::Lite => {
                let mut keygen = Command::new("ssh-keygen");
                keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &witness.file("key")]);
                run(place, keygen);
                for (what, key) in [("add-log", None), ("add-key", Some(log))] {
                    let mut add = Command::new(torchwood("witnessctl"));
                    add.args([what, "-db", &witness.file("db"), "-origin", origin]);
                    if let Some(key) = key {
                        add.args(["-key", key]);
                    }
                    run(place, add);
                }
            }
            Kind::Ours => {}
        }
        witness.restart(place);
        witness
    }

    fn file(&self, extension: &str) -> String {
        format!("{}.{extension}", self.name)
    }

    /// Starts it again after [`Self::stop`].
    pub(crate) fn restart(&mut self, place: &Place) {
        let cosigner = format!("witness.test/{}", self.name);
        let address = format!("127.0.0.1:{}", self.port);
        match self.kind {
            Kind::Aics => {
                let mut serve = Command::new(aics());
                serve.args(["serve", "--listen", &address, "--config"]).arg(place.path(&self.file("json")));
                self.spawn(place, serve);
            }
            Kind::Lite => {
                let socket = self.file("agent");
                let _ = std::fs::remove_file(place.path(&socket));
                let mut agent = Command::new("ssh-agent");
                agent.args(["-D", "-a", &socket]);
                self.spawn(place, agent);
                wait("ssh-agent's socket", || place.path(&socket).exists());
                let mut add = Command::new("ssh-add");
                add.arg("-q").arg(self.file("key")).env("SSH_AUTH_SOCK", &socket);
                run(place, add);
                let mut print = Command::new("ssh-keygen");
                print.args(["-l", "-f", &self.file("key.pub")]);
                let said = run(place, print).out;
                let fingerprint = said.split(' ').nth(1).expect("a fingerprint");
                let mut serve = Command::new(torchwood("litewitness"));
                serve.args(["-db", &self.file("db"), "-name", &cosigner, "-key", fingerprint]);
                serve.args(["-ssh-agent", &socket, "-listen", &address]).stderr(Stdio::piped());
                let said = self.spawn(place, serve);
                if let Some(found) = said.split("vkey=").nth(1) {
                    found.trim().clone_into(&mut self.vkey);
                }
            }
            Kind::Ours => {
                let mut serve = Command::new(program());
                serve.args([
                    "witness", "--json", "--listen", &address, "--name", &cosigner, "--log", &self.log,
                ]);
                serve.args(["--state", &self.file("state")]).stdout(Stdio::piped());
                let said: serde_json::Value =
                    serde_json::from_str(&self.spawn(place, serve)).expect("it says where it is");
                // the ML-DSA-44 key of one, the Ed25519 key of another
                let at = usize::from(self.name.ends_with('2'));
                said["vkeys"][at].as_str().expect("a key").clone_into(&mut self.vkey);
            }
        }
        let listens = || std::net::TcpStream::connect(&address).is_ok();
        wait("the witness", listens);
    }

    /// Starts a program; gives the first line that tells its key or address, where one is asked for.
    fn spawn(&mut self, place: &Place, mut command: Command) -> String {
        place.settle(&mut command);
        let (out, err) = match self.kind {
            Kind::Ours => (Stdio::piped(), Stdio::null()),
            Kind::Lite => (Stdio::null(), Stdio::piped()),
            Kind::Aics => (Stdio::null(), Stdio::null()),
        };
        let is_agent = command.get_program() == "ssh-agent";
        let mut child = command.stdout(out).stderr(err).spawn().expect("the witness starts");
        let mut said = String::new();
        if !is_agent {
            let reader: Option<Box<dyn std::io::Read + Send>> =
                match (child.stdout.take(), child.stderr.take()) {
                    (Some(out), _) => Some(Box::new(out)),
                    (_, Some(err)) => Some(Box::new(err)),
                    _ => None,
                };
            if let Some(reader) = reader {
                let mut lines = BufReader::new(reader);
                while !said.contains("vkey") {
                    said.clear();
                    assert!(lines.read_line(&mut said).expect("a line") > 0, "{}: it ended", self.name);
                }
                // what it says later must not fill the pipe
                std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            }
        }
        self.children.push(child);
        said
    }

    /// Stops it; it keeps what it knows.
    pub(crate) fn stop(&mut self) {
        for mut child in std::mem::take(&mut self.children).into_iter().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Its line of a policy.
    pub(crate) fn policy_line(&self) -> String {
        format!("witness {} {} {}\n", self.name, self.vkey, self.url)
    }

    /// Sends it a request as anybody could; gives status, content type and body.
    pub(crate) fn ask(&self, body: &str) -> (u16, String, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer =
            agent.post(format!("{}/add-checkpoint", self.url)).send(body.as_bytes()).expect("an answer");
        let kind =
            answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (status, kind) = (answer.status().as_u16(), kind.to_owned());
        (status, kind, answer.body_mut().read_to_string().expect("text"))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(30));
    }
}
