"""The metric `bertscore`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats
from curatekit.evaluate.generation.figures import when_empty
from curatekit.registry import DEFAULT_ENCODER
from curatekit.reporting import note, step

_PAIRS = 64


def bertscore(answers: Sequence[str], truths: Sequence[str], argument: str = "") -> Floats:
    """Return F₁ of greedily matched token embeddings, 2 P R / (P + R), (n,) in [−1, 1], 1 for equal texts.

    P is the mean over the answer's tokens of the highest cosine to a token of the truth, R the same the other way round.
    Tokens are the last hidden layer of the encoder `argument` (a folder or a name; the default encoder without it), special
    ones left out; no weights by rarity and no baseline are applied. One empty text is 0, two are 1; texts that are longer than
    the encoder reads are counted aloud. Source: Zhang et al. (2020), BERTScore, ICLR.
    """
    scores = np.array([when_empty(*pair) or 0.0 for pair in zip(answers, truths, strict=True)])
    filled = [row for row, pair in enumerate(zip(answers, truths, strict=True)) if when_empty(*pair) is None]
    filled.sort(key=lambda row: len(answers[row]) + len(truths[row]))
    encoder, n_cut = _open(argument or DEFAULT_ENCODER), 0
    with step("BERTScore", len(filled), "answers") as advance:
        for start in range(0, len(filled), _PAIRS):
            rows = filled[start : start + _PAIRS]
            texts = list(dict.fromkeys(text for row in rows for text in (answers[row], truths[row])))
            vectors, cut = encoder.token_vectors(texts)
            n_cut += sum((answers[row] in cut) + (truths[row] in cut) for row in rows)
            for row in rows:
                scores[row] = greedy_f1(vectors[answers[row]], vectors[truths[row]])
            advance(len(rows))
    if n_cut:
        note(
            f"BERTScore reads {encoder.max_tokens} tokens of a text; the ends of {n_cut} longer ones are not compared."
        )
    return scores


def greedy_f1(answer: Floats, truth: Floats) -> float:
    """Return 2 P R / (P + R) of unit vectors (a, d) and (t, d) matched greedily; 0 where there is no token or P + R is not positive."""
    if not len(answer) or not len(truth):
        return 0.0
    cosines = answer @ truth.T
    precision, recall = float(cosines.max(1).mean()), float(cosines.max(0).mean())
    return 2 * precision * recall / (precision + recall) if precision > 0 and recall > 0 else 0.0


class _Tokens(NamedTuple):
    """A loaded encoder that tells the vectors of tokens."""

    modules: Any
    max_tokens: int
    max_characters: int

    def token_vectors(self, texts: list[str]) -> tuple[dict[str, Floats], set[str]]:
        """Return the unit vectors (m, d) of each text's tokens, special ones left out, and the texts that were cut."""
        import torch

        shortened = [text[: self.max_characters] for text in texts]
        encoded = self.modules.tokenizer(
            shortened,
            truncation=True,
            max_length=self.max_tokens,
            padding=True,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        kept = encoded.pop("special_tokens_mask") == 0
        cut = {text for text, one in zip(texts, encoded.encodings or (), strict=False) if one.overflowing}
        with torch.inference_mode():
            states = self.modules[0](dict(encoded.to(self.modules.device)))["token_embeddings"].float().cpu()
        unit = torch.nn.functional.normalize(states, dim=2).numpy()
        return {text: unit[row][kept[row].numpy()] for row, text in enumerate(texts)}, cut


@functools.lru_cache(maxsize=2)
def _open(name: str) -> _Tokens:
    """Return the encoder, loaded in float32, without a draw from the global random state: a training may be going on."""
    from curatekit import hf
    from curatekit.encoders import load_encoder
    from curatekit.encoders.forward import load_modules

    with hf.kept_random_state():
        encoder = load_encoder(name, "float32")
        return _Tokens(
            load_modules(encoder.folder, "float32", encoder.device), encoder.max_tokens, encoder.max_characters
        )
