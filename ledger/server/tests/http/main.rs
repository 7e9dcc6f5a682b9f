//! The server from outside, over real sockets: one module per concern.

mod authzen;
mod book;
mod client;
mod doors;
mod feed;
mod golden;
mod limits;
mod log;
mod story;
