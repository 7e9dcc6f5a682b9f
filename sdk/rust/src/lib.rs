//! The gate: asked before each use of a customer's data.
