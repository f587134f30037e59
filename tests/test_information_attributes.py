"""How much of the label can be read from attributes: on data made by hand, the table says what was put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
import pytest

from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Dataset, from_lists
from curatekit.information.attribute_families import OfColumns, products, ranks, word_features
from curatekit.information.attributes import PAIRS, SINGLE, Attribute, Attributes, artefacts, attributes
from curatekit.information.pooling import pooled
from curatekit.information.transforms import LeftOf
from curatekit.information.v_information import conditional_v_information
from curatekit.predict.family import Material
from curatekit.predict.mlp import MlpFamily
from curatekit.predict.probe import fit_probe, log_loss, softmax
from curatekit.reporting import reporting
from tests.fake_encoder import FakeEncoder
from tests.notes import Notes

N = 240
WORDS = [f"word{k}" for k in range(25)]


def sentences(rng: np.random.Generator, lengths: Sequence[int]) -> list[str]:
    return [" ".join(rng.choice(WORDS, length)) for length in lengths]


def artifacts_of(
    texts: Sequence[Any], labels: np.ndarray, *, seed: int = 0, group: str | None = None, **columns: Sequence[Any]
) -> Artifacts:
    """The artifacts of rows whose encoder knows nothing: what can be read stands in the words."""
    dataset = from_lists(texts, [f"class {label}" for label in labels])
    frame = dataset.frame.with_columns(**{name: pl.Series(list(values)) for name, values in columns.items()})
    dataset = Dataset(frame, dataset.ids, dataset.inputs, dataset.labels, dataset.classes, dataset.columns)
    made = Artifacts(dataset, Settings(folds=3, seed=seed, group=group))
    vars(made)["encoder"] = FakeEncoder()
    return made


def asked(made: Artifacts, *names: str) -> tuple[Attributes, dict[str, Attribute]]:
    found = attributes(made, names)
    assert [one.name for one in found.attributes] == sorted(
        (one.name for one in found.attributes), key=lambda name: -{o.name: o.v_information.value for o in found.attributes}[name]
    )  # fmt: skip
    return found, {one.name: one for one in found.attributes}


def test_where_the_label_is_the_length_the_length_tells_it() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 13, N)
    labels = ((lengths > 4) & (lengths < 9)).astype(int)
    found, one = asked(artifacts_of(sentences(rng, lengths), labels), "length", "first:2", "negation")
    assert one["length"].v_information.low > 0.8 * found.label_entropy
    assert one["length"].family == "trees"
    assert one["length"].artefact
    assert one["length"].conditional.high < 0.1
    assert one["first:2"].v_information.value < 0.1
    assert one["first:2"].conditional.value < found.v_information.value + 0.1
    assert one["negation"].v_information.value == pytest.approx(0, abs=0.01)
    assert "length alone tells" in artefacts(found)[0]


def test_where_the_label_is_the_overlap_of_a_pair() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=N)
    left = [list(rng.choice(WORDS, 6, replace=False)) for _ in range(N)]
    right = [
        [*words[:4], "other"] if label else [f"new{k}" for k in rng.integers(30, size=5)]
        for words, label in zip(left, labels, strict=True)
    ]
    right = [[*words, *rng.choice(WORDS, 1)] for words in right]
    pairs = [(" ".join(a), " ".join(b)) for a, b in zip(left, right, strict=True)]
    one = asked(artifacts_of(pairs, labels), "overlap", "left")[1]
    assert one["overlap"].v_information.low > 0.9
    assert one["overlap"].artefact
    assert one["left"].v_information.value < 0.05
    assert one["left"].conditional.value > 0.5
    assert not one["left"].artefact


def test_where_the_label_is_one_side_of_a_pair() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(2, size=N)
    right = [
        f"{text} {'never' if label else 'always'}" for text, label in zip(sentences(rng, [5] * N), labels, strict=True)
    ]
    pairs = list(zip(sentences(rng, [6] * N), right, strict=True))
    one = asked(artifacts_of(pairs, labels), "left", "right", "bag-of-words")[1]
    assert one["right"].share == pytest.approx(1, abs=0.2)
    assert one["right"].artefact
    assert one["right"].conditional.high < 0.05
    assert one["left"].v_information.low <= 0 <= one["left"].v_information.high
    assert one["bag-of-words"].family == "words"
    assert one["bag-of-words"].v_information.low > 0.8
    assert not one["bag-of-words"].artefact


def test_where_the_label_is_a_column_or_a_pattern_that_the_words_do_not_show() -> None:
    rng = np.random.default_rng(3)
    source = rng.choice(["web", "app", "tv", "print"], N)
    labels = np.isin(source, ["web", "tv"]).astype(int)
    marks = [f"id{'x' if label else 'y'}{number}" for number, label in enumerate(labels)]
    texts = [f"{text} {mark}" for text, mark in zip(sentences(rng, [5] * N), marks, strict=True)]
    found, one = asked(artifacts_of(texts, labels, source=source), "column:source", r"regex:idx\d+", "length")
    assert found.v_information.value < 0.1
    assert one["length"].share is None
    for name in ("column:source", r"regex:idx\d+"):
        assert one[name].v_information.low > 0.95 * found.label_entropy
        assert one[name].conditional == pytest.approx((0, 0, 0), abs=0.02)
        assert one[name].artefact
    assert not one["length"].artefact


def test_what_a_column_and_the_text_tell_only_together_is_conditional_information() -> None:
    """XOR: each alone gives nothing, both everything."""
    rng = np.random.default_rng(4)
    speaker, word = rng.integers(2, size=(2, N))
    texts = [f"{text} {['yes', 'no'][w]}" for text, w in zip(sentences(rng, [4] * N), word, strict=True)]
    made = artifacts_of(texts, speaker ^ word, speaker=[f"s{k}" for k in speaker])
    found, one = asked(made, "column:speaker")
    assert found.v_information.low <= 0 <= found.v_information.high
    assert one["column:speaker"].v_information.low <= 0 <= one["column:speaker"].v_information.high
    assert one["column:speaker"].conditional.low > 0.4
    vars(made)["family"] = MlpFamily()
    del vars(made)["predictions"]
    assert asked(made, "column:speaker")[1]["column:speaker"].conditional.low > 0.05


@dataclass(frozen=True)
class FirstToken:
    """A family that reads which token comes first."""

    name: str = "first token"
    key: str = "first token"
    embeds: bool = False
    slow: bool = True

    def reader(self, train):
        return lambda material: np.array(
            [[text.split()[0] == word for word in WORDS] for text in material.inputs[0]], np.float32
        )

    def prepare(self, train, *others):
        return tuple(map(self.reader(train), (train, *others)))

    def fit(self, x, labels, n_classes, *, seed, units):
        return FittedFirst(fit_probe(x, labels, n_classes, C=10.0))


@dataclass(frozen=True)
class FittedFirst:
    probe: Any
    temperature: None = None
    details = MappingProxyType({})
    dynamics = MappingProxyType({})

    def logits(self, x):
        return self.probe.logits(x)


def test_where_the_label_is_the_order_of_the_words_shuffling_loses_it() -> None:
    """And a family that reads no features has its predictions pooled with the attribute's."""
    rng = np.random.default_rng(5)
    labels = rng.integers(2, size=N)
    texts = ["word1 word2" if label else "word2 word1" for label in labels]
    texts = [f"{text} {k}" for k, text in enumerate(texts)]
    made = artifacts_of(texts, labels)
    vars(made)["family"] = FirstToken()
    with reporting(notes := Notes()):
        found, one = asked(made, "shuffled", "first:1", "length")
    assert "2 of the attributes are texts, on each of which first token is trained as on the whole." in notes.lines
    assert found.v_information.low > 0.9
    assert one["shuffled"].v_information.value < 0.2
    assert one["shuffled"].share == pytest.approx(one["shuffled"].v_information.value / found.v_information.value)
    assert one["shuffled"].conditional.low > 0.7
    assert one["first:1"].v_information == pytest.approx(found.v_information, abs=0.02)
    assert one["first:1"].conditional.value == pytest.approx(0, abs=0.02)
    assert one["length"].conditional.value == pytest.approx(found.v_information.value, abs=0.05)


def test_where_the_label_is_nothing_no_attribute_tells_it() -> None:
    rng = np.random.default_rng(6)
    made = artifacts_of(sentences(rng, rng.integers(3, 13, N)), rng.integers(2, size=N), kind=rng.integers(9, size=N))
    found, one = asked(made, "length", "bag-of-words", "column:kind")
    for each in one.values():
        assert each.v_information.low <= 0 <= each.v_information.high
        assert each.conditional.low <= 0.01
        assert each.conditional.high >= 0
    assert artefacts(found) == ()


def test_without_names_those_that_fit_the_data_are_looked_at() -> None:
    rng = np.random.default_rng(7)
    single = attributes(artifacts_of(sentences(rng, [4] * 40), np.arange(40) % 2))
    assert {one.name for one in single.attributes} == set(SINGLE)
    both = list(zip(sentences(rng, [4] * 40), sentences(rng, [4] * 40), strict=True))
    assert {one.name for one in attributes(artifacts_of(both, np.arange(40) % 2)).attributes} == set(PAIRS)


def test_sides_that_stand_in_several_rows_are_said_unless_they_are_bound_together() -> None:
    rng = np.random.default_rng(8)
    premises = [f"premise {k // 3}" for k in range(60)]
    pairs = list(zip(premises, sentences(rng, [4] * 60), strict=True))
    for group, lines in ((None, 1), ("premise", 0)):
        with reporting(notes := Notes()):
            attributes(artifacts_of(pairs, np.arange(60) % 2, premise=premises, group=group), ["left", "right"])
        assert sum("60 of 60 texts of 'left' stand in other rows too" in line for line in notes.lines) == lines


def test_neither_the_order_of_the_rows_nor_the_names_of_the_classes_matter() -> None:
    rng = np.random.default_rng(9)
    lengths = rng.integers(3, 13, N)
    labels = np.where(rng.random(N) < 0.1, 2, (lengths > 8).astype(int))
    texts = sentences(rng, lengths)
    order = rng.permutation(N)
    once = asked(artifacts_of(texts, labels), "length")[1]["length"]
    permuted = asked(artifacts_of([texts[k] for k in order], labels[order]), "length")[1]["length"]
    renamed = asked(artifacts_of(texts, np.array([2, 0, 1])[labels]), "length")[1]["length"]
    for other in (permuted, renamed):  # other folds and other halves for the trees
        assert other.v_information == pytest.approx(once.v_information, abs=0.05)
        assert other.conditional == pytest.approx(once.conditional, abs=0.05)


def test_all_are_measured_in_the_folds_of_the_whole_rows() -> None:
    rng = np.random.default_rng(10)
    made = artifacts_of(sentences(rng, [4] * 60), np.arange(60) % 2)
    family = OfColumns(LeftOf("constant", columns=np.zeros((60, 1))))
    of_attribute = made.with_family(family).predictions
    assert (of_attribute.folds == made.predictions.folds).all()
    assert (of_attribute.null_probs == made.predictions.null_probs).all()
    with pytest.raises(ValueError, match="one dataset's rows"):
        family.prepare(Material((["other"],), lambda inputs: None))


@pytest.mark.parametrize("n", [30, 300])
def test_the_limits_of_conditional_information_cover_it(n: int) -> None:
    """400 datasets: the label is drawn from its probability given both, one of which the attribute's models do not see."""
    rng = np.random.default_rng(n)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        t, x = 2 * rng.normal(size=(2, rows))
        both, alone = 1 / (1 + np.exp(-t - x)), 1 / (1 + np.exp(-0.7 * t))
        labels = (rng.random(rows) < both).astype(int)
        return labels, np.stack([1 - alone, alone], 1), np.stack([1 - both, both], 1)

    truth = conditional_v_information(*draw(400_000)).value
    covered = [(v := conditional_v_information(*draw(n))).low <= truth <= v.high for _ in range(400)]
    assert truth > 0.2
    assert 0.93 <= np.mean(covered) <= 0.98


def test_pooling_is_no_worse_than_either_and_finds_bayes_rule() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=4000)
    shift = np.where(labels, 1.0, -1.0)
    first, second = (softmax(np.stack([-x, x], 1)) for x in shift + rng.normal(size=(2, 4000)))  # log-odds 2x, exact
    null = np.full((4000, 2), 0.5)
    found = pooled(labels, np.arange(4000) % 4, first, second, null)
    exact = softmax(np.log(first) + np.log(second) - np.log(null))
    assert log_loss(labels, np.log(found)) == pytest.approx(log_loss(labels, np.log(exact)), abs=0.002)
    useless = pooled(labels, np.arange(4000) % 4, first, null, null)
    assert log_loss(labels, np.log(useless)) == pytest.approx(log_loss(labels, np.log(first)), abs=0.002)
    assert pooled(labels[:9], np.zeros(9, int), first[:9], second[:9], null[:9]).shape == (9, 2)


def test_ranks_keep_the_order_and_the_gaps() -> None:
    nan = np.nan
    columns = np.array([[1e15 + 2, nan], [1e15 + 1, 3], [nan, 3], [1e15 + 2, -7]])
    assert ranks(columns) == pytest.approx(np.array([[1, nan], [0, 1], [nan, 1], [1, 0]]), nan_ok=True)


def test_products_are_of_the_columns_and_the_features_that_vary_most() -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(50, 70)) * np.r_[np.full(6, 0.01), np.ones(64)]).astype(np.float32)
    columns = np.c_[rng.integers(2, size=50), np.r_[np.nan, rng.normal(size=49)], np.zeros(50)]
    made = products(features, columns).reshape(50, 64, 3)
    assert np.square(made).sum(axis=(1, 2)).mean() == pytest.approx(
        0.09 * np.square(features).sum(axis=1).mean(), rel=1e-3
    )
    standard = (columns[:, 0] - columns[:, 0].mean()) / columns[:, 0].std()
    ratio = made[:, :, 0] / (features[:, 6:] * standard[:, None])
    assert np.ptp(ratio) < 1e-4 * ratio.max()
    assert (made[0, :, 1] == 0).all()
    assert (made[:, :, 2] == 0).all()


def test_word_features_are_those_of_tfidf() -> None:
    """Inner products of full rank are those of sklearn's vectorizer; words of one row are left out."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    from curatekit.information.words import count_words

    texts = sentences(np.random.default_rng(0), [6] * 40)
    features = word_features(count_words(([f"{text} only{k}" for k, text in enumerate(texts)],)).counts)
    exact = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts)
    assert features @ features.T == pytest.approx((exact @ exact.T).toarray(), abs=1e-5)
    assert (word_features(count_words((["a", "b"],)).counts) == 0).all()
