//! Many sums of affine points at once, by additions that share their inversions (docs/notes/commit-speed.md).
//!
//! Adding two affine points costs one inversion and three multiplications; Montgomery's trick replaces the inversions of
//! a batch by one and three multiplications each: six multiplications an addition, where a mixed projective one costs
//! eleven. Each list is halved again and again, pairs of all lists in one batch.

use crate::{Error, Result};
use ark_bn254::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::Field;

/// A point that is not the identity, without the flag and padding that `G1Affine` carries: one cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finite {
    pub x: Fq,
    pub y: Fq,
}

impl Finite {
    pub fn new(point: &G1Affine) -> Result<Self> {
        let (x, y) = point.xy().ok_or(Error::Internal("a generator is the identity"))?;
        Ok(Self { x, y })
    }

    pub fn negated(self) -> Self {
        Self { x: self.x, y: -self.y }
    }
}

/// Pairs that share one inversion: enough to make it cheap, few enough to stay in the first-level cache.
const BATCH: usize = 256;

/// Lists of points laid end to end. Its buffers are used again from one block of rows to the next.
#[derive(Default)]
pub struct Lists {
    points: Vec<Finite>,
    lengths: Vec<usize>,
    halved: Vec<Finite>,
    batch: Batch,
}

impl Lists {
    /// Forgets all lists.
    pub fn clear(&mut self) {
        self.points.clear();
        self.lengths.clear();
    }

    /// Adds a point to the list that is being written.
    pub fn push(&mut self, point: Finite) {
        self.points.push(point);
    }

    /// Ends the list that is being written; `written` is the number of points so far in all lists.
    pub fn end_list(&mut self) {
        let before: usize = self.lengths.iter().sum();
        self.lengths.push(self.points.len() - before);
    }

    /// Replaces every list by its sum: one point, or none for an empty list.
    ///
    /// Fails if two partial sums have one x-coordinate. The points are independent generators and multiples of one of
    /// them that cannot meet, so that would be a discrete logarithm found by accident.
    pub fn reduce(&mut self) -> Result<()> {
        while self.lengths.iter().any(|length| *length > 1) {
            self.halve()?;
        }
        Ok(())
    }

    /// The sums after `reduce`, one for each list.
    pub fn sums(&self) -> impl Iterator<Item = Option<Finite>> {
        let mut points = self.points.iter();
        self.lengths
            .iter()
            .map(move |length| if *length == 0 { None } else { points.next().copied() })
    }

    fn halve(&mut self) -> Result<()> {
        self.halved.clear();
        self.halved.reserve(self.points.len() / 2 + self.lengths.len());
        let mut rest = self.points.as_slice();
        for length in &mut self.lengths {
            let (list, others) = rest.split_at(*length);
            rest = others;
            let pairs = list.chunks_exact(2);
            let single = pairs.remainder().first();
            for pair in pairs {
                self.batch.push(pair[0], pair[1], self.halved.len());
                self.halved.push(pair[0]);
                if self.batch.pairs.len() == BATCH {
                    self.batch.add(&mut self.halved)?;
                }
            }
            self.halved.extend(single);
            *length = length.div_ceil(2);
        }
        self.batch.add(&mut self.halved)?;
        std::mem::swap(&mut self.points, &mut self.halved);
        Ok(())
    }
}

/// Additions that wait for their common inversion.
#[derive(Default)]
struct Batch {
    pairs: Vec<Pair>,
    product: Option<Fq>,
}

struct Pair {
    a: Finite,
    b: Finite,
    /// Where the sum goes.
    place: usize,
    /// b.x - a.x.
    run: Fq,
    /// The product of `run` of all pairs before this one.
    before: Fq,
}

impl Batch {
    fn push(&mut self, a: Finite, b: Finite, place: usize) {
        let run = b.x - a.x;
        let before = self.product.unwrap_or(Fq::ONE);
        self.product = Some(before * run);
        self.pairs.push(Pair {
            a,
            b,
            place,
            run,
            before,
        });
    }

    fn add(&mut self, sums: &mut [Finite]) -> Result<()> {
        let Some(product) = self.product.take() else {
            return Ok(());
        };
        let mut inverse = product
            .inverse()
            .ok_or(Error::Internal("two partial sums have one x-coordinate"))?;
        for pair in self.pairs.drain(..).rev() {
            let slope = (pair.b.y - pair.a.y) * (inverse * pair.before);
            inverse *= pair.run;
            let x = slope.square() - pair.a.x - pair.b.x;
            let y = slope * (pair.a.x - x) - pair.a.y;
            sums[pair.place] = Finite { x, y };
        }
        Ok(())
    }
}
