//! The row argument: the committed rows satisfy a relation (docs/spec/05-argument.md).
//!
//! `prove.rs` and `verify.rs` tell the two stories; `relation.rs` and `statement.rs` parse what both are given, `layout.rs`
//! says where everything stands in a proof, `equations.rs` states what is checked, once for both sides.

mod accumulate;
mod ahead;
#[cfg(test)]
mod cases;
mod closing;
mod equations;
mod evaluate;
mod folding;
mod forms;
mod layout;
mod multilinear;
mod nonces;
mod opening;
mod pairs;
mod polynomial;
mod prove;
mod relation;
mod rounds;
mod selectors;
mod small;
mod squares;
mod statement;
mod terms;
#[cfg(test)]
mod tests;
mod univariate;
mod verify;
mod witness;

pub use prove::prove;
pub use statement::Public;
pub use verify::{Instance, verify};
pub use witness::Secret;

use crate::Error;

/// The steps of a verification, in their order; a refused proof names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Relation,
    Commitments,
    Length,
    Encoding,
    Identity,
    Rounds,
    Evaluations,
    Cells,
    Rows,
    Product,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Relation => "relation",
            Step::Commitments => "commitments",
            Step::Length => "length",
            Step::Encoding => "encoding",
            Step::Identity => "identity",
            Step::Rounds => "rounds",
            Step::Evaluations => "evaluations",
            Step::Cells => "cells",
            Step::Rows => "rows",
            Step::Product => "product",
        }
    }

    /// The refusal of the only, or first, proof; a batch puts its own index.
    fn refused(self, reason: &'static str) -> Error {
        Error::RowProof {
            index: 0,
            step: self.name(),
            reason,
        }
    }
}
