//! The product from outside.

mod client;
mod crash;
mod doors;
mod durability;
mod gate;
mod isolation;
mod outside;
mod proxy;
mod public_log;
mod readme;
mod replay;
mod tidy;
mod world;
