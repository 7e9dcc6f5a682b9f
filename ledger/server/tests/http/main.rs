//! The server from outside, over real sockets: one module per concern.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, in their helpers too"
)]

mod acknowledgements;
mod assets;
mod audits;
mod authzen;
mod authzen_batch;
mod authzen_certification;
mod book;
mod client;
mod complaints;
mod connector;
mod consents;
mod desk;
mod devices;
mod doors;
mod erasure;
mod feed;
mod golden;
mod limits;
mod log;
mod mail;
mod mandates;
mod matrix;
mod mirror;
mod operator;
mod pages;
mod parting;
mod passkeys;
mod person;
mod portal;
mod recovering;
mod request_links;
mod several;
mod stored_scripts;
mod story;
mod tls;
