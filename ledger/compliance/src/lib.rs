//! Pedersen commitments and zero-knowledge statements about them.
