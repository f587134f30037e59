"""curate embed"""

from __future__ import annotations

from pathlib import Path

import click

from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
)
from curatekit_cli._print import following, result
from curatekit_cli._session import read, session


@click.command("embed")
@click.argument("data")
@data_options
@encoder_options
@output_option("Write the embeddings here: a float32 .npy file, one row for each row of the data.", required=True)
@json_option
def command(data: str, data_options: DataOptions, encoder_options: EncoderOptions, output: Path, as_json: bool) -> None:
    """Embed the texts of DATA, once: other commands find the rows in the cache.

    Example: curate embed reviews.csv --text review -o embeddings.npy
    """
    with session(output, also=(".npy",)) as run:
        import time

        import numpy as np

        from curatekit.cache import Cache
        from curatekit.embed import embed
        from curatekit.encoders import load_encoder
        from curatekit.errors import InputError
        from curatekit.files import atomic

        if output.suffix != ".npy":
            raise InputError(
                f"The output {output} must end in .npy, which numpy.load reads (with mmap_mode='r' in place)."
            )
        dataset = read(run, data, data_options, labels="none")
        encoder = load_encoder(encoder_options.encoder, encoder_options.precision, encoder_options.backend)
        cache = Cache(encoder_options.cache)
        started = time.perf_counter()
        features = embed(dataset.inputs, encoder, cache)
        seconds = time.perf_counter() - started
        with atomic(output) as temporary, temporary.open("wb") as file:
            np.save(file, features.embeddings, allow_pickle=False)
        run.output(output)

        texts = len(dataset) * len(dataset.inputs)
        truncated = np.flatnonzero(features.truncated)
        payload = {
            "rows": len(dataset),
            "dimensions": features.embeddings.shape[1],
            "computed": features.computed,
            "cached_or_repeated": texts - features.computed,
            "texts_per_second": round(features.computed / seconds, 1) if features.computed else None,
            "truncated": len(truncated),
            "truncated_ids": dataset.ids[truncated].tolist(),
            "encoder": encoder.name,
            "origin": encoder.origin,
            "weights_sha256": encoder.weights_sha256,
            "precision": encoder.precision,
            "precision_reason": encoder.precision_reason,
            "backend": encoder.backend,
            "max_tokens": encoder.max_tokens,
        }
        run.metrics.update(payload)
        rate = f" ({features.computed / seconds:,.0f} per second, loading included)" if features.computed else ""
        lines = [
            f"Embedded {len(dataset):,} rows in {payload['dimensions']} dimensions: {output}",
            f"  {features.computed:,} texts computed{rate}, {texts - features.computed:,} from the cache or repeated",
            f"  encoder: {encoder.name} from {encoder.origin}, {encoder.backend}",
            f"  precision: {encoder.precision}, since {encoder.precision_reason}",
            f"  truncated: {len(truncated):,} rows are longer than {encoder.max_tokens} tokens",
            "",
            following("find-errors", data, "-o", "issues.csv", columns=data_options),
        ]
        result(as_json, {**payload, "output": output}, lines)
