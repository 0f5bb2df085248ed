"""The files for servers: what can be checked without Docker, nginx and a running systemd."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from pipeline.cli import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def steps(kind: str) -> list[str]:
    structure = DockerfileParser(str(ROOT / "Dockerfile")).structure
    return [step["value"] for step in structure if step["instruction"] == kind]


def test_the_dockerfile_passes_its_linter():
    linter = Path(sys.executable).with_name("hadolint")

    done = subprocess.run(
        [linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_and_no_more_is_copied_into_the_image():
    copied = {word for value in steps("COPY") for word in value.split()[:-1]}
    allowed = set((ROOT / ".dockerignore").read_text().split())
    here = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks", "tests"}

    for name in here | {"pyproject.toml", "constraints.txt", "LICENSE", "README.md"}:
        assert name in copied
        assert f"!{name}" in allowed
        assert (ROOT / name).exists()


def test_the_image_runs_a_command_that_there_is_as_a_user_without_rights():
    (entry,), (command,) = steps("ENTRYPOINT"), steps("CMD")

    program, *arguments = [*json.loads(entry), *json.loads(command)]
    _, bound, *_ = app.parse_args(arguments, exit_on_error=False)

    assert program == "foveamask"
    assert bound.arguments["host"] == "0.0.0.0"
    assert steps("USER")[-1] == "10001"


def test_torch_is_installed_before_the_package_would_bring_that_of_pypi():
    installs = [value for value in steps("RUN") if "pip install" in value]

    assert installs[0].endswith("${TORCH_INDEX} torch")
    assert "whl/cpu" in steps("ARG")[0]
    assert "[serve,heic]" in installs[1]


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.service")), ids=lambda path: path.name)
def test_units_are_understood_and_start_a_command_that_there_is(path: Path, tmp_path: Path):
    (command,) = re.findall(r"^ExecStart=(.*)$", path.read_text(), re.MULTILINE)
    program, *arguments = command.split()

    _, bound, *_ = app.parse_args(arguments, exit_on_error=False)

    assert bound is not None
    assert program == "/opt/foveamask/bin/foveamask"
    if shutil.which("systemd-analyze"):
        unit = tmp_path / path.name
        unit.write_text(path.read_text().replace(program, sys.executable))
        verify = ["systemd-analyze", "verify", str(unit)]
        done = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_proxies_pass_on_larger_uploads_and_wait_longer_than_the_server():
    nginx, caddy = (DEPLOY / "nginx.conf").read_text(), (DEPLOY / "Caddyfile").read_text()
    served, _, _ = app["serve"].parse_args([], exit_on_error=False)

    defaults = served.__kwdefaults__
    assert f"proxy_pass http://127.0.0.1:{defaults['port']};" in nginx
    assert f"reverse_proxy 127.0.0.1:{defaults['port']}" in caddy
    for text, pattern in ((nginx, r"client_max_body_size (\d+)m"), (caddy, r"max_size (\d+)MB")):
        assert int(re.search(pattern, text)[1]) > 2 * defaults["max_megabytes"]
    assert int(re.search(r"proxy_read_timeout (\d+)s", nginx)[1]) > defaults["seconds"]
