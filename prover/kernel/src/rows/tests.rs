//! Honest proofs of every shape are accepted, and what is changed afterwards is refused.

use super::{Instance, Public, Secret, prove, verify};
use crate::codec::encode_scalars;
use crate::onehot::{self, ABSENT_CODE};
use crate::pedersen;
use crate::prf::Prf;
use crate::transcript::Transcript;
use crate::{Error, Result};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

const KEY: [u8; 32] = [7; 32];
const ENTROPY: [u8; 32] = [9; 32];

/// A relation in the making, with its encoding.
#[derive(Clone, Default)]
pub struct Shape {
    pub rows: usize,
    pub columns: usize,
    /// K of each digit.
    pub digits: Vec<usize>,
    /// Digits of each form.
    pub forms: Vec<Vec<usize>>,
    pub terms: Vec<Vec<usize>>,
    pub boolean: Vec<usize>,
    pub cells: usize,
}

/// A statement about random rows that is true.
pub struct Case {
    pub relation: Vec<u8>,
    pub digests: Vec<u8>,
    pub rows: usize,
    pub columns: usize,
    pub weights: Vec<u8>,
    pub commitment: Vec<u8>,
    pub codes: Vec<Vec<u8>>,
    pub contexts: Vec<Vec<u8>>,
    pub points: Vec<Vec<u8>>,
    pub cells: Vec<u8>,
    pub blinding: Vec<u8>,
}

fn number(value: usize) -> [u8; 4] {
    (value as u32).to_be_bytes()
}

/// Public randomness of the tests.
struct Random(Prf, u32);

impl Random {
    fn new() -> Result<Self> {
        Ok(Self(Prf::new(b"tests of the row argument")?, 0))
    }

    fn scalar(&mut self) -> Fr {
        self.1 += 1;
        self.0.scalar(&[&self.1.to_be_bytes()])
    }

    fn below(&mut self, bound: usize) -> usize {
        self.1 += 1;
        let bytes = self.0.bytes(&[&self.1.to_be_bytes()]);
        usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) % bound
    }
}

impl Case {
    /// In cells mode the cells add up to what the rows say; in zero mode the coefficients are zero, so that it holds.
    pub fn new(shape: &Shape) -> Result<Self> {
        let mut random = Random::new()?;
        let mut codes = Vec::new();
        for values in &shape.digits {
            let own = (0..shape.rows).map(|_| match random.below(values + 1) {
                code if code == *values => ABSENT_CODE,
                code => code as u16,
            });
            codes.push(own.collect::<Vec<_>>());
        }

        let mut relation = number(shape.digits.len()).to_vec();
        relation.extend(shape.digits.iter().flat_map(|values| number(*values)));
        relation.extend(number(shape.forms.len()));
        let mut tables = Vec::new();
        for digits in &shape.forms {
            let mut table = vec![Fr::ZERO; shape.rows];
            relation.extend(number(digits.len()));
            for digit in digits {
                let weights: Vec<Fr> = (0..shape.digits[*digit]).map(|_| random.scalar()).collect();
                relation.extend(number(*digit));
                relation.extend(encode_scalars(&weights));
                for (value, code) in table.iter_mut().zip(&codes[*digit]) {
                    *value += weights.get(usize::from(*code)).copied().unwrap_or_default();
                }
            }
            tables.push(table);
        }
        let mut sum = Fr::ZERO;
        relation.extend(number(shape.terms.len()));
        for factors in &shape.terms {
            let coefficient = if shape.cells > 0 { random.scalar() } else { Fr::ZERO };
            relation.extend(encode_scalars(&[coefficient]));
            relation.extend(number(factors.len()));
            relation.extend(factors.iter().flat_map(|form| number(*form)));
            sum += (0..shape.rows)
                .map(|x| factors.iter().map(|form| tables[*form][x]).product::<Fr>() * coefficient)
                .sum::<Fr>();
        }
        relation.extend(number(shape.boolean.len()));
        relation.extend(shape.boolean.iter().flat_map(|digit| number(*digit)));

        let weights: Vec<Fr> = (0..shape.cells).map(|_| random.scalar()).collect();
        let mut cells: Vec<Fr> = (0..shape.cells).map(|_| random.scalar()).collect();
        if let (Some(last), Some((weight, others))) = (cells.last_mut(), weights.split_last()) {
            *last = Fr::ZERO;
            let others: Fr = others.iter().zip(&cells).map(|(weight, cell)| *weight * cell).sum();
            let last = (sum - others) * weight.inverse().unwrap_or_default();
            cells.pop();
            cells.push(last);
        }
        let blinding: Vec<Fr> = (0..shape.cells.min(1)).map(|_| random.scalar()).collect();
        let vector = encode_scalars(&[&blinding[..], &cells].concat());

        let contexts: Vec<Vec<u8>> = (0..shape.digits.len()).map(|digit| number(digit).to_vec()).collect();
        let codes: Vec<Vec<u8>> = codes
            .iter()
            .map(|codes| codes.iter().flat_map(|code| code.to_le_bytes()).collect())
            .collect();
        let digits = codes.iter().zip(&shape.digits).zip(&contexts);
        let points =
            digits.map(|((codes, values), context)| onehot::commit(codes, *values, shape.columns, &KEY, context, 1));
        Ok(Self {
            relation,
            digests: vec![3; 32 * shape.digits.len()],
            rows: shape.rows,
            columns: shape.columns,
            weights: encode_scalars(&weights),
            commitment: if shape.cells > 0 {
                pedersen::commit_vector(&vector)?
            } else {
                Vec::new()
            },
            points: points.collect::<Result<_>>()?,
            codes,
            contexts,
            cells: encode_scalars(&cells),
            blinding: encode_scalars(&blinding),
        })
    }

    pub fn public(&self) -> Public<'_> {
        Public {
            relation: &self.relation,
            digests: &self.digests,
            rows: self.rows,
            columns: self.columns,
            weights: &self.weights,
            commitment: &self.commitment,
        }
    }

    pub fn secret(&self) -> Secret<'_> {
        Secret {
            codes: self.codes.iter().map(Vec::as_slice).collect(),
            contexts: self.contexts.iter().map(Vec::as_slice).collect(),
            key: &KEY,
            cells: &self.cells,
            blinding: &self.blinding,
        }
    }

    pub fn prove(&self) -> Result<Vec<u8>> {
        prove(&Transcript::new(b"test")?, self.public(), &self.secret(), &ENTROPY, 2)
    }

    pub fn instance<'a>(&'a self, proof: &'a [u8]) -> Result<Instance<'a>> {
        Ok(Instance {
            transcript: Transcript::new(b"test")?,
            public: self.public(),
            points: self.points.iter().map(Vec::as_slice).collect(),
            proof,
        })
    }

    pub fn verify(&self, proof: &[u8]) -> Result<()> {
        verify(&[self.instance(proof)?], &ENTROPY, 2)
    }
}

/// The step that a proof is refused at, and its index.
pub fn refused(result: Result<()>) -> Option<(usize, &'static str)> {
    match result {
        Err(Error::RowProof { index, step, .. }) => Some((index, step)),
        _ => None,
    }
}

fn small() -> Shape {
    Shape {
        rows: 8,
        columns: 4,
        digits: vec![1, 3],
        forms: vec![vec![0], vec![0, 1]],
        terms: vec![vec![0, 1, 1], vec![1]],
        cells: 2,
        ..Shape::default()
    }
}

fn small_zero() -> Shape {
    Shape {
        rows: 8,
        columns: 4,
        digits: vec![1, 3, 2],
        forms: vec![vec![0], vec![0, 1]],
        terms: vec![vec![0, 1, 1], vec![1]],
        boolean: vec![0, 1, 2],
        ..Shape::default()
    }
}

#[test]
fn cells_of_every_shape_are_proved() -> Result<()> {
    let one_form = Shape {
        rows: 16,
        columns: 2,
        digits: vec![5],
        forms: vec![vec![0]],
        terms: vec![vec![0]],
        cells: 1,
        ..Shape::default()
    };
    let squares = Shape {
        rows: 32,
        columns: 32,
        digits: vec![2, 3, 4],
        forms: vec![vec![0], vec![1], vec![1, 2]],
        terms: vec![vec![0, 1, 2, 2, 2, 2], vec![0, 1, 2], vec![2, 2], vec![0]],
        cells: 300,
        ..Shape::default()
    };
    let folded = Shape {
        rows: 1024,
        columns: 512,
        digits: vec![256, 2],
        forms: vec![vec![0], vec![1]],
        terms: vec![vec![0, 1], vec![0, 0]],
        cells: 515,
        ..Shape::default()
    };
    let one_row = Shape {
        rows: 1,
        columns: 1,
        digits: vec![2],
        forms: vec![vec![0], vec![0]],
        terms: vec![vec![0, 1], vec![1]],
        cells: 1,
        ..Shape::default()
    };
    for shape in [small(), one_form, squares, folded, one_row] {
        let case = Case::new(&shape)?;
        case.verify(&case.prove()?)?;
    }
    Ok(())
}

#[test]
fn zero_of_every_shape_is_proved() -> Result<()> {
    let only_booleans = Shape {
        rows: 512,
        columns: 512,
        digits: vec![1, 200, 4],
        forms: vec![vec![0, 1]],
        terms: vec![vec![0]],
        boolean: vec![0, 1],
        ..Shape::default()
    };
    let counted_in_pairs = Shape {
        rows: 512,
        columns: 64,
        digits: vec![1, 2, 5],
        forms: vec![vec![1], vec![1, 2]],
        terms: vec![vec![0, 1, 1], vec![0], vec![0, 0]],
        boolean: vec![0, 1, 2],
        ..Shape::default()
    };
    let present_alone = Shape {
        rows: 4,
        columns: 1,
        digits: vec![1],
        forms: vec![vec![0]],
        terms: vec![vec![0]],
        boolean: vec![0],
        ..Shape::default()
    };
    let no_booleans = Shape {
        boolean: vec![],
        ..small_zero()
    };
    let one_row = Shape {
        rows: 1,
        columns: 1,
        ..small_zero()
    };
    for shape in [
        small_zero(),
        only_booleans,
        counted_in_pairs,
        present_alone,
        no_booleans,
        one_row,
    ] {
        let case = Case::new(&shape)?;
        case.verify(&case.prove()?)?;
    }
    Ok(())
}

#[test]
fn a_batch_names_the_first_that_fails() -> Result<()> {
    let cases = [Case::new(&small())?, Case::new(&small_zero())?, Case::new(&small())?];
    let mut proofs = cases.iter().map(Case::prove).collect::<Result<Vec<_>>>()?;
    let check = |proofs: &[Vec<u8>]| {
        let instances = cases.iter().zip(proofs).map(|(case, proof)| case.instance(proof));
        verify(&instances.collect::<Result<Vec<_>>>()?, &ENTROPY, 2)
    };
    check(&proofs)?;
    verify(&[], &ENTROPY, 1)?;
    // sigma* stands last: nothing but the product step has it.
    for proof in &mut proofs[1..] {
        if let Some(byte) = proof.last_mut() {
            *byte ^= 1;
        }
    }
    assert_eq!(refused(check(&proofs)), Some((1, "product")));
    Ok(())
}

#[test]
fn every_changed_byte_of_a_proof_is_refused() -> Result<()> {
    for shape in [small(), small_zero()] {
        let case = Case::new(&shape)?;
        let proof = case.prove()?;
        for position in 0..proof.len() {
            let mut changed = proof.clone();
            changed[position] ^= 1;
            assert!(refused(case.verify(&changed)).is_some(), "byte {position}");
        }
        assert_eq!(refused(case.verify(&proof[1..])), Some((0, "length")));
        assert_eq!(refused(case.verify(&[&proof[..], &[0]].concat())), Some((0, "length")));
        assert_eq!(
            refused(case.verify(&[&[0; 64], &proof[64..]].concat())),
            Some((0, "identity"))
        );
        assert_eq!(
            refused(case.verify(&[&[255; 64], &proof[64..]].concat())),
            Some((0, "encoding"))
        );
    }
    Ok(())
}
