//! Pages for customers, enterprises and regulators.
