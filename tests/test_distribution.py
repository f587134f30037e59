"""What is shipped: the wheel and the sdist hold what git holds, two top-level names, and both installs work."""

from __future__ import annotations

import site
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[1]


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so there is nothing to compare the distribution with")
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


def run(*command: str | Path, **how: object) -> str:
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload]
    assert ran.returncode == 0, ran.stderr
    return str(ran.stdout)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and with the wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_the_wheel_holds_the_two_packages_and_all_their_files(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        metadata = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
        licences = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert {PurePosixPath(name).parts[0] for name in names} == {"curatekit", "curatekit_cli"}
    assert names == {name.split("/", 1)[1] for name in tracked("src", "cli")}
    assert licences
    assert "License-Expression: Apache-2.0" in metadata


def test_the_sdist_holds_what_is_needed_to_build_and_test(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {"/".join(PurePosixPath(name).parts[1:]) for name in sdist.getnames()}
    assert tracked("src", "cli", "tests", "data", "docs") <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "constraints.txt", "CHANGELOG.md"} <= names


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_it_installs_and_starts(kind: str, built: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    # the dependencies come from the environment of the tests; curatekit itself does not
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (purelib / "dependencies.pth").write_text("\n".join([sysconfig.get_path("purelib"), *site.getsitepackages()]))
    what = [next(built.glob("*.whl"))] if kind == "wheel" else ["--no-build-isolation", "--editable", ROOT]
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--force-reinstall", *what)
    where = run(python, "-c", "import curatekit, curatekit_cli; print(curatekit.__file__)", cwd=tmp_path).strip()
    assert where.startswith(str(purelib if kind == "wheel" else ROOT / "src"))
    assert "find-errors" in run(tmp_path / "env" / "bin" / "curate", "--help", cwd=tmp_path)


def test_the_version_is_one_literal() -> None:
    from importlib.metadata import version

    import curatekit

    assert curatekit.__version__ == version("curatekit")
