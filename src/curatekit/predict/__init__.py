"""Predictive families V: out-of-sample probabilities for every row, and the null model's beside them."""
