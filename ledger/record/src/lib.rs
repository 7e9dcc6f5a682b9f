//! Events, scopes, entries and receipts: bytes, signatures and their verification.
