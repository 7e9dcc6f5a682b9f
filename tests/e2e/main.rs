//! The product from outside.

mod outside;
mod replay;
