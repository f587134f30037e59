"""The tables of methods: name -> ("module:function", one line). Lists are written once, here.

Help texts, error messages, docs and tests are derived from these tables. A name that is not in a table is looked
for among the entry points of the group "curatekit.<table>", so a third party adds a method by installing a package.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from curatekit.errors import InputError, nearest_name

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


class Entry(NamedTuple):
    target: str
    summary: str


TABLES: dict[str, dict[str, Entry]] = {
    "families": {
        "probe": Entry(
            "curatekit.predict.probe_family:probe", "logistic regression on the encoder's hidden layers and TF-IDF"
        ),
        "mlp": Entry("curatekit.predict.mlp:mlp", "a network of one hidden layer on the same features"),
        "knn": Entry("curatekit.predict.knn:knn", "the labels of the nearest rows, weighted by similarity"),
        "ensemble": Entry("curatekit.predict.ensemble:ensemble", "the mean of probe, mlp and knn"),
        "finetune": Entry("curatekit.predict.finetune:finetune", "a transformer trained whole, as finetune:MODEL"),
        "partial": Entry(
            "curatekit.predict.partial:partial",
            "the upper third of MODEL, fine-tuned: a stand-in at a fifth of the time",
        ),
        "lora": Entry("curatekit.predict.finetune:lora", "a transformer trained by low-rank adapters, as lora:MODEL"),
    },
    "transforms": {
        "left": Entry("curatekit.information.transforms.sides:left", "the first text of a pair alone"),
        "right": Entry("curatekit.information.transforms.sides:right", "the second text of a pair alone"),
        "overlap": Entry(
            "curatekit.information.transforms.overlap:overlap", "how many words the texts of a pair share"
        ),
        "bag-of-words": Entry(
            "curatekit.information.transforms.bag_of_words:bag_of_words", "words without order or encoder"
        ),
        "shuffled": Entry("curatekit.information.transforms.shuffled:shuffled", "tokens in another order"),
        "first": Entry(
            "curatekit.information.transforms.ends:first", "the first tokens, five or as many as first:N says"
        ),
        "last": Entry("curatekit.information.transforms.ends:last", "the last tokens, likewise"),
        "length": Entry("curatekit.information.transforms.length:length", "numbers of words and characters"),
        "negation": Entry("curatekit.information.transforms.negation:negation", "how many English words say no"),
        "column": Entry("curatekit.information.transforms.column:column", "another column, as column:NAME"),
        "regex": Entry("curatekit.information.transforms.regex:regex", "matches of a pattern, as regex:PATTERN"),
    },
    "scores": {
        "combined": Entry("curatekit.scores.combined:combined", "all that is known together; the default"),
        "self_confidence": Entry("curatekit.scores.self_confidence:self_confidence", "p(given label | x)"),
        "normalized_margin": Entry(
            "curatekit.scores.normalized_margin:normalized_margin", "p(given label) against the best other label"
        ),
        "confident_learning": Entry(
            "curatekit.scores.confident_learning:confident_learning",
            "cleanlab's label issues first, by p(given label | x)",
        ),
        "knn_agreement": Entry("curatekit.scores.knn_agreement:knn_agreement", "share of neighbours that agree"),
        "knn_shapley": Entry(
            "curatekit.scores.knn_shapley:knn_shapley",
            "what each label is worth to its neighbours: their Shapley value",
        ),
        "pvi": Entry("curatekit.scores.pvi:pvi", "pointwise V-usable information, in bits"),
        "early_loss": Entry(
            "curatekit.scores.early_loss:early_loss",
            "p(given label | x) by one model fine-tuned on all rows and stopped early",
        ),
        "aum": Entry("curatekit.scores.aum:aum", "area under the margin while one model is fine-tuned on all rows"),
        "systematic": Entry(
            "curatekit.scores.systematic:systematic",
            "errors that come in slices, by the specifications; the default with --spec",
        ),
        "specification_contrast": Entry(
            "curatekit.scores.specification_contrast:specification_contrast",
            "what a probe of the specifications' examples alone says of the label",
        ),
        "specification_borda": Entry(
            "curatekit.scores.specification_ranks:specification_borda",
            "ranks for the specifications' examples of each label, averaged",
        ),
        "specification_rrf": Entry(
            "curatekit.scores.specification_ranks:specification_rrf", "the same ranks, fused reciprocally"
        ),
        "specification_rra": Entry(
            "curatekit.scores.specification_ranks:specification_rra", "the same, by robust rank aggregation"
        ),
    },
    "losses": {
        "cross-entropy": Entry("curatekit.train.losses:cross_entropy", "trusts every label"),
        "label-smoothing": Entry(
            "curatekit.train.losses:label_smoothing",
            "spreads a share of each label over all classes, 0.1 or as :E says",
        ),
        "bootstrap": Entry(
            "curatekit.train.losses:bootstrap",
            "trusts labels by 0.95, or as :BETA says, and the model itself by the rest",
        ),
        "gce": Entry(
            "curatekit.train.losses:gce",
            "from cross-entropy (gce:0) to mean absolute error (gce:1), 0.7 or as :Q says: hears little of labels it does not believe",
        ),
    },
    "encoder-losses": {
        "batch-hard-soft-margin": Entry(
            "sentence_transformers.sentence_transformer.losses:BatchHardSoftMarginTripletLoss",
            "text and label: the farthest of the same label against the nearest of another; the default there",
        ),
        "batch-hard": Entry(
            "sentence_transformers.sentence_transformer.losses:BatchHardTripletLoss", "the same with a margin"
        ),
        "batch-semi-hard": Entry(
            "sentence_transformers.sentence_transformer.losses:BatchSemiHardTripletLoss",
            "the same against others that are farther than the row of the same label",
        ),
        "batch-all": Entry(
            "sentence_transformers.sentence_transformer.losses:BatchAllTripletLoss",
            "text and label: all triplets of a batch",
        ),
        "multiple-negatives": Entry(
            "sentence_transformers.sentence_transformer.losses:MultipleNegativesRankingLoss",
            "pairs and triplets: each text's own partner against all others of the batch; the default there",
        ),
        "cosent": Entry(
            "sentence_transformers.sentence_transformer.losses:CoSENTLoss",
            "scored pairs: pairs in the order of their scores; the default there",
        ),
        "angle": Entry(
            "sentence_transformers.sentence_transformer.losses:AnglELoss",
            "scored pairs: the same by angles in the complex plane",
        ),
        "cosine-similarity": Entry(
            "sentence_transformers.sentence_transformer.losses:CosineSimilarityLoss",
            "scored pairs: the score itself, from -1 to 1, as cosine",
        ),
        "triplet": Entry(
            "sentence_transformers.sentence_transformer.losses:TripletLoss",
            "triplets: the positive nearer than the negative by a margin",
        ),
    },
    "select": {
        "random": Entry("curatekit.select.random:random", "k rows at random: the plain baseline"),
        "random-matched": Entry(
            "curatekit.select.random_matched:random_matched",
            "k rows at random with the specifications' label shares: the fair baseline",
        ),
        "balanced": Entry(
            "curatekit.select.balanced:balanced",
            "k rows at random, as many of each label: the fair baseline for what is averaged over labels",
        ),
        "quota": Entry(
            "curatekit.select.quota:quota", "same label, nearest to the examples, a quota for each specification"
        ),
        "nearest": Entry("curatekit.select.nearest:nearest", "quota, with MMR diversity within each specification"),
        "mmr": Entry("curatekit.select.mmr:mmr", "same label, MMR over the whole selection, without quota"),
        "facility-location": Entry(
            "curatekit.select.facility_location:facility_location",
            "rows that together stand near to as many examples of the same label as can be",
        ),
        "specification-probe": Entry(
            "curatekit.select.specification_probe:specification_probe",
            "quota of rows whose label a probe of the examples alone shares",
        ),
        "dsir": Entry("curatekit.select.dsir:dsir", "importance resampling by label and hashed n-grams"),
        "dsir-embedding": Entry(
            "curatekit.select.dsir_embedding:dsir_embedding",
            "importance resampling by label and density of embeddings",
        ),
        "tsds": Entry(
            "curatekit.select.tsds:tsds",
            "optimal transport to rows of the same label, near-duplicates sharing a place",
        ),
        "lowest-pvi": Entry("curatekit.select.lowest_pvi:lowest_pvi", "the hardest labels for the model as it is"),
        "uncertainty": Entry("curatekit.select.uncertainty:uncertainty", "the rows that the model is least sure of"),
        "ambiguous": Entry(
            "curatekit.select.ambiguous:ambiguous",
            "the rows whose label the model wavers about when it is trained anew",
        ),
        "coreset": Entry(
            "curatekit.select.coreset:coreset", "k-centre greedy: far from what is trained on, and from each other"
        ),
        "influence": Entry(
            "curatekit.select.influence:influence",
            "rows that lower the loss on the specifications' examples, chosen in rounds; the default",
        ),
    },
    "generation_metrics": {
        "exact_match": Entry("curatekit.evaluate.generation.exact_match:exact_match", "the same words as the truth"),
        "token_f1": Entry("curatekit.evaluate.generation.token_f1:token_f1", "F1 of the words, as SQuAD counts it"),
        "bleu": Entry("curatekit.evaluate.generation.bleu:bleu", "sacreBLEU, 0 to 100: of the corpus, and by row"),
        "chrf": Entry("curatekit.evaluate.generation.chrf:chrf", "sacreBLEU's chrF2, 0 to 100: characters, not words"),
        "rouge1": Entry("curatekit.evaluate.generation.rouge:rouge1", "F1 of shared words"),
        "rouge2": Entry("curatekit.evaluate.generation.rouge:rouge2", "F1 of shared pairs of words"),
        "rouge_l": Entry(
            "curatekit.evaluate.generation.rouge:rouge_l", "F1 of the longest common subsequence of words"
        ),
        "bertscore": Entry(
            "curatekit.evaluate.generation.bertscore:bertscore",
            "F1 of token embeddings, by the default encoder or bertscore:MODEL",
        ),
        "nli": Entry(
            "curatekit.evaluate.generation.nli:nli", "p(the truth entails the answer) by a cross-encoder, as nli:FOLDER"
        ),
        "python": Entry(
            "curatekit.evaluate.generation.python:python",
            "a function of answers and truths of your own, as python:MODULE:FUNCTION",
        ),
    },
}


def names(table: str) -> list[str]:
    """Return the names in a table, in the table's order."""
    return list(TABLES[table])


def load(table: str, name: str) -> Callable[..., Any]:
    """Return the function behind `name`; raises InputError that lists the table when there is none."""
    entry = TABLES[table].get(name)
    if entry is not None:
        module, _, attribute = entry.target.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), attribute)
        return function
    from importlib.metadata import entry_points

    for point in entry_points(group=f"curatekit.{table}", name=name):
        third_party: Callable[..., Any] = point.load()
        return third_party
    known = names(table)
    raise InputError(
        f"There is no {name!r} in the table {table!r}.{nearest_name(name, known)} Choose one of: {', '.join(known)}."
    )
