"""The audit: which rows to review by hand, and what the reviews say about all the others."""
