//! The verifier of the row argument: many proofs, one multi-exponentiation (docs/spec/05-argument.md, section 7).

use super::Step;
use super::accumulate::Accumulator;
use super::equations::{Equation, Equations, LastClaim};
use super::folding::Folding;
use super::layout::{Layout, Points};
use super::multilinear::{eq, eq_table, powers};
use super::polynomial::{Polynomial, Selection};
use super::statement::{Public, Statement, ZeroChallenges};
use crate::codec::{self, POINT_BYTES};
use crate::generators::Family;
use crate::prf::Prf;
use crate::transcript::{Transcript, keccak256};
use crate::{Error, Result, labels, pool};
use ark_bn254::{Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field, Zero};
use rayon::prelude::*;

const ENTROPY_BYTES: usize = 32;

/// A statement, the commitments of its digits (C[d,t,i] at place t R + i of digit d), and a proof.
pub struct Instance<'a> {
    pub transcript: Transcript,
    pub public: Public<'a>,
    pub points: Vec<&'a [u8]>,
    pub proof: &'a [u8],
}

/// Verifies all proofs, or names the first that fails and its step.
///
/// `entropy` is 32 random bytes that no prover could know.
pub fn verify(instances: &[Instance], entropy: &[u8], threads: usize) -> Result<()> {
    codec::check_length("the entropy", entropy, 1, ENTROPY_BYTES)?;
    pool::install(threads, || {
        let mut parsed = Vec::with_capacity(instances.len());
        for (index, instance) in instances.iter().enumerate() {
            match Parsed::new(instance) {
                Ok(next) => parsed.push(next),
                Err(error) => {
                    // One that fails before it is the one to be named.
                    verify_parsed(&parsed, instances, entropy)?;
                    return Err(at(index, error));
                }
            }
        }
        verify_parsed(&parsed, instances, entropy)
    })
}

/// Checks the equations of proofs that are those of the first instances.
fn verify_parsed(parsed: &[Parsed], instances: &[Instance], entropy: &[u8]) -> Result<()> {
    let replayed = parsed
        .par_iter()
        .zip(instances)
        .enumerate()
        .map(|(index, (parsed, instance))| {
            parsed
                .replay(instance.transcript.clone())
                .map_err(|error| at(index, error))
        });
    let replayed = replayed.collect::<Result<Vec<_>>>()?;
    let weights = Weights::new(entropy, &replayed)?;

    let sums = replayed.par_iter().enumerate().map(|(index, replayed)| {
        let mut sum = Accumulator::default();
        for (place, step) in CHECKS.into_iter().enumerate() {
            replayed.add(step, &mut weights.of(index, place), &mut sum);
        }
        sum
    });
    if sums.reduce(Accumulator::default, Accumulator::merge).sum()?.is_zero() {
        return Ok(());
    }
    for (index, replayed) in replayed.iter().enumerate() {
        for (place, step) in CHECKS.into_iter().enumerate() {
            let mut sum = Accumulator::default();
            replayed.add(step, &mut weights.of(index, place), &mut sum);
            if !sum.sum()?.is_zero() {
                return Err(at(index, step.refused("an equation does not hold")));
            }
        }
    }
    Err(Error::Internal("a batch of row proofs fails and none of them does"))
}

/// The steps that are equations, in the order in which they are named.
const CHECKS: [Step; 5] = [Step::Rounds, Step::Evaluations, Step::Cells, Step::Rows, Step::Product];

fn at(index: usize, error: Error) -> Error {
    match error {
        Error::RowProof { step, reason, .. } => Error::RowProof { index, step, reason },
        other => other,
    }
}

/// Secret weights of the equations, so that no prover can make two wrong ones cancel.
struct Weights(Prf);

impl Weights {
    /// They depend on all challenges and responses too: a prover who guesses the entropy is none the wiser.
    fn new(entropy: &[u8], replayed: &[Replayed]) -> Result<Self> {
        let digests: Vec<u8> = replayed.iter().flat_map(|replayed| replayed.digest).collect();
        Prf::new(&Prf::new(entropy)?.bytes(&[&digests])[..]).map(Self)
    }

    fn of(&self, index: usize, step: usize) -> impl FnMut() -> Fr {
        let mut drawn = 0u64;
        move || {
            drawn += 1;
            let place = [index as u64, step as u64, drawn].map(u64::to_be_bytes);
            self.0.scalar(&[place.as_flattened()])
        }
    }
}

/// A proof whose structure is right.
struct Parsed<'a> {
    statement: Statement<'a>,
    layout: Layout,
    proof: &'a [u8],
    /// Of each digit.
    commitments: Vec<Vec<G1Affine>>,
    points: Vec<G1Affine>,
    /// s* in the order of the layout, then sigma*.
    responses: Vec<Fr>,
}

impl<'a> Parsed<'a> {
    fn new(instance: &'a Instance) -> Result<Self> {
        let statement = Statement::parse(instance.public)?;
        let commitments = read_commitments(&statement, &instance.points)?;
        let layout = Layout::new(&statement);
        if instance.proof.len() != layout.length() {
            return Err(Step::Length.refused("the proof has the wrong length"));
        }
        let (points, responses) = instance.proof.split_at(layout.point_bytes());
        let points = codec::points("the points of the proof", points)
            .map_err(|_| Step::Encoding.refused("a point is not canonical or not on the curve"))?;
        let responses = codec::scalars("the responses", responses)
            .map_err(|_| Step::Encoding.refused("a response is not below the group order"))?;
        if points.iter().any(|point| point.is_zero()) {
            return Err(Step::Identity.refused("a point is the identity"));
        }
        Ok(Self {
            statement,
            layout,
            proof: instance.proof,
            commitments,
            points,
            responses,
        })
    }

    fn points(&self) -> Points<'_, G1Affine> {
        self.layout.split(&self.points, 1)
    }

    /// Goes through the transcript (section 2).
    fn replay(&self, mut transcript: Transcript) -> Result<Replayed<'_>> {
        let sent = self.layout.split(&self.proof[..self.layout.point_bytes()], POINT_BYTES);
        self.statement.absorb(&mut transcript)?;
        let zero = match self.statement.commitment {
            None => Some(ZeroChallenges::draw(&self.statement, &mut transcript)?),
            Some(_) => None,
        };
        let mut challenges = Vec::with_capacity(self.layout.rounds.len());
        for round in sent.rounds.chunks_exact(POINT_BYTES) {
            transcript.absorb(labels::ROWS_ROUND, round)?;
            challenges.push(transcript.challenge(labels::ROWS_POINT)?);
        }
        transcript.absorb(labels::ROWS_EVALUATIONS, sent.evaluations)?;
        let delta = transcript.challenge(labels::ROWS_DELTA)?;
        let eta = transcript.challenge(labels::ROWS_ETA)?;

        let (selector_point, point) = challenges.split_at(challenges.len() - self.statement.bits());
        let (row_point, column_point) = point.split_at(self.statement.row_bits());
        let selection = zero.as_ref().map(|zero| Selection {
            alpha: zero.alpha,
            point: selector_point.to_vec(),
            scale: eq(&zero.selectors, selector_point),
        });
        let polynomial = Polynomial::new(&self.statement.relation, selection.as_ref());

        let mut cells_folds = Vec::new();
        let cells = match self.statement.commitment {
            None => None,
            Some(_) => {
                let mut folding = Folding::new(self.statement.weights.clone());
                cells_folds = fold(&mut folding, sent.cells_folds, labels::ROWS_CELLS_FOLD, &mut transcript)
                    .map_err(|_| Step::Cells.refused("a fold challenge is 0"))?;
                Some(folding)
            }
        };
        let mut rows = Folding::new(eq_table(column_point));
        let rows_folds = fold(&mut rows, sent.rows_folds, labels::ROWS_ROWS_FOLD, &mut transcript)
            .map_err(|_| Step::Rows.refused("a fold challenge is 0"))?;
        transcript.absorb(labels::ROWS_MASKS, &[sent.masks, sent.thetas].concat())?;
        let c = transcript.challenge(labels::ROWS_CLOSING)?;

        Ok(Replayed {
            parsed: self,
            equations: Equations {
                layout: &self.layout,
                scale: zero.map_or(Fr::ONE, |zero| eq(&zero.rows, point)),
                functional: LastClaim::new(&self.layout, &challenges),
                deltas: powers(delta, polynomial.forms.len()),
                polynomial,
                eta,
                cells,
                rows,
            },
            row_weights: eq_table(row_point),
            digest: keccak256(&[&codec::encode_scalars(&[c]), self.proof]),
            cells_folds,
            rows_folds,
            c,
        })
    }
}

fn read_commitments(statement: &Statement, points: &[&[u8]]) -> Result<Vec<Vec<G1Affine>>> {
    let digits = &statement.relation.digits;
    if points.len() != digits.len() {
        return Err(Step::Commitments.refused("each digit of the relation has its commitments"));
    }
    let digits = points.par_iter().zip(digits).map(|(points, values)| {
        codec::check_length("the commitments", points, values * statement.row_blocks(), POINT_BYTES)
            .and_then(|()| codec::points("the commitments", points))
            .map_err(|_| Step::Commitments.refused("a digit's commitments are not K R points"))
    });
    digits.collect()
}

/// The challenges u of the folds, applied; fails if one is 0.
fn fold(folding: &mut Folding, sent: &[u8], label: &[u8], transcript: &mut Transcript) -> Result<Vec<[Fr; 2]>> {
    let sides = sent.chunks_exact(2 * POINT_BYTES).map(|sides| {
        transcript.absorb(label, sides)?;
        let u = transcript.challenge(labels::ROWS_FOLD)?;
        let inverse = u.inverse().ok_or(Error::Internal("a fold challenge is 0"))?;
        folding.fold(inverse);
        // Of L and of R.
        Ok([inverse, u])
    });
    sides.collect()
}

/// A proof with all its challenges.
struct Replayed<'a> {
    parsed: &'a Parsed<'a>,
    equations: Equations<'a>,
    /// eq(r_row, i) for each row block.
    row_weights: Vec<Fr>,
    cells_folds: Vec<[Fr; 2]>,
    rows_folds: Vec<[Fr; 2]>,
    c: Fr,
    /// Of the last challenge and the proof.
    digest: [u8; 32],
}

impl Replayed<'_> {
    /// Adds left side minus right side of every equation of a step, each times a weight.
    fn add(&self, step: Step, weights: &mut impl FnMut() -> Fr, sum: &mut Accumulator) {
        let masks = self.parsed.points().masks;
        for (equation, mask) in self.equations.all().into_iter().zip(masks) {
            if step_of(equation) == step {
                let weight = weights();
                self.equations.add_left(equation, &self.parsed.responses, weight, sum);
                sum.add_point(*mask, -weight);
                self.add_commitment(equation, -weight * self.c, sum);
            }
        }
        if step == Step::Product {
            self.add_product(weights(), sum);
        }
    }

    /// Adds what the prover committed to: R_l, E, or P'.
    fn add_commitment(&self, equation: Equation, weight: Fr, sum: &mut Accumulator) {
        let points = self.parsed.points();
        match equation {
            Equation::Round(round) => sum.add_point(points.rounds[round], weight),
            Equation::Evaluations => sum.add_point(points.evaluations[0], weight),
            Equation::Cells => {
                if let Some(commitment) = self.parsed.statement.commitment {
                    sum.add_point(commitment, weight);
                }
                add_folds(points.cells_folds, &self.cells_folds, weight, sum);
            }
            Equation::Rows => {
                self.add_digits(weight, sum);
                add_folds(points.rows_folds, &self.rows_folds, weight, sum);
            }
        }
    }

    /// Adds P of the rows, from the commitments of the digits.
    fn add_digits(&self, weight: Fr, sum: &mut Accumulator) {
        let digits = &self.parsed.statement.relation.digits;
        let scalars = self
            .equations
            .polynomial
            .combined_weights(digits, &self.equations.deltas);
        for (points, scalars) in self.parsed.commitments.iter().zip(scalars) {
            for (points, scalar) in points.chunks_exact(self.row_weights.len()).zip(scalars) {
                if scalar != Fr::ZERO {
                    for (point, row_weight) in points.iter().zip(&self.row_weights) {
                        sum.add_point(*point, weight * scalar * row_weight);
                    }
                }
            }
        }
    }

    fn add_product(&self, weight: Fr, sum: &mut Accumulator) {
        let responses = &self.parsed.responses;
        sum.add(Family::Single, 0, self.equations.product(responses, self.c) * weight);
        sum.add(Family::SingleBlinder, 0, responses[self.parsed.layout.sigma] * weight);
        let mut power = -weight;
        for theta in self.parsed.points().thetas {
            sum.add_point(*theta, power);
            power *= self.c;
        }
    }
}

fn step_of(equation: Equation) -> Step {
    match equation {
        Equation::Round(_) => Step::Rounds,
        Equation::Evaluations => Step::Evaluations,
        Equation::Cells => Step::Cells,
        Equation::Rows => Step::Rows,
    }
}

fn add_folds(points: &[G1Affine], challenges: &[[Fr; 2]], weight: Fr, sum: &mut Accumulator) {
    for (point, challenge) in points.iter().zip(challenges.as_flattened()) {
        sum.add_point(*point, weight * challenge);
    }
}
