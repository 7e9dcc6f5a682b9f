//! A PostgreSQL of the test's own: made by `initdb` in a folder that goes away, reached through its socket alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// A cluster that runs until it is dropped.
pub(super) struct Cluster {
    folder: tempfile::TempDir,
    server: Child,
    programs: PathBuf,
}

/// The newest PostgreSQL of the system; tests say that they are skipped where there is none.
fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = installed.filter_map(|folder| Some(folder.ok()?.path().join("bin")));
    let mut folders: Vec<_> = folders.filter(|folder| folder.join("initdb").exists()).collect();
    folders.sort();
    folders.pop()
}

/// PostgreSQL refuses to be root's: where the tests run as root, it is the user's whom Debian made for it.
fn as_its_user(program: &Path) -> Command {
    if std::env::var_os("USER").is_some_and(|user| user != "root") && !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--reset-env"]).arg(program);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout == b"0\n"
}

impl Cluster {
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: PostgreSQL, the Debian package postgresql");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        if is_root() {
            let owned = Command::new("chown").arg("postgres:postgres").arg(folder.path()).status();
            assert!(owned.expect("chown").success());
        }
        let data = folder.path().join("data");
        let mut initdb = as_its_user(&programs.join("initdb"));
        let made =
            initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let made = made.current_dir(folder.path()).output().expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = as_its_user(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]);
        let server = server.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let cluster = Self { server: server.spawn().expect("a server"), folder, programs };
        let begun = Instant::now();
        while !cluster
            .psql("postgres")
            .args(["-c", "SELECT 1"])
            .output()
            .is_ok_and(|done| done.status.success())
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(cluster)
    }

    /// The folder of its socket.
    pub(super) fn socket(&self) -> &Path {
        self.folder.path()
    }

    fn psql(&self, user: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.arg("-h").arg(self.socket()).args([
            "-U",
            user,
            "-d",
            "postgres",
            "-AtqX",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        psql
    }

    /// What statements answer.
    pub(super) fn sql(&self, text: &str) -> String {
        let done = self.psql("postgres").args(["-c", text]).output().expect("psql");
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text").trim().to_owned()
    }

    /// Whether a user may do it.
    pub(super) fn may(&self, user: &str, text: &str) -> bool {
        self.psql(user).args(["-c", text]).output().expect("psql").status.success()
    }

    /// A transaction that has done this and is not committed.
    pub(super) fn transaction(&self, text: &str) -> Open {
        let mut child =
            self.psql("postgres").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql");
        let mut told = child.stdin.take().expect("a pipe");
        writeln!(told, "BEGIN; {text}; SELECT 'done';").expect("a reader");
        let mut says = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut says, &mut line).expect("an answer");
        assert_eq!(line, "done\n");
        Open { child, told }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = Command::new("kill").args(["-INT", &self.server.id().to_string()]).status();
        if !stopped.is_ok_and(|done| done.success()) {
            drop(self.server.kill());
        }
        drop(self.server.wait());
    }
}

/// See [`Cluster::transaction`].
pub(super) struct Open {
    child: Child,
    told: ChildStdin,
}

impl Open {
    pub(super) fn commit(mut self) {
        writeln!(self.told, "COMMIT;").expect("a reader");
        drop(self.told);
        assert!(self.child.wait().expect("psql").success());
    }
}
