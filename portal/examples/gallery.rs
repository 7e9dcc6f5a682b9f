//! Serves the gallery until it is stopped: every screen in every state, for screenshots. The address is the first line of
//! standard output.

use std::net::Ipv4Addr;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, grantbook_portal::gallery::router()).await
}
