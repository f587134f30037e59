"""What may import what. Data flows one way: nothing imports from a later layer, not even inside a function."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from docs.make_reference import commands

ROOT = Path(__file__).resolve().parents[1]

# Each name is a module or a package of curatekit; a layer imports only from itself and from those before it.
LAYERS = [
    {"errors", "arrays", "generation", "intervals", "probabilities", "registry", "reporting", "__init__"},
    {"files", "hub", "images"},
    {"run", "cache", "dataset", "votes", "writers"},
    {"readers", "specs"},
    {"encoders", "embed", "index", "linkage", "hf", "hf_encoder", "hf_generate", "hf_sft", "hf_smoke", "hf_vlm"},
    {"predict"},
    {"artifacts", "probed"},
    {"scores", "information"},
    {"plot"},
    {"annotators", "compare_labels", "health", "label_cells", "multilabel", "preferences", "targets", "label_errors"},
    {"audit", "fix", "specify"},
    {"evaluate"},
    {"train"},
    {"select"},
    {"guided"},
    {"report", "review"},
]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}
HEAVY = ["numpy", "torch", "transformers", "sentence_transformers", "sklearn", "faiss", "polars", "cleanlab", "peft", "tqdm", "starlette", "jinja2", "uvicorn"]  # fmt: skip


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere outside `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


LIBRARY = ROOT / "src" / "curatekit"
SOURCES = sorted(LIBRARY.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_a_module_imports_only_from_layers_before_it(path: Path) -> None:
    own = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
    assert own in LEVEL, f"{own} is in no layer: add it to LAYERS"
    for module in imported(path):
        if module.startswith("curatekit.") and own != "__init__":
            other = module.split(".")[1]
            assert LEVEL.get(other, -1) <= LEVEL[own], f"{own} imports {other}, which is to its right"
        assert module.split(".")[0] not in ("click", "curatekit_cli"), "the library knows no terminal"


def test_the_library_never_prints() -> None:
    for path in SOURCES:
        calls = [n.func for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
        assert not any(isinstance(call, ast.Name) and call.id == "print" for call in calls), path


@pytest.mark.parametrize("command", [[], *(name.split() for name in commands())], ids=lambda c: " ".join(c) or "curate")
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys\nfrom curatekit_cli.main import main\n"
        f"try: main({[*command, '--help']!r})\nexcept SystemExit as end: assert not end.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\nsys.exit(f'imported {{heavy}}' if heavy else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Usage: " in ran.stdout


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, curatekit; sys.exit(any(name in sys.modules for name in {HEAVY!r}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


FORBIDDEN = (
    "eval(",
    "exec(",
    "yaml.load(",
    "yaml.unsafe_load(",
    "np.random.seed(",
    "torch.load(",
    "torch.manual_seed(",
)


def test_forbidden_calls_are_nowhere() -> None:
    """No pickle, no code from data, no reseeding of the caller: see the never-list in CONTRIBUTING."""
    for path in [*SOURCES, *(ROOT / "cli").rglob("*.py")]:
        assert not {"pickle", "joblib", "dill"} & imported(path), path
        for call in (
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
        ):
            assert f"{ast.unparse(call.func)}(" not in FORBIDDEN, (path, call.lineno)
            unsafe = {
                (k.arg, True) for k in call.keywords if isinstance(k.value, ast.Constant) and k.value.value is True
            }
            assert not unsafe & {("allow_pickle", True), ("shell", True), ("trust_remote_code", True)}, (
                path,
                call.lineno,
            )
