"""Our PVI and V against the values that Ethayarajh et al. published for four models on CoLA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curatekit.information import alarms, v_information
from curatekit.predict.probe import fit_temperature, softmax
from curatekit.scores.pvi import pvi


@pytest.fixture(scope="module")
def published(real_data: Path) -> pl.DataFrame:
    return pl.read_parquet(real_data / "pvi_reference" / "cola.parquet")


def arrays(frame: pl.DataFrame):
    """Labels and the probabilities behind the published entropies: two classes, so one gives the other."""
    labels = frame["label"].to_numpy().astype(np.int64)
    given = np.column_stack([2.0 ** -frame["H_yx"].to_numpy(), 2.0 ** -frame["H_yb"].to_numpy()])
    both = np.stack([1 - given, given], axis=2)  # (row, model, other or given)
    ordered = np.where(labels[:, None, None] == 1, both, both[:, :, ::-1])
    return labels, ordered[:, 0], ordered[:, 1]


def test_pvi_row_by_row(published: pl.DataFrame) -> None:
    assert len(published) > 20_000
    bits = pvi(*arrays(published))
    assert np.abs(bits - published["PVI"].to_numpy()).max() < 1e-12
    assert np.abs(bits - (published["H_yb"] - published["H_yx"]).to_numpy()).max() < 1e-12


def test_v_information_of_every_model_and_setting(published: pl.DataFrame, real_data: Path) -> None:
    summary = pl.read_parquet(real_data / "pvi_reference" / "summary.parquet").filter(pl.col("dataset") == "cola")
    assert len(summary) == 43
    for row in summary.iter_rows(named=True):
        own = published.filter((pl.col("model") == row["model"]) & (pl.col("setting") == row["setting"]))
        found = v_information(*arrays(own))
        assert found.rows == row["rows"]
        assert found.v_information.value == pytest.approx(row["V_information"], abs=1e-9)
        assert found.label_entropy == pytest.approx(row["H_yb_mean"], abs=1e-9)
        assert found.conditional_entropy == pytest.approx(row["H_yx_mean"], abs=1e-9)
        assert found.negative_share.value == pytest.approx(row["frac_PVI_negative"], abs=1e-9)
        assert found.accuracy == pytest.approx(row["accuracy"], abs=2e-3)  # ties at 1/2


def test_one_temperature_repairs_the_overtrained_run_and_the_alarm_says_so(published: pl.DataFrame) -> None:
    own = published.filter((pl.col("model") == "bert-base-cased") & (pl.col("setting") == "cola_id_dev_std10"))
    labels, pred, null = arrays(own)
    assert any("too sure" in text for text in alarms(labels, pred, null))
    logits = np.log(np.maximum(pred, 1e-12))
    half = np.arange(len(labels)) % 2
    repaired = np.empty_like(pred)
    for k in (0, 1):  # the temperature of one half, used on the other
        repaired[half == k] = softmax(logits[half == k] / fit_temperature(labels[half != k], logits[half != k]))
    assert pvi(labels, pred, null).mean() == pytest.approx(-0.214, abs=1e-3)
    assert pvi(labels, repaired, null).mean() == pytest.approx(0.341, abs=0.01)


def test_gpt2s_null_is_worse_than_the_prior(published: pl.DataFrame) -> None:
    gpt2 = published.filter(pl.col("model") == "gpt2")
    said = [
        any("null model is worse" in text for text in alarms(*arrays(own)))
        for _, own in gpt2.group_by("setting", maintain_order=True)
    ]
    assert any(said)


def test_every_summary_row_the_collapsed_models_included(real_data: Path) -> None:
    summary = pl.read_parquet(real_data / "pvi_reference" / "summary.parquet")
    assert len(summary) == 130
    difference = summary["H_yb_mean"] - summary["H_yx_mean"] - summary["V_information"]
    assert difference.abs().max() < 1e-9
    collapsed = summary.filter((pl.col("model") == "roberta-large") & (pl.col("accuracy") < 0.35))
    assert len(collapsed) == 4
    for row in collapsed.iter_rows(named=True):
        # rows whose PVI has the published ends and mean: a model that looks at nothing
        n = row["rows"]
        labels = np.arange(n) % 3
        null = np.full((n, 3), 1 / 3)
        bits = np.full(n, (n * row["V_information"] - row["PVI_min"] - row["PVI_max"]) / (n - 2))
        bits[:2] = row["PVI_min"], row["PVI_max"]
        given = 2.0 ** (bits - np.log2(3))
        pred = np.repeat((1 - given[:, None]) / 2, 3, axis=1)
        pred[np.arange(n), labels] = given
        found = v_information(labels, pred, null)
        assert found.v_information.value == pytest.approx(row["V_information"], abs=1e-9)
        assert any("hardly differ from row to row" in text for text in alarms(labels, pred, null))
