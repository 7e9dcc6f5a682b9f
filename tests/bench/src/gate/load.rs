//! A load generator: keep-alive connections over loopback, each with one request under way.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;
use crate::measure::{Run, Samples, process_cpu};

/// Bytes of a response head and body, at most.
const RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// A POST request, whole.
pub(super) fn post(path: &str, token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// One connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its answer's body, which must have status 200 or 201.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Result<&[u8], Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 || self.buffer.len() > RESPONSE_BYTES_MAX {
                return Err("the server ended the connection, or answers too much".into());
            }
            let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(self.buffer.get(..head).unwrap_or_default())?;
            if !(text.starts_with("HTTP/1.1 200") || text.starts_with("HTTP/1.1 201")) {
                return Err(format!("expected status 200, got {}", text.lines().next().unwrap_or("")).into());
            }
            let length = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let end = head + 4 + length.ok_or("an answer without content-length")?;
            while self.buffer.len() < end {
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err("the server ended the connection within an answer".into());
                }
            }
            return Ok(self.buffer.get(head + 4..end).unwrap_or_default());
        }
    }
}

/// Each of `connections` sends `requests` in turn, beginning at different ones, until the time is over. Every answer
/// must contain `expected`.
pub(super) async fn run(
    address: SocketAddr,
    connections: usize,
    requests: &std::sync::Arc<Vec<Vec<u8>>>,
    expected: &'static str,
    time: Duration,
) -> Result<Run, Failure> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let (begun_cpu, begun) = (process_cpu(), Instant::now());
    let tasks: Vec<_> = open
        .into_iter()
        .enumerate()
        .map(|(number, mut connection)| {
            let requests = std::sync::Arc::clone(requests);
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                let skip = number * requests.len() / connections;
                for request in requests.iter().cycle().skip(skip) {
                    let sent = Instant::now();
                    let answer = connection.ask(request).await?;
                    if !contains(answer, expected.as_bytes()) {
                        let answer = String::from_utf8_lossy(answer).into_owned();
                        return Err(format!("expected {expected}, got {answer}").into());
                    }
                    latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                    if begun.elapsed() >= time {
                        break;
                    }
                }
                Ok::<_, Failure>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.append(&mut task.await??);
    }
    let (wall, cpu) = (begun.elapsed(), process_cpu().saturating_sub(begun_cpu));
    Ok(Run { calls: latencies.len(), wall, cpu, latency_ms: Samples::new(latencies) })
}

/// Looks at the first bytes only: a receipt behind them is long.
fn contains(answer: &[u8], expected: &[u8]) -> bool {
    answer.get(..answer.len().min(64)).unwrap_or_default().windows(expected.len()).any(|w| w == expected)
}
