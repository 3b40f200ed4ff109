//! The cryptographic kernel: plain Rust over arkworks. `python.rs` is the only file that knows Python.
//!
//! Every function takes byte slices in the canonical encodings of `codec.rs` and returns bytes or a typed `Error`.
//! Specification: `docs/spec/01-primitives.md`, `docs/spec/02-tables.md`, `docs/spec/05-argument.md`,
//! `docs/spec/06-sharing.md`.

pub mod batch;
pub mod buckets;
pub mod codec;
pub mod error;
pub mod generators;
pub mod guard;
pub mod labels;
pub mod loose;
pub mod onehot;
pub mod pedersen;
pub mod pool;
pub mod prf;
pub mod representation;
pub mod rows;
pub mod sharing;
pub mod tables;
pub mod transcript;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
