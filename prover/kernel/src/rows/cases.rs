//! Statements about random rows, for tests.

use super::prove::attempt;
use super::{Instance, Public, Secret, prove, verify};
use crate::Result;
use crate::codec::encode_scalars;
use crate::onehot::{self, ABSENT_CODE};
use crate::pedersen;
use crate::prf::Prf;
use crate::transcript::Transcript;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

pub const KEY: [u8; 32] = [7; 32];
pub const ENTROPY: [u8; 32] = [9; 32];

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
    /// 0 in zero mode.
    pub cells: usize,
    /// In zero mode: the rows do not satisfy the relation.
    pub violated: bool,
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
    /// In cells mode the cells add up to what the rows say. In zero mode, where every term begins with form 0, there is one
    /// more form, its negative, and every term is there with both.
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
        let mut forms = shape.forms.clone();
        let mut terms: Vec<(Fr, Vec<usize>)> = shape
            .terms
            .iter()
            .map(|factors| (random.scalar(), factors.clone()))
            .collect();
        if shape.cells == 0 && !shape.violated {
            let negated = terms.clone().into_iter().map(|(coefficient, mut factors)| {
                factors.remove(0);
                factors.push(forms.len());
                (coefficient, factors)
            });
            terms.extend(negated.collect::<Vec<_>>());
            forms.push(forms[0].clone());
        }
        relation.extend(number(forms.len()));
        let mut tables = Vec::new();
        let mut drawn: Vec<Vec<Fr>> = Vec::new();
        for (form, digits) in forms.iter().enumerate() {
            let mut table = vec![Fr::ZERO; shape.rows];
            relation.extend(number(digits.len()));
            for (part, digit) in digits.iter().enumerate() {
                let weights: Vec<Fr> = if form < shape.forms.len() {
                    (0..shape.digits[*digit]).map(|_| random.scalar()).collect()
                } else {
                    drawn[part].iter().map(|weight| -*weight).collect()
                };
                if form == 0 {
                    drawn.push(weights.clone());
                }
                relation.extend(number(*digit));
                relation.extend(encode_scalars(&weights));
                for (value, code) in table.iter_mut().zip(&codes[*digit]) {
                    *value += weights.get(usize::from(*code)).copied().unwrap_or_default();
                }
            }
            tables.push(table);
        }
        let mut sum = Fr::ZERO;
        relation.extend(number(terms.len()));
        for (coefficient, factors) in &terms {
            relation.extend(encode_scalars(&[*coefficient]));
            relation.extend(number(factors.len()));
            relation.extend(factors.iter().flat_map(|form| number(*form)));
            let products = (0..shape.rows).map(|x| factors.iter().map(|form| tables[*form][x]).product::<Fr>());
            sum += products.sum::<Fr>() * coefficient;
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

    /// The proof that comes of it, true or not.
    pub fn lie(&self) -> Result<Vec<u8>> {
        let (proof, _) = attempt(&Transcript::new(b"test")?, self.public(), &self.secret(), &ENTROPY)?;
        Ok(proof)
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
