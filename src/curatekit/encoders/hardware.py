"""What the machine can compute: the device, and the precision that `auto` stands for."""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path


def device(backend: str) -> str:
    """Return "cuda" where torch can use a GPU, else "cpu". Torch is asked, and so imported, only where there is a driver."""
    if backend != "torch" or not Path("/proc/driver/nvidia/version").exists():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def precision(asked: str, device: str) -> tuple[str, str]:
    """Return the precision to compute in, and the reason in words."""
    if asked != "auto":
        return asked, "it was asked for"
    if device == "cuda":
        import torch

        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16", "the GPU has bfloat16"
        return "float32", "the GPU has no bfloat16"
    for flag in ("amx_bf16", "avx512_bf16"):
        if flag in processor_flags():
            return "bfloat16", f"the CPU has {flag}"
    return "float32", "the CPU has neither avx512_bf16 nor amx_bf16"


@functools.cache
def processor_flags() -> frozenset[str]:
    """Return the feature flags of the processor, as Linux names them; elsewhere none."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()
