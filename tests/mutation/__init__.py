"""Mutation of the verifiers: each absorb, check and equation is taken out in turn, and the test suite must notice.

`suite.py` runs the tests of other directories, which know nothing of it, in a forked process for each mutant.
`python_mutants.py` finds what can be taken out of the Python verifiers, `kernel_mutants.py` out of the Rust ones;
`equivalent.py` lists what cannot be noticed, and why. Run it by hand: `python -m tests.mutation --help`.
"""
