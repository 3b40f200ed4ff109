//! The seam to Python: a table of names. Every export decodes its arguments, releases the GIL, runs under the guard and
//! turns an `Error` into `KernelError(code, message ..)`. Stubs: `prover/_kernel.pyi`; typed errors: `prover/errors.py`.

use crate::{Error, Result, codec, generators, guard, onehot, pedersen, representation, rows, sharing, transcript};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

create_exception!(
    _kernel,
    KernelError,
    PyException,
    "Arguments: code, message; of a row proof also its index and the step."
);

fn raised(error: Error) -> PyErr {
    let (code, message) = (error.code(), error.to_string());
    match error {
        Error::RowProof { index, step, .. } => KernelError::new_err((code, message, index, step)),
        _ => KernelError::new_err((code, message)),
    }
}

/// Without the GIL and under the guard.
fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| guard::run(work)).map_err(raised)
}

fn run_bytes<'py, T: AsRef<[u8]> + Send>(
    py: Python<'py>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    run(py, work).map(|bytes| PyBytes::new(py, bytes.as_ref()))
}

#[pyfunction]
fn generators_encoded<'py>(py: Python<'py>, family: &str, start: usize, count: usize) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || generators::encoded(family, start, count))
}

#[pyfunction]
fn generator_digest(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    run_bytes(py, generators::digest)
}

#[pyfunction]
fn check_points(py: Python<'_>, data: &[u8], count: usize) -> PyResult<()> {
    run(py, || {
        codec::check_length("the points", data, count, codec::POINT_BYTES)?;
        codec::points("the points", data).map(|_| ())
    })
}

#[pyfunction]
fn check_scalars(py: Python<'_>, data: &[u8], count: usize) -> PyResult<()> {
    run(py, || {
        codec::check_length("the scalars", data, count, codec::SCALAR_BYTES)?;
        codec::scalars("the scalars", data).map(|_| ())
    })
}

#[pyfunction]
fn reduce_wide<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || codec::reduce_wide(data))
}

#[pyfunction]
fn commit_vector<'py>(py: Python<'py>, vector: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || pedersen::commit_vector(vector))
}

#[pyfunction]
fn check_vector(py: Python<'_>, commitment: &[u8], vector: &[u8]) -> PyResult<()> {
    run(py, || pedersen::check_vector(commitment, vector))
}

#[pyfunction]
fn add_points<'py>(py: Python<'py>, points: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || pedersen::add_points(points))
}

#[pyfunction]
fn subtract<'py>(py: Python<'py>, a: &[u8], b: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || pedersen::subtract(a, b))
}

#[pyfunction]
fn msm<'py>(py: Python<'py>, points: &[u8], scalars: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || pedersen::msm(points, scalars))
}

#[pyfunction]
#[allow(clippy::type_complexity)] // the pair is the tuple that Python sees
fn deal<'py>(
    py: Python<'py>,
    secrets: &[u8],
    members: u32,
    threshold: u32,
    coefficients: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>)> {
    let deal = run(py, || sharing::deal(secrets, members, threshold, coefficients))?;
    let shares = deal.shares.iter().map(|share| PyBytes::new(py, share)).collect();
    Ok((PyBytes::new(py, &deal.commitments), shares))
}

#[pyfunction]
fn check_share(
    py: Python<'_>,
    index: u32,
    share: &[u8],
    commitments: &[u8],
    threshold: u32,
    members: u32,
) -> PyResult<()> {
    run(py, || {
        sharing::check_share(index, share, commitments, threshold, members)
    })
}

#[pyfunction]
fn add_vectors<'py>(py: Python<'py>, vectors: Vec<Bound<'py, PyBytes>>) -> PyResult<Bound<'py, PyBytes>> {
    let vectors: Vec<&[u8]> = vectors.iter().map(|vector| vector.as_bytes()).collect();
    run_bytes(py, || sharing::add_vectors(&vectors))
}

#[pyfunction]
fn add_commitments<'py>(py: Python<'py>, vectors: Vec<Bound<'py, PyBytes>>) -> PyResult<Bound<'py, PyBytes>> {
    let vectors: Vec<&[u8]> = vectors.iter().map(|vector| vector.as_bytes()).collect();
    run_bytes(py, || sharing::add_commitments(&vectors))
}

#[pyfunction]
fn interpolate<'py>(
    py: Python<'py>,
    shares: Vec<(u32, Bound<'py, PyBytes>)>,
    threshold: u32,
    members: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    let shares: Vec<(u32, &[u8])> = shares.iter().map(|(index, share)| (*index, share.as_bytes())).collect();
    run_bytes(py, || sharing::interpolate(&shares, threshold, members))
}

#[pyfunction]
fn prove_representation<'py>(
    py: Python<'py>,
    indices: Vec<u32>,
    witness: &[u8],
    context: &[u8],
    nonce_seed: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || representation::prove(&indices, witness, context, nonce_seed))
}

#[pyfunction]
fn verify_representation(
    py: Python<'_>,
    point: &[u8],
    indices: Vec<u32>,
    context: &[u8],
    proof: &[u8],
) -> PyResult<()> {
    run(py, || representation::verify(point, &indices, context, proof))
}

#[pyfunction]
fn commit_onehot<'py>(
    py: Python<'py>,
    codes: &[u8],
    values: usize,
    columns: usize,
    blinding_key: &[u8],
    context: &[u8],
    threads: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    run_bytes(py, || {
        onehot::commit(codes, values, columns, blinding_key, context, threads)
    })
}

#[pyclass(name = "Transcript", module = "prover._kernel")]
struct PyTranscript(transcript::Transcript);

#[pymethods]
impl PyTranscript {
    #[new]
    fn new(label: &[u8]) -> PyResult<Self> {
        guard::run(|| transcript::Transcript::new(label))
            .map(Self)
            .map_err(raised)
    }

    fn absorb(&mut self, label: &[u8], data: &[u8]) -> PyResult<()> {
        guard::run(|| self.0.absorb(label, data)).map_err(raised)
    }

    fn challenge<'py>(&mut self, py: Python<'py>, label: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let challenge = guard::run(|| self.0.challenge(label)).map_err(raised)?;
        Ok(PyBytes::new(py, &codec::encode_scalars(&[challenge])))
    }
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // the seam is flat; `kernel_backend.py` has the structure
fn prove_rows<'py>(
    py: Python<'py>,
    transcript: PyRef<'py, PyTranscript>,
    relation: &[u8],
    digests: &[u8],
    codes: Vec<Bound<'py, PyBytes>>,
    contexts: Vec<Bound<'py, PyBytes>>,
    key: &[u8],
    columns: usize,
    weights: &[u8],
    commitment: &[u8],
    cells: &[u8],
    blinding: &[u8],
    entropy: &[u8],
    threads: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let transcript = transcript.0.clone();
    let secret = rows::Secret {
        codes: codes.iter().map(|codes| codes.as_bytes()).collect(),
        contexts: contexts.iter().map(|context| context.as_bytes()).collect(),
        key,
        cells,
        blinding,
    };
    let public = rows::Public {
        relation,
        digests,
        // As many as the first digit has codes; the kernel compares the others.
        rows: secret.codes.first().map_or(0, |codes| codes.len() / 2),
        columns,
        weights,
        commitment,
    };
    run_bytes(py, || rows::prove(&transcript, public, &secret, entropy, threads))
}

/// Transcript, relation, digests, points of each digit, rows, columns, weights, commitment, proof.
type PyRowInstance<'py> = (
    PyRef<'py, PyTranscript>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Vec<Bound<'py, PyBytes>>,
    usize,
    usize,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

#[pyfunction]
fn verify_rows(py: Python<'_>, instances: Vec<PyRowInstance<'_>>, entropy: &[u8], threads: usize) -> PyResult<()> {
    let instances: Vec<rows::Instance> = instances
        .iter()
        .map(
            |(transcript, relation, digests, points, rows, columns, weights, commitment, proof)| rows::Instance {
                transcript: transcript.0.clone(),
                public: rows::Public {
                    relation: relation.as_bytes(),
                    digests: digests.as_bytes(),
                    rows: *rows,
                    columns: *columns,
                    weights: weights.as_bytes(),
                    commitment: commitment.as_bytes(),
                },
                points: points.iter().map(|points| points.as_bytes()).collect(),
                proof: proof.as_bytes(),
            },
        )
        .collect();
    run(py, || rows::verify(&instances, entropy, threads))
}

#[pymodule]
mod _kernel {
    #[pymodule_export]
    use super::{
        KernelError, PyTranscript, add_commitments, add_points, add_vectors, check_points, check_scalars, check_share,
        check_vector, commit_onehot, commit_vector, deal, generator_digest, generators_encoded, interpolate, msm,
        prove_representation, prove_rows, reduce_wide, subtract, verify_representation, verify_rows,
    };
}
