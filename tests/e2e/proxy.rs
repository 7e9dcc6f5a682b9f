//! A TCP proxy between a gate and its server, which can hold bytes back and cut connections.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What the proxy does to what the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Passes it on.
    Fair,
    /// Delays what it sends on feeds by an hour, and passes the rest on.
    FeedHeld,
    /// Cuts every connection on which a feed is asked for, and passes the rest on.
    FeedCut,
    /// Delays everything by an hour.
    AllHeld,
    /// Cuts every connection and takes no new one.
    Cut,
}

const HOUR: Duration = Duration::from_secs(3600);
const FEED_REQUEST: &[u8] = b"GET /v1/feed";

/// Ends with the value, and its connections with it.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    server: SocketAddr,
    weather: Weather,
}

impl Proxy {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (state, seen) = watch::channel(State { server, weather: Weather::Fair });
        tokio::spawn(accept(listener, seen));
        Self { address, state }
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.state.send_modify(|state| state.weather = weather);
    }

    /// New connections go to another server.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.state.send_modify(|state| state.server = server);
    }
}

async fn accept(listener: TcpListener, mut state: watch::Receiver<State>) {
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => accepted.expect("a connection").0,
            closed = state.changed() => match closed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let State { server, weather } = *state.borrow();
        if weather != Weather::Cut {
            tokio::spawn(connection(client, server, state.clone()));
        }
    }
}

/// Dropping both sockets cuts both sides.
async fn connection(client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // a connection is a feed's from its first request for one: that answer has no end
    let (is_feed, feed) = watch::channel(false);
    tokio::select! {
        () = requests(from_client, to_server, is_feed) => {}
        () = answers(from_server, to_client, feed.clone(), state.clone()) => {}
        () = feed_cut(feed, state.clone()) => {}
        _ = state.wait_for(|state| state.weather == Weather::Cut) => {}
    }
}

/// Returns once this is a feed's connection and those are cut.
async fn feed_cut(mut is_feed: watch::Receiver<bool>, mut state: watch::Receiver<State>) {
    let asked = is_feed.wait_for(|is_feed| *is_feed).await.is_ok();
    if !asked || state.wait_for(|state| state.weather == Weather::FeedCut).await.is_err() {
        // the other ends of the connection say when it is over
        std::future::pending::<()>().await;
    }
}

async fn requests(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, is_feed: watch::Sender<bool>) {
    let mut buffer = [0; 16 * 1024];
    // the end of the last piece, in case a request's first line comes in two
    let mut text = Vec::new();
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        text.extend_from_slice(&buffer[..count]);
        if text.windows(FEED_REQUEST.len()).any(|window| window == FEED_REQUEST) {
            is_feed.send_replace(true);
        }
        text.drain(..text.len().saturating_sub(FEED_REQUEST.len()));
        if server.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    is_feed: watch::Receiver<bool>,
    mut state: watch::Receiver<State>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        let passes = |state: &State| match state.weather {
            Weather::Fair | Weather::FeedCut => true,
            Weather::FeedHeld => !*is_feed.borrow(),
            Weather::AllHeld | Weather::Cut => false,
        };
        tokio::select! {
            clear = state.wait_for(passes) => if clear.is_err() { return },
            () = sleep(HOUR) => {}
        }
        if client.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
