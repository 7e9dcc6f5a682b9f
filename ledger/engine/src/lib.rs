//! Admission, sequencing, storage and state of the consent ledger.
