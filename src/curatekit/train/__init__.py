"""Training on what was curated: a transformer classifier, or a probe in a second; loading either back."""
