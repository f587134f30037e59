"""The metric `nli`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats
from curatekit.errors import InputError
from curatekit.evaluate.generation.figures import when_empty
from curatekit.reporting import step

_PAIRS = 32


def nli(answers: Sequence[str], truths: Sequence[str], argument: str) -> Floats:
    """Return p(the truth entails the answer), (n,) in [0, 1], by the cross-encoder in the folder `argument`.

    The truth is the premise and the answer the hypothesis. One empty text is 0, two are 1. Any sequence classifier with a class
    named like "entailment" will do; raises InputError for a folder without one. Source: Honovich et al. (2022), TRUE, NAACL.
    """
    if not argument:
        raise InputError(
            "The metric 'nli' has no model. Write its folder behind the colon, such as nli:models/nli-deberta"
        )
    scores = np.array([when_empty(*pair) or 0.0 for pair in zip(answers, truths, strict=True)])
    filled = [row for row, pair in enumerate(zip(answers, truths, strict=True)) if when_empty(*pair) is None]
    filled.sort(key=lambda row: len(answers[row]) + len(truths[row]))
    judge = _open(argument)
    with step("NLI", len(filled), "answers") as advance:
        for start in range(0, len(filled), _PAIRS):
            rows = filled[start : start + _PAIRS]
            scores[rows] = judge.entailment([truths[row] for row in rows], [answers[row] for row in rows])
            advance(len(rows))
    return scores


class _Judge(NamedTuple):
    """A loaded cross-encoder and which of its classes is entailment."""

    model: Any
    tokenizer: Any
    max_length: int
    entailment_class: int

    def entailment(self, premises: list[str], hypotheses: list[str]) -> Floats:
        """Return p(entailment), (b,) float64."""
        import torch

        from curatekit import hf

        rows = hf.encode(self.tokenizer, (premises, hypotheses), self.max_length)
        padded = self.tokenizer.pad(rows, return_tensors="pt").to(self.model.device)
        with torch.inference_mode():
            probs: Floats = self.model(**padded).logits.double().softmax(-1)[:, self.entailment_class].cpu().numpy()
        return probs


@functools.lru_cache(maxsize=2)
def _open(folder: str) -> _Judge:
    """Return the cross-encoder, loaded without a draw from the global random state: a training may be going on."""
    from curatekit import hf
    from curatekit.encoders import hardware

    if not Path(folder).is_dir():
        raise InputError(f"There is no folder {folder}, and nli:FOLDER needs the folder of a cross-encoder.")
    with hf.quiet(), hf.kept_random_state():
        model, tokenizer = hf.load_trained(Path(folder), None)
    names = {int(code): str(name) for code, name in model.config.id2label.items()}
    entailing = [code for code, name in names.items() if name.casefold().startswith("entail")]
    if len(entailing) != 1:
        raise InputError(
            f"The model in {folder} has the classes {', '.join(names.values())}, and none is 'entailment'. "
            "Name the right one in id2label of its config.json, or give another cross-encoder."
        )
    model.to(hardware.device("torch"))
    return _Judge(model, tokenizer, hf.length_limit(tokenizer, model.config, None), entailing[0])
