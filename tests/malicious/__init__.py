"""A complete prover of the row argument that can be told to lie, and the tables and statements it lies about.

It is the third writing of docs/spec/05-argument.md, beside the kernel and the reference: dense tables, no short cuts, every
message in one place. Only the multi-exponentiation is taken from the kernel.
"""
