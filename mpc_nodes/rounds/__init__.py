"""The six rounds of a query, a file each: what a round verifies (`receive`) and what it answers (`answer`)."""
