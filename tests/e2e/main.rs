//! The product from outside.

mod crash;
mod outside;
mod replay;
