//! Where everything stands in a proof (docs/spec/05-argument.md, section 6): all lengths follow from public shapes.

use super::statement::Statement;
use crate::codec::{POINT_BYTES, SCALAR_BYTES};
use std::ops::Range;

/// A vector that is opened is folded until it is no longer than this.
pub const MAX_TAIL: usize = 256;
const SELECTOR_DEGREE: usize = 3;

/// How often a vector is folded, and how long it is then.
#[derive(Debug, Clone, Copy)]
pub struct Folds {
    pub count: usize,
    pub tail: usize,
}

impl Folds {
    pub fn of(mut length: usize) -> Self {
        let mut count = 0;
        while length > MAX_TAIL {
            length = length.div_ceil(2);
            count += 1;
        }
        Self { count, tail: length }
    }
}

/// The places of one opening among the scalars: z', zeta, theta.
#[derive(Debug, Clone)]
pub struct Opened {
    pub vector: Range<usize>,
    pub blinder: usize,
    pub theta: usize,
}

/// The shape of a proof. The scalars are, in one flat list, the secrets of the prover, their masks, or the responses.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The coefficients g_{l,1} .. g_{l,D_l} and rho_l of each round.
    pub rounds: Vec<Range<usize>>,
    /// (S_0,) e_1 .. e_k and epsilon.
    pub evaluations: Range<usize>,
    pub cells: Option<Opened>,
    pub rows: Opened,
    /// sigma, after all others.
    pub sigma: usize,
    pub cells_folds: usize,
    pub rows_folds: usize,
    /// D.
    pub degree: usize,
}

impl Layout {
    pub fn new(statement: &Statement) -> Self {
        let relation = &statement.relation;
        let cells = statement.weights.len();
        let degree = relation.degree();
        let over_x = if cells == 0 { degree + 1 } else { degree };
        let forms = relation.boolean.len() + relation.forms.len();

        let mut end = 0;
        let mut next = |count: usize| {
            end += count;
            end - count..end
        };
        let selector_bits = if cells == 0 { relation.selector_bits() } else { 0 };
        let selector_rounds = std::iter::repeat_n(SELECTOR_DEGREE, selector_bits);
        let degrees = selector_rounds.chain(std::iter::repeat_n(over_x, statement.bits()));
        let rounds = degrees.map(|degree| next(degree + 1)).collect();
        let evaluations = next(usize::from(cells > 0) + forms + 1);
        let mut opened = |length: usize| {
            let vector = next(Folds::of(length).tail);
            Opened {
                blinder: next(1).start,
                theta: next(1).start,
                vector,
            }
        };
        let opened_cells = (cells > 0).then(|| opened(cells));
        let rows = opened(statement.columns);
        Self {
            rounds,
            evaluations,
            cells: opened_cells,
            rows,
            sigma: end,
            cells_folds: Folds::of(cells).count,
            rows_folds: Folds::of(statement.columns).count,
            degree,
        }
    }

    /// The place of S_0, in cells mode only.
    pub fn claim(&self) -> Option<usize> {
        self.cells.as_ref().map(|_| self.evaluations.start)
    }

    /// The places of e_1 .. e_k.
    pub fn values(&self) -> Range<usize> {
        self.evaluations.start + usize::from(self.cells.is_some())..self.evaluations.end - 1
    }

    /// T_l .. T_E (T_cells) T_rows.
    pub fn masks(&self) -> usize {
        self.rounds.len() + 2 + usize::from(self.cells.is_some())
    }

    pub fn points(&self) -> usize {
        self.rounds.len() + 1 + 2 * (self.cells_folds + self.rows_folds) + self.masks() + self.degree
    }

    pub fn point_bytes(&self) -> usize {
        self.points() * POINT_BYTES
    }

    pub fn length(&self) -> usize {
        self.point_bytes() + (self.sigma + 1) * SCALAR_BYTES
    }

    /// The points of a proof, or their encodings, by what they are. `width` is how many `T` one of them takes; there must be
    /// as many as `points` says.
    pub fn split<'a, T>(&self, all: &'a [T], width: usize) -> Points<'a, T> {
        let mut rest = all;
        let mut take = |count: usize| {
            let (taken, left) = rest.split_at(count * width);
            rest = left;
            taken
        };
        Points {
            rounds: take(self.rounds.len()),
            evaluations: take(1),
            cells_folds: take(2 * self.cells_folds),
            rows_folds: take(2 * self.rows_folds),
            masks: take(self.masks()),
            thetas: take(self.degree),
        }
    }
}

/// Slices of the points of a proof, in their order.
pub struct Points<'a, T> {
    pub rounds: &'a [T],
    pub evaluations: &'a [T],
    /// L, R of each fold.
    pub cells_folds: &'a [T],
    pub rows_folds: &'a [T],
    /// T_l .. T_E (T_cells) T_rows.
    pub masks: &'a [T],
    pub thetas: &'a [T],
}
