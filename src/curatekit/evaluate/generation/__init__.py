"""Scores of generated answers against the truths: one metric a file, looked up in the registry by name."""

from curatekit.evaluate.generation.scores import GenerationScores, generation_scores, short_name

__all__ = ["GenerationScores", "generation_scores", "short_name"]
