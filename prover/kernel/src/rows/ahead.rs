//! Sums of rounds that are known before their challenges.

use super::univariate;
use ark_bn254::Fr;

pub enum Ahead {
    /// Of the next round, at 1 .. D.
    One(Vec<Fr>),
    /// Of the next two rounds, over both open variables: row i, column j is the sum at (i, j), each in 0 .. D.
    Two { grid: Vec<Fr>, degree: usize },
}

impl Ahead {
    /// What the next round adds up, at 1 .. D.
    pub fn sums(&self) -> Vec<Fr> {
        match self {
            Ahead::One(sums) => sums.clone(),
            Ahead::Two { grid, degree } => {
                let rows = grid.chunks_exact(degree + 1).skip(1);
                rows.map(|row| row[0] + row[1]).collect()
            }
        }
    }

    /// What is still known when the variable of the next round is bound.
    pub fn bind(self, r: Fr) -> Option<Self> {
        let Ahead::Two { grid, degree } = self else {
            return None;
        };
        let sums = (1..=degree).map(|column| {
            let values: Vec<Fr> = grid.iter().skip(column).step_by(degree + 1).copied().collect();
            univariate::evaluate(&univariate::coefficients(&values), r)
        });
        Some(Ahead::One(sums.collect()))
    }
}
