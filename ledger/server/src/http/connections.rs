//! Accepting connections, a bounded number at a time, with TLS or without, and draining them at shutdown.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::tls::Tls;

/// Time for a request's header, and for which a connection may stay without one.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// Pause after the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whose connection a request came over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves until `shutdown`, then drains for at most `grace`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    router: Router,
    connections_max: u32,
    grace: Duration,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(connections_max as usize));
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(&listener, tls.as_ref(), &router, &connections, &graceful) => {}
        () = shutdown => {}
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(grace) => tracing::warn!("connections left after the grace period"),
    }
}

async fn accept(
    listener: &TcpListener,
    tls: Option<&Arc<Tls>>,
    router: &Router,
    connections: &Arc<Semaphore>,
    graceful: &GracefulShutdown,
) {
    loop {
        let Ok(permit) = Arc::clone(connections).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // answers are small and whole: waiting to fill a packet only delays them
        let _ = stream.set_nodelay(true);
        let peer = Peer(peer.ip().to_canonical());
        let (router, watcher, tls) = (router.clone(), graceful.watcher(), tls.cloned());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, peer, router, watcher).await,
                Some(tls) => {
                    if let Some(stream) = tls.handshake(stream).await {
                        converse(stream, peer, router, watcher).await;
                    }
                }
            }
            drop(permit);
        });
    }
}

/// Answers the requests of one connection.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}
