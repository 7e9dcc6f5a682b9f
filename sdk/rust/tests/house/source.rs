//! A source of facts on a real socket that answers as it is told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// What the source does with a question.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Status and body.
    Now(u16, String),
    /// The same, after a while.
    After(Duration, u16, String),
    /// Takes the question and says nothing.
    Silence,
    /// Begins an answer and then sends a byte now and then, for ever.
    Drip,
    /// Closes the connection.
    HangUp,
}

/// Gives its address and counts questions. `answer` is given the number of the question, from 0, and its path.
pub(crate) fn serve(
    answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/facts", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let (answer, count) = (Arc::new(answer), Arc::clone(&asked));
    spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            spawn(move || talk(stream, answer.as_ref(), &count));
        }
    });
    (address, asked)
}

/// An address where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/facts", listener.local_addr().unwrap())
}

fn talk(mut stream: TcpStream, answer: &impl Fn(usize, &str) -> Answer, count: &AtomicUsize) {
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read_exact(&mut byte) {
            Ok(()) => question.push(byte[0]),
            Err(_) => return,
        }
    }
    let question = String::from_utf8_lossy(&question).into_owned();
    let path = question.split(' ').nth(1).unwrap_or_default();
    let number = count.fetch_add(1, Ordering::SeqCst);
    match answer(number, path) {
        Answer::Now(status, body) => say(&mut stream, status, &body),
        Answer::After(wait, status, body) => {
            sleep(wait);
            say(&mut stream, status, &body);
        }
        Answer::Silence => sleep(Duration::from_secs(60)),
        Answer::Drip => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{");
            while stream.write_all(b" ").is_ok() {
                sleep(Duration::from_millis(20));
            }
        }
        Answer::HangUp => {}
    }
}

fn say(stream: &mut TcpStream, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}
