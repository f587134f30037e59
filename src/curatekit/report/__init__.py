"""The report of a dataset: one HTML file that opens offline, made from what exists and from what is cheap to compute."""
