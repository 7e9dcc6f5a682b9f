//! The built program, run as people and scripts run it: a folder of its own, commands, and a server.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

/// The folder that this test's own program was built into: `<target>/<profile>`.
pub(crate) fn profile_folder() -> PathBuf {
    let this = std::env::current_exe().expect("a test has a path");
    this.ancestors().nth(2).expect("<profile>/deps/<test>").to_owned()
}

/// Where `./check` puts the tools that nobody here wrote.
pub(crate) fn outside_tools() -> PathBuf {
    profile_folder().parent().expect("<target>/<profile>").join("outside")
}

/// The program under test. Cargo builds it before the tests of its own package, and so before these in `./check`.
pub(crate) fn program() -> PathBuf {
    let program = profile_folder().join("grantbook");
    assert!(program.is_file(), "{}: not built, run `cargo build -p grantbook-server`", program.display());
    program
}

/// The workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are a folder of the workspace").to_owned()
}

/// Says that a test was skipped, where no capture hides it: `./check` counts these lines.
pub(crate) fn skip(test: &str, why: &str) {
    let _ = writeln!(io::stderr(), "skipped: {test}: {why}");
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Done {
    /// `None`: ended by a signal.
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        let Output { status, stdout, stderr } = output;
        let text = |bytes| String::from_utf8(bytes).expect("programs speak UTF-8");
        Self { status: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// The last line of standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let last = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.is(0)
    }

    #[track_caller]
    pub(crate) fn is(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// A folder that goes away by itself.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file in a folder of ours");
        path
    }

    /// A command in this folder, of which nothing in the environment changes the meaning.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program());
        self.settle(&mut command);
        command.args(line.split_whitespace());
        command
    }

    /// Makes any command run in this folder, apart from the caller's environment.
    pub(crate) fn settle(&self, command: &mut Command) {
        let ours = |name: &str| name.starts_with("GRANTBOOK_") || name.to_lowercase().ends_with("_proxy");
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.current_dir(self.0.path()).stdin(Stdio::null());
    }

    /// Runs a command whose words have no spaces.
    pub(crate) fn run(&self, line: &str) -> Done {
        Done::of(self.command(line).output().expect("the program starts"))
    }

    /// Serves the ledger in `data`, with its sandbox, on a free port.
    pub(crate) fn serve(&self, data: &str) -> Served {
        Served::start(self.command(&format!("serve --listen 127.0.0.1:0 --data-dir {data} --json")))
    }
}

/// A server, killed with the value.
pub(crate) struct Served {
    child: Child,
    /// Read to its end only by the system: the server says nothing more there.
    _out: BufReader<ChildStdout>,
    /// Its address, without a final slash.
    pub(crate) url: String,
    /// The folder of its sandbox.
    pub(crate) sandbox: String,
}

impl Served {
    /// Starts a command that is `serve --json`, and waits until it says where it is.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line of the server");
        let said: Value = serde_json::from_str(&line).expect("the server says where it is");
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        Self { child, _out: out, url: text("url"), sandbox: text("sandbox") }
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) {
        self.child.wait().expect("a child of ours");
    }

    /// The body of a public page, which must be there.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let url = format!("{}{path}", self.url);
        let mut answer = ureq::get(&url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
        answer.body_mut().with_config().limit(32 << 20).read_to_vec().expect("a body")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
