//! The prover of the row argument, from the statement to the last response (docs/spec/05-argument.md, section 2).

use super::closing::Closing;
use super::equations::{Equations, LastClaim};
use super::layout::Layout;
use super::multilinear::{dot, eq, eq_table, powers};
use super::nonces::Nonces;
use super::opening::Opening;
use super::pairs::Counted;
use super::polynomial::{Polynomial, Selection};
use super::rounds::{Rounds, RowWeights};
use super::selectors::Selectors;
use super::statement::{Public, Statement, ZeroChallenges};
use super::univariate;
use super::witness::{Secret, Witness};
use crate::codec::{SCALAR_BYTES, encode_points, encode_scalars};
use crate::generators::{Family, first};
use crate::onehot::Blinders;
use crate::transcript::Transcript;
use crate::{Error, Result, labels, pedersen, pool};
use ark_bn254::{Fr, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

const ENTROPY_BYTES: usize = 32;

/// Proves a statement. `transcript` is read through a copy; `entropy` is 32 fresh random bytes.
///
/// A witness that does not satisfy the relation has no proof: `Argument`.
pub fn prove(
    transcript: &Transcript,
    public: Public,
    secret: &Secret,
    entropy: &[u8],
    threads: usize,
) -> Result<Vec<u8>> {
    pool::install(threads, || {
        let (proof, residue) = attempt(transcript, public, secret, entropy)?;
        if residue != Fr::ZERO {
            return Err(Error::Argument("the rows do not satisfy the relation"));
        }
        Ok(proof)
    })
}

/// The proof, and what is 0 if the witness satisfies the relation.
pub(super) fn attempt(
    transcript: &Transcript,
    public: Public,
    secret: &Secret,
    entropy: &[u8],
) -> Result<(Vec<u8>, Fr)> {
    let entropy: &[u8; ENTROPY_BYTES] = entropy
        .try_into()
        .map_err(|_| Error::Argument("the proof needs 32 bytes of entropy"))?;
    let statement = Statement::parse(public).map_err(|error| match error {
        Error::RowProof { reason, .. } => Error::Argument(reason),
        other => other,
    })?;
    let witness = Witness::parse(secret, &statement)?;
    let layout = Layout::new(&statement);

    // 1. The statement.
    let mut transcript = transcript.clone();
    statement.absorb(&mut transcript)?;
    let mut prover = Prover {
        nonces: Nonces::new(secret.key, entropy, &transcript)?,
        transcript,
        proof: Vec::with_capacity(layout.length()),
        secrets: Zeroizing::new(Vec::with_capacity(layout.sigma)),
        challenges: Vec::with_capacity(layout.rounds.len()),
        claim: Fr::ZERO,
    };

    // 2, 3. Rounds over t, then over x.
    let zero = match statement.commitment {
        None => Some(ZeroChallenges::draw(&statement, &mut prover.transcript)?),
        Some(_) => None,
    };
    let first_claim = dot(&statement.weights, &witness.cells);
    let (polynomial, mut rounds) = match &zero {
        None => {
            prover.claim += first_claim;
            let polynomial = Polynomial::new(&statement.relation, None);
            let rounds = Rounds::of_cells(&polynomial, &witness.codes, statement.rows());
            (polynomial, rounds)
        }
        Some(challenges) => prover.select(&statement, &witness, challenges)?,
    };
    let row_point = prover.bind_bits(&mut rounds, statement.row_bits())?;
    let vectors = Zeroizing::new(rounds.tables());
    let column_point = prover.bind_bits(&mut rounds, statement.bits() - statement.row_bits())?;

    // 4. Evaluations.
    if statement.commitment.is_some() {
        prover.secrets.push(first_claim);
    }
    prover.secrets.extend(rounds.tables().into_iter().flatten());
    prover.commit(Family::Output, layout.evaluations.start, labels::ROWS_EVALUATIONS)?;
    let delta = prover.transcript.challenge(labels::ROWS_DELTA)?;
    let eta = prover.transcript.challenge(labels::ROWS_ETA)?;

    // 5, 6. Folds.
    let cells = match statement.commitment {
        None => None,
        Some(_) => {
            let weights = statement.weights.clone();
            let opening = Opening::new(Family::Output, 1, witness.cells.clone(), witness.blinding, weights);
            Some(prover.fold(opening, layout.cells_folds, eta, labels::ROWS_CELLS_FOLD)?)
        }
    };
    let deltas = powers(delta, polynomial.forms.len());
    let scalars = polynomial.combined_weights(&statement.relation.digits, &deltas);
    let opening = Opening::new(
        Family::RowPosition,
        0,
        combined(&vectors, &deltas),
        combined_blinder(&scalars, &eq_table(&row_point), &witness.blinders),
        eq_table(&column_point),
    );
    let rows = prover.fold(opening, layout.rows_folds, eta, labels::ROWS_ROWS_FOLD)?;

    // 7, 8. Closing.
    let point = [row_point, column_point].concat();
    let equations = Equations {
        scale: zero.map_or(Fr::ONE, |challenges| eq(&challenges.rows, &point)),
        functional: LastClaim::new(&layout, &prover.challenges),
        layout: &layout,
        polynomial,
        eta,
        deltas,
        cells,
        rows,
    };
    let closing = Closing::new(&equations, &prover.secrets, &mut prover.nonces);
    let masks = encode(&closing.points(&equations)?);
    prover.transcript.absorb(labels::ROWS_MASKS, &masks)?;
    let c = prover.transcript.challenge(labels::ROWS_CLOSING)?;
    let mut proof = std::mem::take(&mut prover.proof);
    proof.extend_from_slice(&masks);
    proof.extend_from_slice(&encode_scalars(&closing.responses(c)));
    if proof.len() != layout.length() || closing.responses(c).len() * SCALAR_BYTES + layout.point_bytes() != proof.len()
    {
        return Err(Error::Internal("a proof has not the length of its layout"));
    }
    Ok((proof, closing.residue()))
}

/// A proof in progress.
struct Prover {
    transcript: Transcript,
    nonces: Nonces,
    proof: Vec<u8>,
    /// In the order of the layout.
    secrets: Zeroizing<Vec<Fr>>,
    /// Of all rounds so far.
    challenges: Vec<Fr>,
    /// S_l.
    claim: Fr,
}

impl Drop for Prover {
    fn drop(&mut self) {
        self.claim.zeroize();
    }
}

impl Prover {
    /// Zero mode's rounds over t; what is left to be summed over x.
    fn select<'a>(
        &mut self,
        statement: &Statement,
        witness: &'a Witness,
        challenges: &ZeroChallenges,
    ) -> Result<(Polynomial, Rounds<'a>)> {
        let relation = &statement.relation;
        let weights = RowWeights::new(&challenges.rows);
        let mut counted: Vec<Option<Counted>> = relation.digits.iter().map(|_| None).collect();
        for digit in &relation.boolean {
            counted[*digit] = Some(Counted::new(
                &witness.codes[*digit],
                relation.digits[*digit],
                &weights.rest,
            ));
        }
        let first = challenges.rows.first();
        let mut selectors = Selectors::new(
            counted.iter().flatten().map(|counted| counted.by_code(first)),
            challenges,
        );
        let mut point = Vec::with_capacity(challenges.selectors.len());
        for _ in &challenges.selectors {
            let r = self.round(selectors.polynomial())?;
            selectors.bind(r);
            point.push(r);
        }
        let selection = Selection {
            alpha: challenges.alpha,
            scale: selectors.scale(),
            point,
        };
        let polynomial = Polynomial::new(relation, Some(&selection));
        let rounds = Rounds::of_zero(&polynomial, &witness.codes, statement.rows(), weights, &counted);
        Ok((polynomial, rounds))
    }

    fn bind_bits(&mut self, rounds: &mut Rounds, bits: usize) -> Result<Vec<Fr>> {
        let mut point = Vec::with_capacity(bits);
        for _ in 0..bits {
            let r = self.round(rounds.polynomial(self.claim)?)?;
            rounds.bind(r);
            point.push(r);
        }
        Ok(point)
    }

    /// Commits to the polynomial of a round and moves the claim to the challenge.
    fn round(&mut self, coefficients: Vec<Fr>) -> Result<Fr> {
        let coefficients = Zeroizing::new(coefficients);
        let start = self.secrets.len();
        self.secrets.extend_from_slice(&coefficients[1..]);
        self.commit(Family::Round, start, labels::ROWS_ROUND)?;
        let r = self.transcript.challenge(labels::ROWS_POINT)?;
        self.challenges.push(r);
        self.claim = univariate::evaluate(&coefficients, r);
        Ok(r)
    }

    /// Sends a commitment to the secrets from `start`, by generators 1, 2, ..; its blinder becomes the last secret.
    fn commit(&mut self, family: Family, start: usize, label: &[u8]) -> Result<()> {
        let blinder = self.nonces.draw();
        let mut scalars = Zeroizing::new(Vec::with_capacity(self.secrets.len() + 1 - start));
        scalars.push(blinder);
        scalars.extend_from_slice(&self.secrets[start..]);
        self.secrets.push(blinder);
        let generators = first(family, scalars.len())?;
        let point = pedersen::multi(&generators[..scalars.len()], &scalars)?;
        self.send(label, &[point])
    }

    fn send(&mut self, label: &[u8], points: &[G1Projective]) -> Result<()> {
        let bytes = encode(points);
        self.transcript.absorb(label, &bytes)?;
        self.proof.extend_from_slice(&bytes);
        Ok(())
    }

    /// Folds, and appends z', zeta and theta to the secrets.
    fn fold(&mut self, mut opening: Opening, folds: usize, eta: Fr, label: &[u8]) -> Result<super::folding::Folding> {
        for _ in 0..folds {
            let sides = opening.sides(eta, &mut self.nonces)?;
            self.send(label, &sides)?;
            opening.fold(self.transcript.challenge(labels::ROWS_FOLD)?)?;
        }
        self.secrets.extend_from_slice(&opening.vector);
        self.secrets.extend([opening.blinder, opening.theta]);
        Ok(opening.folding.clone())
    }
}

fn encode(points: &[G1Projective]) -> Vec<u8> {
    encode_points(&G1Projective::normalize_batch(points))
}

/// sum_j deltas_j vectors_j.
fn combined(vectors: &[Vec<Fr>], deltas: &[Fr]) -> Zeroizing<Vec<Fr>> {
    let mut sum = Zeroizing::new(vec![Fr::ZERO; vectors.first().map_or(0, Vec::len)]);
    for (vector, delta) in vectors.iter().zip(deltas) {
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += *value * delta;
        }
    }
    sum
}

/// The blinder of P: sum over digits and values of their scalar times sum_i eq(r_row, i) rho[t,i].
fn combined_blinder(scalars: &[Vec<Fr>], rows: &[Fr], blinders: &[Blinders]) -> Fr {
    let digits = scalars.iter().zip(blinders);
    digits
        .map(|(scalars, blinders)| -> Fr {
            let values = scalars
                .par_iter()
                .enumerate()
                .filter(|(_, scalar)| **scalar != Fr::ZERO);
            values
                .map(|(value, scalar)| -> Fr {
                    let sum: Fr = rows
                        .iter()
                        .enumerate()
                        .map(|(block, row)| *row * blinders.at(value, block))
                        .sum();
                    sum * scalar
                })
                .sum()
        })
        .sum()
}
