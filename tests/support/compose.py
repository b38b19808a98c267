"""docker compose with the project's docker-compose.yml."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.manage import PROJECT

COMPOSE = PROJECT / "docker-compose.yml"


def compose(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What docker compose says, which may know nothing of this process's own environment."""
    return run_alone(*_program(), "--file", str(COMPOSE), *words, env=env)


@cache
def _program() -> tuple[str, ...]:
    """That of scripts/install_services; else the plug-in of an installed docker."""
    beside_python = Path(sys.executable).with_name("docker-compose")
    if beside_python.exists():
        return (str(beside_python),)
    docker = shutil.which("docker")
    if docker is None or run_alone(docker, "compose", "version", env={}).returncode:
        pytest.skip("docker compose is not installed (scripts/install_services)")
    return docker, "compose"


def run_alone(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command that learns of this process's environment only where programs are."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ
    }
    return subprocess.run(
        command, env={**kept, **env}, cwd=PROJECT, capture_output=True, text=True, check=False
    )
