"""`python -m proofward`."""

from proofward.cli import main

main()
