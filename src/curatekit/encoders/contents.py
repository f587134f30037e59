"""What a model folder holds: its modules, sizes and hashes; code and pickles in it are refused unread."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from curatekit.cache import digest
from curatekit.errors import InputError
from curatekit.files import sha256_file

_DESCRIPTION = ("*.json", "*.txt", "*.model")
_LENGTH_LIMIT = 8_192  # tokens, for a model that names none
_SIMPLE = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])


class Parts(NamedTuple):
    """A model folder's sizes (as in Encoder) and the hashes of its files."""

    dimension: int
    layer_dimension: int
    hidden_size: int
    max_tokens: int
    weights_sha256: str
    hashes: dict[str, str]
    """SHA-256 of every file that the vectors depend on, by its path in the folder."""


class _Sizes(NamedTuple):
    dimension: int
    layer_dimension: int
    hidden_size: int
    max_tokens: int


def parts(name: str, folder: Path) -> Parts:
    """Return what the model `name` in `folder` is made of. Raises InputError when it is no encoder that we may load."""
    modules = _modules(folder)
    places = list(dict.fromkeys([folder, *(folder / module["path"] for module in modules)]))
    _refuse_foreign_code(name, modules, places)
    _refuse_other_kinds(name, modules)
    weights = _weights(name, places)
    described = [path for place in places for pattern in _DESCRIPTION for path in sorted(place.glob(pattern))]
    hashes = {path.relative_to(folder).as_posix(): sha256(path) for path in [*weights, *described]}
    weights_sha256 = sha256(weights[0]) if len(weights) == 1 else digest([sha256(path) for path in weights])
    sizes = _sizes(folder, modules) or _sizes_when_loaded(folder)
    return Parts(*sizes, weights_sha256, hashes)


def _modules(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of modules.json; none for a plain transformers model, to which mean pooling is added."""
    path = folder / "modules.json"
    if not path.exists():
        if not (folder / "config.json").exists():
            raise InputError(f"{folder} is no encoder: it holds neither modules.json nor config.json.")
        return []
    modules = _json(path)
    if not isinstance(modules, list) or not all(
        isinstance(module, dict) and isinstance(module.get("type"), str) and isinstance(module.get("path"), str)
        for module in modules
    ):
        raise InputError(f"{path} does not list modules with a type and a path, so the encoder cannot be read.")
    return modules


def _refuse_foreign_code(name: str, modules: list[dict[str, Any]], places: list[Path]) -> None:
    foreign = [module["type"] for module in modules if not module["type"].startswith("sentence_transformers.")]
    for place in places:
        for file in ("config.json", "tokenizer_config.json"):
            if (place / file).exists() and _json(place / file).get("auto_map"):
                foreign.append(f"auto_map in {file}")
    if foreign:
        raise InputError(
            f"The encoder {name} brings its own code ({foreign[0]}), and curatekit runs no code from a model folder. "
            "Choose an encoder that sentence-transformers knows."
        )


def _refuse_other_kinds(name: str, modules: list[dict[str, Any]]) -> None:
    if modules and not modules[0]["type"].endswith(".Transformer"):
        kind = modules[0]["type"].rsplit(".", 1)[-1]
        raise InputError(f"The encoder {name} begins with a {kind}, not with a transformer. Choose one that does.")


def _weights(name: str, places: list[Path]) -> list[Path]:
    """Return the safetensors files of all modules; pickled weights are refused, since reading them can run code."""
    found: list[Path] = []
    for place in places:
        safe = sorted(place.glob("*.safetensors"))
        pickled = sorted(place.glob("*.bin"))
        if pickled and not safe:
            raise InputError(
                f"The encoder {name} has its weights only as {pickled[0].name}, which is a pickle and could run code. "
                "Save it again with SentenceTransformer.save_pretrained, which writes model.safetensors."
            )
        found += safe
    if not found:
        raise InputError(
            f"The encoder {name} has no safetensors weights in {places[0]}. Choose one that has a model.safetensors."
        )
    return found


def _sizes(folder: Path, modules: list[dict[str, Any]]) -> _Sizes | None:
    """Return the sizes that the configuration files tell, or None when only the loaded model can tell."""
    if [module["type"].rsplit(".", 1)[-1] for module in modules] not in _SIMPLE:
        return None
    transformer = folder / modules[0]["path"]
    files = [
        transformer / "config.json",
        transformer / "tokenizer_config.json",
        folder / modules[1]["path"] / "config.json",
    ]
    if not all(file.exists() for file in files):
        return None
    shape, tokenizer, pooling = (_json(file) for file in files)
    limits = (
        _json(transformer / "sentence_bert_config.json") if (transformer / "sentence_bert_config.json").exists() else {}
    )
    # Until version 5 of sentence-transformers the limit is a setting of its own and each pooling mode is a switch.
    limit = limits.get("max_seq_length") or tokenizer.get("model_max_length")
    dimension = pooling.get("word_embedding_dimension") or pooling.get("embedding_dimension")
    switches = [mode for mode, chosen in pooling.items() if mode.startswith("pooling_mode_") and chosen is True]
    numbers = [dimension, shape.get("hidden_size"), shape.get("num_hidden_layers"), limit]
    simple = len(switches) == 1 or isinstance(pooling.get("pooling_mode"), str)
    if not simple or not all(isinstance(number, int) for number in numbers):
        return None
    positions = shape.get("max_position_embeddings") or _LENGTH_LIMIT
    hidden = shape["hidden_size"]
    return _Sizes(dimension, hidden * (shape["num_hidden_layers"] + 1), hidden, min(limit, positions))


def _sizes_when_loaded(folder: Path) -> _Sizes:
    from curatekit.encoders.forward import load_modules, tokens_read

    model = load_modules(folder, "float32", "cpu")
    dimension = int(model.get_embedding_dimension())
    config = model[0].config
    layers = config.hidden_size * (config.num_hidden_layers + 1)
    return _Sizes(dimension, layers, config.hidden_size, min(tokens_read(model), _LENGTH_LIMIT))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, FileNotFoundError) as error:
        raise InputError(
            f"{path} is missing or is not JSON, so the encoder cannot be read. Download it again."
        ) from error


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of a model's weights: of the file itself where there is one, otherwise over all of them."""
    files = sorted(folder.glob("*.safetensors"))
    if len(files) == 1:
        return sha256(files[0])
    return hashlib.sha256("".join(sha256(file) for file in files).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, remembered as long as its size and time of change stay the same."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256(path: Path, size: int, modified: int) -> str:
    return sha256_file(path)
