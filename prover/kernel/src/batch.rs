//! Many sums of affine points at once, by additions that share their inversions (docs/notes/commit-speed.md).
//!
//! Adding two affine points costs one inversion and three multiplications; Montgomery's trick replaces the inversions of
//! a batch by one and three multiplications each: six multiplications an addition, where a mixed projective one costs
//! eleven. Each list is halved again and again, pairs of all lists in one batch.

use crate::loose::LooseFq;
use crate::{Error, Result};
use ark_bn254::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::Field;

/// A point that is not the identity, without the flag and padding that `G1Affine` carries: one cache line.
#[derive(Clone, Copy)]
pub struct Finite {
    x: LooseFq,
    y: LooseFq,
}

impl Finite {
    /// The coordinates of `point`; for the identity (0, 0), which is not on the curve and must not be added.
    pub fn new(point: &G1Affine) -> Self {
        let (x, y) = point.xy().unwrap_or_default();
        Self {
            x: x.into(),
            y: y.into(),
        }
    }

    pub fn negated(self) -> Self {
        Self {
            x: self.x,
            y: LooseFq::ZERO - self.y,
        }
    }
}

impl Finite {
    /// The slope of y^2 = x^3 + 3 at this point, from 1 / (2 y).
    #[inline(always)]
    fn tangent(self, inverse: LooseFq) -> LooseFq {
        let square = self.x * self.x;
        (square + square + square) * inverse
    }

    /// The third point of a line, mirrored.
    #[inline(always)]
    fn add_with_slope(self, other: Self, slope: LooseFq) -> Self {
        let x = slope * slope - self.x - other.x;
        let y = slope * (self.x - x) - self.y;
        Self { x, y }
    }
}

impl From<Finite> for G1Affine {
    fn from(point: Finite) -> Self {
        G1Affine::new_unchecked(point.x.into(), point.y.into())
    }
}

/// Pairs that share one inversion: enough to make it cheap, few enough to stay in the first-level cache.
const BATCH: usize = 512;

/// Lists of points laid end to end. Its buffers are used again from one block of rows to the next.
#[derive(Default)]
pub struct Lists {
    points: Vec<Finite>,
    lengths: Vec<usize>,
    ended: usize,
    halved: Vec<Finite>,
    pairs: Vec<Pair>,
    products: Vec<LooseFq>,
}

/// Two neighbours that will be added.
#[derive(Clone, Copy)]
struct Pair {
    /// The place of the first of them.
    from: usize,
    /// The place of their sum.
    to: usize,
}

impl Lists {
    /// Forgets all lists.
    pub fn clear(&mut self) {
        self.points.clear();
        self.lengths.clear();
        self.ended = 0;
    }

    /// Adds a point to the list that is being written.
    pub fn push(&mut self, point: Finite) {
        self.points.push(point);
    }

    /// Ends the list that is being written.
    pub fn end_list(&mut self) {
        self.lengths.push(self.points.len() - self.ended);
        self.ended = self.points.len();
    }

    /// Replaces every list by its sum: one point, or none for an empty list.
    ///
    /// Fails if two partial sums are opposite points, because the identity has no coordinates. Independent generators and
    /// multiples of one of them that cannot meet give no such sums: that would be a discrete logarithm found by accident.
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
        let total = self.lengths.iter().map(|length| length.div_ceil(2)).sum();
        self.halved.resize(
            total,
            Finite {
                x: LooseFq::ZERO,
                y: LooseFq::ZERO,
            },
        );
        self.pairs.clear();
        let (mut from, mut to) = (0, 0);
        for length in &mut self.lengths {
            let pairs = *length / 2;
            self.pairs.extend((0..pairs).map(|pair| Pair {
                from: from + 2 * pair,
                to: to + pair,
            }));
            if *length % 2 == 1 {
                self.halved[to + pairs] = self.points[from + *length - 1];
            }
            from += *length;
            *length = length.div_ceil(2);
            to += *length;
        }
        for batch in self.pairs.chunks(BATCH) {
            add_pairs(&self.points, batch, &mut self.products, &mut self.halved)?;
        }
        std::mem::swap(&mut self.points, &mut self.halved);
        Ok(())
    }
}

/// Doubles every point, with one inversion a batch. Fails for the identity, which has no coordinates.
pub fn double_all(points: &mut [Finite]) -> Result<()> {
    let mut products = Vec::with_capacity(BATCH);
    for batch in points.chunks_mut(BATCH) {
        products.clear();
        let mut product = LooseFq::ONE;
        for point in batch.iter() {
            products.push(product);
            product = product * (point.y + point.y);
        }
        let inverse = Fq::from(product).inverse();
        let mut inverse = LooseFq::from(inverse.ok_or(Error::Internal("the identity is doubled"))?);
        for (point, product) in batch.iter_mut().zip(products.iter()).rev() {
            let slope = point.tangent(inverse * *product);
            inverse = inverse * (point.y + point.y);
            *point = point.add_with_slope(*point, slope);
        }
    }
    Ok(())
}

/// Adds each pair of `points` into its place of `sums`, with one inversion. `products` is scratch space.
fn add_pairs(points: &[Finite], pairs: &[Pair], products: &mut Vec<LooseFq>, sums: &mut [Finite]) -> Result<()> {
    products.clear();
    let mut product = LooseFq::ONE;
    for pair in pairs {
        products.push(product);
        product = product * (points[pair.from + 1].x - points[pair.from].x);
    }
    let Some(inverse) = Fq::from(product).inverse() else {
        return add_pairs_one_by_one(points, pairs, sums);
    };
    let mut inverse = LooseFq::from(inverse);
    for (pair, product) in pairs.iter().zip(products.iter()).rev() {
        let (a, b) = (points[pair.from], points[pair.from + 1]);
        sums[pair.to] = a.add_with_slope(b, (b.y - a.y) * (inverse * *product));
        inverse = inverse * (b.x - a.x);
    }
    Ok(())
}

/// The same where some pair has one x-coordinate, and so no slope.
fn add_pairs_one_by_one(points: &[Finite], pairs: &[Pair], sums: &mut [Finite]) -> Result<()> {
    for pair in pairs {
        let (a, b) = (points[pair.from], points[pair.from + 1]);
        let slope = match (Fq::from(b.x - a.x).inverse(), Fq::from(a.y + b.y).inverse()) {
            (Some(inverse), _) => (b.y - a.y) * inverse.into(),
            (None, Some(inverse)) => a.tangent(inverse.into()),
            (None, None) => return Err(Error::Internal("two partial sums are opposite points")),
        };
        sums[pair.to] = a.add_with_slope(b, slope);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generators::{Family, first};
    use ark_bn254::G1Projective;
    use ark_ec::{AdditiveGroup, CurveGroup};

    #[test]
    fn lists_of_every_length_are_summed() -> Result<()> {
        let generators = first(Family::RowPosition, 2000)?;
        let mut lists = Lists::default();
        // Twice, because buffers are used again; long lists need more than one batch.
        for lengths in [[0, 1, 2, 3, 1500, 0, 7], [5, 0, 0, 1024, 1, 2, 600]] {
            lists.clear();
            let mut expected = Vec::new();
            for length in lengths {
                let mut sum = G1Projective::ZERO;
                for point in &generators[..length] {
                    lists.push(Finite::new(point));
                    sum += point;
                }
                lists.end_list();
                expected.push((length > 0).then(|| sum.into_affine()));
            }
            lists.reduce()?;
            let sums: Vec<Option<G1Affine>> = lists.sums().map(|sum| sum.map(G1Affine::from)).collect();
            assert_eq!(sums, expected);
        }
        Ok(())
    }

    #[test]
    fn equal_points_are_doubled_and_opposite_ones_are_an_error() -> Result<()> {
        let generators = first(Family::RowPosition, 3)?;
        let [a, b, c] = [0, 1, 2].map(|index| Finite::new(&generators[index]));
        let mut lists = Lists::default();
        for (x, y) in [(a, b), (c, c), (b, a.negated())] {
            lists.push(x);
            lists.push(y);
            lists.end_list();
        }
        lists.reduce()?;
        let sums: Vec<Option<G1Affine>> = lists.sums().map(|sum| sum.map(G1Affine::from)).collect();
        let [a, b, c] = [0, 1, 2].map(|index| G1Projective::from(generators[index]));
        assert_eq!(sums, [a + b, c + c, b - a].map(|sum| Some(sum.into_affine())));

        let mut lists = Lists::default();
        lists.push(Finite::new(&generators[0]));
        lists.push(Finite::new(&generators[0]).negated());
        lists.end_list();
        assert!(lists.reduce().is_err());
        Ok(())
    }

    #[test]
    fn many_points_are_doubled_at_once() -> Result<()> {
        let generators = first(Family::RowPosition, BATCH + 2)?;
        let mut points: Vec<Finite> = generators.iter().map(Finite::new).collect();
        double_all(&mut points)?;
        for (doubled, point) in points.into_iter().zip(generators.iter()) {
            assert_eq!(G1Affine::from(doubled), (*point + *point).into_affine());
        }
        Ok(())
    }
}
