//! The line between a gate and its server: a TCP proxy that can be cut, or hold back what the server sends.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Failure;

/// What becomes of what the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    /// Feeds are held back until it is fair again; everything else passes, heads among it.
    FeedHeld,
    /// Everything is held back until it is fair again.
    AllHeld,
    /// Connections are cut, and none is taken.
    Cut,
}

const FEED_REQUEST: &[u8] = b"GET /v1/feed";

/// Ends with the value.
pub(super) struct Line {
    pub(super) address: SocketAddr,
    weather: watch::Sender<Weather>,
}

impl Line {
    pub(super) async fn to(server: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::Fair);
        tokio::spawn(accept(listener, server, seen));
        Ok(Self { address, weather })
    }

    pub(super) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mut weather: watch::Receiver<Weather>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted && *weather.borrow() != Weather::Cut {
                tokio::spawn(connection(client, server, weather.clone()));
            },
            changed = weather.changed() => if changed.is_err() { return },
        }
    }
}

/// Dropping both sockets cuts both sides.
async fn connection(client: TcpStream, server: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // answers are small and whole
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // a connection is a feed's from its first request for one: that answer has no end
    let (is_feed, feed) = watch::channel(false);
    let holds = move |weather: Weather| match weather {
        Weather::FeedHeld => *feed.borrow(),
        Weather::AllHeld => true,
        Weather::Fair | Weather::Cut => false,
    };
    tokio::select! {
        () = requests(from_client, to_server, is_feed) => {}
        () = answers(from_server, to_client, holds, weather.clone()) => {}
        _ = weather.wait_for(|weather| *weather == Weather::Cut) => {}
    }
}

async fn requests(
    mut client: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    is_feed: watch::Sender<bool>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        let bytes = buffer.get(..count).unwrap_or_default();
        // gates write a request's head at once
        if bytes.starts_with(FEED_REQUEST) {
            is_feed.send_replace(true);
        }
        if server.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut server: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    holds: impl Fn(Weather) -> bool,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        let clear = weather.wait_for(|weather| !holds(*weather)).await.is_ok();
        if !clear || client.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}
