//! The native decision plan and its evaluator.
