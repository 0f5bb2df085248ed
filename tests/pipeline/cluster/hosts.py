"""Hosts on this machine: network namespaces on one bridge, each with a link that can be cut."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

INTERFACE = "shared0"
"""Of each host, see `preloaded`."""


@dataclass(frozen=True)
class Host:
    """A network namespace."""

    hub: str
    """Namespace of the bridge that all hosts are at."""
    namespace: str
    number: int

    @property
    def address(self) -> str:
        return f"10.99.0.{self.number}"

    @property
    def prefix(self) -> tuple[str, ...]:
        """Before a command, so that it runs on this host."""
        return ("ip", "netns", "exec", self.namespace)

    @property
    def port(self) -> str:
        """The end of its link that is at the bridge."""
        return f"port{self.number}"

    def cut(self) -> None:
        """Cut its link: what is sent is lost, and nobody is told."""
        ip("-n", self.hub, "link", "set", self.port, "down")


@contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """Hosts that reach each other and nothing else, until the block ends; skips without rights."""
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need `ip`, of Debian's package iproute2")
    hub = f"foveamask{os.getpid()}"
    with ExitStack() as stack:
        try:
            stack.enter_context(namespace(hub))
            ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces can be made here: {error.stderr.strip()}")
        ip("-n", hub, "link", "set", "bridge", "up")
        made = [Host(hub, f"{hub}-{name}", i + 1) for i, name in enumerate(names)]
        for host in made:
            stack.enter_context(namespace(host.namespace))
            plug_in(host)
        yield made


@contextmanager
def namespace(name: str) -> Iterator[None]:
    ip("netns", "add", name)
    try:
        yield
    finally:
        ip("netns", "delete", name)


def plug_in(host: Host) -> None:
    """Give a host its link to the bridge, and an address."""
    peer = ("peer", "name", INTERFACE, "netns", host.namespace)
    ip("-n", host.hub, "link", "add", host.port, "type", "veth", *peer)
    ip("-n", host.hub, "link", "set", host.port, "master", "bridge", "up")
    ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", INTERFACE)
    for interface in ("lo", INTERFACE):
        ip("-n", host.namespace, "link", "set", interface, "up")


def ip(*arguments: str) -> None:
    command: Sequence[str] = ("ip", *arguments)
    subprocess.run(command, check=True, capture_output=True, text=True)
