//! A server in front of the log that changes what it passes on.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Changes the body of a path, or leaves it as it is and says so.
pub(super) type Change = fn(path: &str, body: &mut [u8]) -> bool;

/// Passes requests on until the test ends.
pub(super) struct Proxy {
    pub(super) url: String,
    changed: Arc<AtomicUsize>,
}

impl Proxy {
    pub(super) fn start(upstream: &str, change: Change) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let changed = Arc::new(AtomicUsize::new(0));
        let (upstream, count) = (upstream.to_owned(), Arc::clone(&changed));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // a reader that has seen enough hangs up: no matter
                let _ = answer(stream, &upstream, change, &count);
            }
        });
        Self { url, changed }
    }

    /// How many answers were changed.
    pub(super) fn changed(&self) -> usize {
        self.changed.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, upstream: &str, change: Change, count: &AtomicUsize) -> std::io::Result<()> {
    let mut head = BufReader::new(&stream);
    let mut request = String::new();
    head.read_line(&mut request)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let Ok(mut answer) = ureq::get(format!("{upstream}{path}")).call() else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let mut body = answer.body_mut().with_config().limit(32 << 20).read_to_vec().unwrap_or_default();
    if change(path, &mut body) {
        count.fetch_add(1, Ordering::SeqCst);
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}
