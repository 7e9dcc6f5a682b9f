//! Transparency log primitives after RFC 6962 and C2SP.
