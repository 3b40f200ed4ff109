//! Relations and their only encoding (docs/spec/05-argument.md, section 1).

use crate::codec::{SCALAR_BYTES, scalars};
use crate::onehot::MAX_VALUES;
use ark_bn254::Fr;

const MAX_FACTORS: usize = 6;
/// Forms and boolean digits together: each has a generator U of its own, beside those of the blinder and S_0.
const MAX_FORMS: usize = 4095;

/// phi(x) = sum over parts (d, w) of sum_t w_t b_d(t,x).
#[derive(Debug, Clone)]
pub struct Form {
    pub parts: Vec<Part>,
}

/// A digit, by its index in the relation, with one weight for each of its values.
#[derive(Debug, Clone)]
pub struct Part {
    pub digit: usize,
    pub weights: Vec<Fr>,
}

/// A coefficient times a product of forms.
#[derive(Debug, Clone)]
pub struct Term {
    pub coefficient: Fr,
    pub factors: Vec<usize>,
}

#[derive(Debug)]
pub struct Relation {
    /// K of each digit.
    pub digits: Vec<usize>,
    pub forms: Vec<Form>,
    pub terms: Vec<Term>,
    /// Indices of the digits whose entries are 0 or 1.
    pub boolean: Vec<usize>,
}

type Decoded<T> = Result<T, &'static str>;

impl Relation {
    /// Decodes and checks every bound. What is allocated is at most a constant times the bytes that are there.
    pub fn decode(encoded: &[u8]) -> Decoded<Self> {
        let mut reader = Reader(encoded);
        let digits = reader.list(|reader| match reader.number()? {
            values @ 1..=MAX_VALUES => Ok(values),
            _ => Err("a digit has between 1 and 256 values"),
        })?;
        let forms = reader.list(|reader| form(reader, &digits))?;
        let terms = reader.list(|reader| term(reader, forms.len()))?;
        let boolean = reader.list(|reader| match reader.number()? {
            digit if digit < digits.len() => Ok(digit),
            _ => Err("a boolean digit does not exist"),
        })?;
        if !reader.0.is_empty() {
            return Err("bytes follow the relation");
        }
        if digits.is_empty() || forms.is_empty() || terms.is_empty() {
            return Err("a relation has at least one digit, one form and one term");
        }
        if forms.len() + boolean.len() > MAX_FORMS {
            return Err("there are more than 4095 forms and boolean digits");
        }
        if !boolean.is_sorted_by(|a, b| a < b) {
            return Err("boolean digits do not increase");
        }
        Ok(Self {
            digits,
            forms,
            terms,
            boolean,
        })
    }

    /// D: the largest number of factors, and at least that of b^2 - b.
    pub fn degree(&self) -> usize {
        let factors = self.terms.iter().map(|term| term.factors.len()).max();
        let square = if self.boolean.is_empty() { 1 } else { 2 };
        factors.map_or(square, |factors| factors.max(square))
    }

    /// kappa: the bits of t, the same for all boolean digits.
    pub fn selector_bits(&self) -> usize {
        let largest = self.boolean.iter().map(|digit| self.digits[*digit]).max();
        largest.map_or(0, |values| (usize::BITS - (values - 1).leading_zeros()) as usize)
    }
}

fn form(reader: &mut Reader, digits: &[usize]) -> Decoded<Form> {
    let parts = reader.list(|reader| {
        let digit = reader.number()?;
        let values = digits.get(digit).ok_or("a form names a digit that does not exist")?;
        let weights = reader.scalars(*values)?;
        Ok(Part { digit, weights })
    })?;
    if parts.is_empty() {
        return Err("a form has no part");
    }
    if !parts.is_sorted_by(|a, b| a.digit < b.digit) {
        return Err("the digits of a form do not increase");
    }
    Ok(Form { parts })
}

fn term(reader: &mut Reader, forms: usize) -> Decoded<Term> {
    let coefficient = reader.scalars(1)?[0];
    let factors = reader.list(|reader| match reader.number()? {
        form if form < forms => Ok(form),
        _ => Err("a term names a form that does not exist"),
    })?;
    if !(1..=MAX_FACTORS).contains(&factors.len()) {
        return Err("a term has between 1 and 6 factors");
    }
    if !factors.is_sorted() {
        return Err("the factors of a term decrease");
    }
    Ok(Term { coefficient, factors })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Decoded<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("the relation is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Decoded<usize> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
    }

    fn scalars(&mut self, count: usize) -> Decoded<Vec<Fr>> {
        scalars("the weights", self.take(count * SCALAR_BYTES)?)
            .map_err(|_| "a scalar of the relation is not canonical")
    }

    /// A count and so many elements. Nothing is reserved for a count that the bytes do not keep.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| element(self)).collect()
    }
}
