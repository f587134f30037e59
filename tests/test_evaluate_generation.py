"""Scores of generated answers: against sacreBLEU, rouge-score, SQuAD's own rules and brute force, by value."""

from __future__ import annotations

import re
import string
import sys
from collections import Counter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit import registry
from curatekit.errors import InputError
from curatekit.evaluate.generation import generation_scores, short_name
from curatekit.evaluate.generation.bertscore import greedy_f1
from curatekit.evaluate.generation.words import normalised
from curatekit.intervals import wilson
from curatekit.reporting import reporting
from tests.notes import Notes
from tests.tiny import easy_task, tiny_base

LIGHT = ["exact_match", "token_f1", "bleu", "chrf", "rouge1", "rouge2", "rouge_l"]
TOP = {"bleu": 100.0, "chrf": 100.0}
ANSWERS = ["the cat sat on the mat", "A dog!", "two birds fly", "no", "", "", "the red house stands on a hill", "yes"]
TRUTHS = [
    "a cat sat on a mat",
    "the dog",
    "three birds are flying",
    "yes",
    "yes",
    "",
    "the red house stands on a hill",
    "yes",
]
FILLED = [row for row in range(len(ANSWERS)) if ANSWERS[row] and TRUTHS[row]]
TEXT = st.text(st.sampled_from("ab cthe.!_é猫5\n"), max_size=20)
ASCII = st.lists(
    st.sampled_from(["the", "a", "cat", "Dog", "runs.", "fast,", "x_y", "10"]), min_size=1, max_size=9
).map(" ".join)


def test_bleu_and_chrf_are_those_of_sacrebleu() -> None:
    import sacrebleu

    scores = generation_scores(ANSWERS, TRUTHS, ["bleu", "chrf"])
    assert scores.overall["bleu"] == pytest.approx(sacrebleu.corpus_bleu(ANSWERS, [TRUTHS]).score)
    assert scores.overall["chrf"] == pytest.approx(sacrebleu.corpus_chrf(ANSWERS, [TRUTHS]).score)
    for row in FILLED:
        assert scores.per_row["bleu"][row] == pytest.approx(sacrebleu.sentence_bleu(ANSWERS[row], [TRUTHS[row]]).score)
        assert scores.per_row["chrf"][row] == pytest.approx(sacrebleu.sentence_chrf(ANSWERS[row], [TRUTHS[row]]).score)
    assert scores.intervals == {}, "the figure of a corpus is no mean of rows"


@given(st.lists(st.tuples(ASCII, ASCII), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_rouge_is_that_of_rouge_score_for_ascii(pairs: list[tuple[str, str]]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    answers, truths = map(list, zip(*pairs, strict=True))
    scores = generation_scores(answers, truths, ["rouge1", "rouge2", "rouge_l"])
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"])
    for row, (answer, truth) in enumerate(pairs):
        expected = theirs.score(truth, answer)
        assert scores.per_row["rouge1"][row] == pytest.approx(expected["rouge1"].fmeasure)
        assert scores.per_row["rouge_l"][row] == pytest.approx(expected["rougeL"].fmeasure)
        if max(len(re.findall("[a-z0-9]+", text.lower())) for text in (answer, truth)) > 1:
            assert scores.per_row["rouge2"][row] == pytest.approx(expected["rouge2"].fmeasure)


def squad(text: str) -> str:
    """SQuAD's evaluate-v1.1.py, in its own order of steps."""
    text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@given(ASCII, ASCII)
@settings(deadline=None)
def test_exact_match_and_f1_are_those_of_squad(answer: str, truth: str) -> None:
    scores = generation_scores([answer], [truth], ["exact_match", "token_f1"])
    said, true = squad(answer).split(), squad(truth).split()
    if not said or not true:
        return  # only articles, which we keep and SQuAD drops
    assert scores.overall["exact_match"] == (said == true)
    same = sum((Counter(said) & Counter(true)).values())
    precision, recall = same / len(said), same / len(true)
    assert scores.overall["token_f1"] == pytest.approx(2 * precision * recall / (precision + recall) if same else 0)


def test_what_is_normalised_by_hand() -> None:
    assert normalised(" The  Cat, sat. ") == "cat sat"
    assert normalised("3.5 km") == "3.5 km"
    assert normalised("35 km.") == "35 km"
    assert normalised("1,000") == "1000"
    assert normalised("A") == "a", "the choice A is an answer"
    assert normalised("!?") == "!?"
    assert normalised(" \n") == ""
    scores = generation_scores(["A", "", "the", "3.5"], ["a", "the", "", "35"], ["exact_match", "token_f1"])
    assert scores.per_row["exact_match"].tolist() == [1, 0, 0, 0]
    scores = generation_scores(["two red birds"], ["red birds sing now"], ["token_f1"])
    assert scores.overall["token_f1"] == pytest.approx(2 * 2 / (3 + 4))


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
@settings(deadline=None, max_examples=60)
def test_every_figure_is_in_its_range_and_equal_texts_are_at_its_top(pairs: list[tuple[str, str]]) -> None:
    answers, truths = map(list, zip(*pairs, strict=True))
    scores = generation_scores(answers, truths, LIGHT)
    same = generation_scores(truths, truths, LIGHT)
    for name in LIGHT:
        top = TOP.get(name, 1.0)
        assert ((scores.per_row[name] >= 0) & (scores.per_row[name] <= top)).all()
        assert 0 <= scores.overall[name] <= top
        np.testing.assert_allclose(same.per_row[name], top)
        assert same.overall[name] == pytest.approx(top)
        for row, (answer, truth) in enumerate(pairs):
            if bool(answer.strip()) != bool(truth.strip()):
                assert scores.per_row[name][row] == 0, "an empty answer to a question is worth nothing"


def test_short_answers_are_not_worthless_to_bleu() -> None:
    scores = generation_scores(["yes", "no"], ["yes", "no"], ["bleu"])
    assert scores.overall["bleu"] == pytest.approx(100)


def test_words_of_other_scripts_count() -> None:
    scores = generation_scores(["кошка спит", "猫"], ["кошка бежит", "猫"], ["rouge1"])
    assert scores.per_row["rouge1"].tolist() == [0.5, 1]


def test_means_have_intervals() -> None:
    scores = generation_scores(ANSWERS, TRUTHS, ["exact_match", "rouge_l"])
    assert scores.intervals["exact_match"] == wilson(int(scores.per_row["exact_match"].sum()), len(ANSWERS))
    value, low, high = scores.intervals["rouge_l"]
    assert low < value < high
    assert value == scores.overall["rouge_l"] == scores.per_row["rouge_l"].mean()
    # a bootstrap of the mean is near to the normal interval when rows are many
    many = generation_scores(ANSWERS * 100, TRUTHS * 100, ["rouge_l"])
    rows = many.per_row["rouge_l"]
    assert many.intervals["rouge_l"].high - rows.mean() == pytest.approx(
        1.96 * rows.std() / np.sqrt(len(rows)), rel=0.15
    )


def brute_greedy(answer: Any, truth: Any) -> float:
    def best(vector: Any, others: Any) -> float:
        return max(float(sum(x * y for x, y in zip(vector, other, strict=True))) for other in others)

    precision = sum(best(vector, truth) for vector in answer) / len(answer)
    recall = sum(best(vector, answer) for vector in truth) / len(truth)
    return 2 * precision * recall / (precision + recall) if min(precision, recall) > 0 else 0.0


def test_greedy_matching_by_hand_and_by_brute_force() -> None:
    east, north = np.array([1.0, 0]), np.array([0, 1.0])
    assert greedy_f1(np.array([east]), np.array([east, north])) == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert greedy_f1(np.array([east]), np.array([north])) == 0
    assert greedy_f1(np.zeros((0, 2)), np.array([north])) == 0
    rng = np.random.default_rng(0)
    for _ in range(20):
        answer, truth = (rng.normal(size=(rng.integers(1, 6), 4)) + 0.5 for _ in range(2))
        answer, truth = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (answer, truth))
        assert greedy_f1(answer, truth) == pytest.approx(brute_greedy(answer, truth))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "base")


def test_bertscore_is_its_formula_on_the_tokens_of_each_text_alone(base: Path) -> None:
    import torch
    import transformers

    (texts,), _ = easy_task(8)
    answers, truths = [*texts[:4], "", texts[0]], [*texts[4:], texts[0], texts[0]]
    state = torch.get_rng_state()
    scores = generation_scores(answers, truths, [f"bertscore:{base}"]).per_row["bertscore"]
    assert torch.equal(state, torch.get_rng_state()), "a training that evaluates draws what it would have drawn"
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    model = transformers.AutoModel.from_pretrained(base, add_pooling_layer=False).eval()
    for row in range(4):
        vectors = []
        for text in (answers[row], truths[row]):
            with torch.no_grad():
                states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 1:-1].double().numpy()
            vectors.append(states / np.linalg.norm(states, axis=1, keepdims=True))
        assert scores[row] == pytest.approx(brute_greedy(*vectors), abs=1e-5)
    assert scores[4:].tolist() == pytest.approx([0, 1])
    assert scores.min() >= -1
    with reporting(notes := Notes()):
        generation_scores([" ".join(["film"] * 100)], ["film"], [f"bertscore:{base}"])
    assert any("reads 64 tokens" in text for text in notes.lines)


def test_bertscore_by_the_default_encoder_hears_meaning(encoder: Any) -> None:
    scores = generation_scores(
        ["a puppy is running", "the tax was raised", "a puppy is running"],
        ["a dog runs", "a dog runs", "a puppy is running"],
        ["bertscore"],
    ).per_row["bertscore"]
    assert scores[1] < scores[0] < scores[2] == pytest.approx(1, abs=1e-5)


@pytest.fixture(scope="module")
def judge(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sequence classifier of three classes with random weights."""
    from curatekit import hf

    folder = tmp_path_factory.mktemp("models") / "judge"
    with hf.quiet(), hf.seeded(1):
        model, tokenizer = hf.load_base(base, ("contradiction", "entailment", "neutral"), None)
        hf.save(model, tokenizer, folder)
    return folder


def test_nli_is_the_probability_of_entailment_of_the_answer_by_the_truth(judge: Path) -> None:
    import torch
    import transformers

    (texts,), _ = easy_task(6)
    answers, truths = [*texts[:3], "", ""], [*texts[3:], "film", " "]
    scores = generation_scores(answers, truths, [f"nli:{judge}"]).per_row["nli"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(judge)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(judge).eval()
    for row in range(3):
        with torch.no_grad():
            logits = model(**tokenizer(truths[row], answers[row], return_tensors="pt")).logits[0].double()
        assert scores[row] == pytest.approx(float(logits.softmax(-1)[1]), abs=1e-6)
    assert scores[3:].tolist() == [0, 1]


def test_a_judge_must_know_entailment(base: Path, tmp_path: Path) -> None:
    from curatekit import hf

    with hf.quiet(), hf.seeded(1):
        hf.save(*hf.load_base(base, ("yes", "not_entailment"), None), tmp_path / "judge")
    with pytest.raises(InputError, match=r"classes yes, not_entailment, and none is 'entailment'"):
        generation_scores(["a"], ["b"], [f"nli:{tmp_path / 'judge'}"])
    with pytest.raises(InputError, match="There is no folder nowhere"):
        generation_scores(["a"], ["b"], ["nli:nowhere"])
    with pytest.raises(InputError, match=r"has no model\. Write its folder behind the colon"):
        generation_scores(["a"], ["b"], ["nli"])


def test_a_function_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "poems_for_a_test.py").write_text(
        "def rhyme(answers, truths):\n    return [a[-2:] == t[-2:] for a, t in zip(answers, truths)]\n"
        "def short(answers, truths):\n    return [1.0]\n"
        "def lost(answers, truths):\n    return [float('nan')] * len(answers)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    scores = generation_scores(["cat", "dog"], ["hat", "cow"], ["python:poems_for_a_test:rhyme", "exact_match"])
    assert scores.per_row["rhyme"].tolist() == [1, 0]
    assert scores.overall["rhyme"] == 0.5
    for wrong in ("short", "lost"):
        with pytest.raises(InputError, match=f"{wrong!r} did not return one finite number for each of the 2 answers"):
            generation_scores(["cat", "dog"], ["hat", "cow"], [f"python:poems_for_a_test:{wrong}"])
    with pytest.raises(InputError, match="has no function 'rime'"):
        generation_scores(["cat"], ["hat"], ["python:poems_for_a_test:rime"])
    with pytest.raises(InputError, match=r"No module named 'no_such_module'.*PYTHONPATH=\."):
        generation_scores(["cat"], ["hat"], ["python:no_such_module:f"])
    with pytest.raises(InputError, match="names no function"):
        generation_scores(["cat"], ["hat"], ["python:poems_for_a_test"])
    del sys.modules["poems_for_a_test"]


def test_a_third_party_adds_a_metric_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("halves", f"{__name__}:halves", "curatekit.generation_metrics")
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or __import__(__name__))
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name: [point] if name == "halves" else [])
    monkeypatch.setattr(EntryPoint, "load", lambda self: halves)
    assert generation_scores(["a", "b"], ["c", "d"], ["halves"]).overall == {"halves": 0.5}


def halves(answers: list[str], truths: list[str]) -> list[float]:
    return [0.5] * len(answers)


def test_names_that_are_wrong() -> None:
    with pytest.raises(InputError, match=r"no 'rougel' in the table 'generation_metrics'. Did you mean 'rouge_l'\?"):
        generation_scores(["a"], ["b"], ["rougel"])
    with pytest.raises(InputError, match="'bleu' takes nothing behind a colon"):
        generation_scores(["a"], ["b"], ["bleu:4"])
    with pytest.raises(InputError, match="'bleu' is named twice"):
        generation_scores(["a"], ["b"], ["bleu", "bleu"])
    with pytest.raises(InputError, match="no answer to score"):
        generation_scores([], [], ["bleu"])
    with pytest.raises(ValueError, match="1 answers, but 2 truths"):
        generation_scores(["a"], ["b", "c"], ["bleu"])
    assert [short_name(name) for name in ("bleu", "nli:a/b", "python:m.n:f")] == ["bleu", "nli", "f"]


@pytest.mark.parametrize(
    ("metric", "package"), [("bleu", "sacrebleu"), ("chrf", "sacrebleu"), ("rouge_l", "rouge-score")]
)
def test_a_package_that_is_not_installed_is_one_sentence(
    metric: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curatekit.evaluate.generation.figures.find_spec", lambda name: None)
    with pytest.raises(InputError, match=rf"{package} is not installed.*pip install 'curatekit\[generation\]'"):
        generation_scores(["a"], ["b"], [metric])


def test_every_metric_is_in_the_table() -> None:
    assert {*LIGHT, "bertscore", "nli", "python"} == set(registry.names("generation_metrics"))
