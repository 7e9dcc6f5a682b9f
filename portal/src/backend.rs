//! What the portal asks of the server around it, in its own words.

pub mod write;
