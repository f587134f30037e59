"""To make specifications: whether those written can do their work, which ones a model's errors ask for, and names for slices."""
