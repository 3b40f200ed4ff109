"""HTTP for buyers and auditors, the pipeline that runs a query, and its durable state. Specification: docs/spec/09-api.md."""
