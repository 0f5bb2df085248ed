"""Run nginx and Caddy in front of `foveamask serve` with the files of this folder, and check them.

    python deploy/try_proxies.py PHOTO

Needs nginx, caddy and openssl (Debian has them). Ports, certificates and the password are replaced
by ones of this machine; everything else is as in the files. Exits with 1 if something is wrong.
"""

import argparse
import base64
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
NAME, USER, PASSWORD = "masks.example.com", "shop", "secret"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


@contextmanager
def running(*command: str) -> Iterator[None]:
    """Run a program until the block ends."""
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    """Wait until something listens on `port`."""
    for _ in range(600):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


def form(photo: bytes) -> tuple[bytes, str]:
    """Return the body of a form with a photo, and its type."""
    edge = b"------foveamask"
    head = b'\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    body = edge + head + photo + b"\r\n" + edge + b"--\r\n"
    return body, f"multipart/form-data; boundary={edge[2:].decode()}"


def call(url: str, *, photo: bytes | None = None, password: str | None = None) -> tuple[int, bytes]:
    """Return the status and the content of an answer, whoever signed the certificate."""
    request = urllib.request.Request(url, headers={"Host": NAME})
    if photo is not None:
        request.data, kind = form(photo)
        request.add_header("Content-Type", kind)
    if password is not None:
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, context=context, timeout=90) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def replaced(text: str, ours: str, here: str) -> str:
    """Return `text` with `here` in place of `ours`, which must be in it."""
    if ours not in text:
        raise SystemExit(f"{ours} is not in the file")
    return text.replace(ours, here)


def check(proxy: str, url: str, photo: bytes, wanted: bytes) -> bool:
    """Print what the proxy at `url` does, and return whether it is right."""
    found = {
        "no password": call(url + "/v1/masks", photo=photo)[0] == 401,
        "wrong password": call(url + "/v1/masks", photo=photo, password="x")[0] == 401,
        "same mask": call(url + "/v1/masks", photo=photo, password=PASSWORD) == (200, wanted),
        "page": b"<html" in call(url + "/", password=PASSWORD)[1],
        "metrics hidden": call(url + "/metrics", password=PASSWORD)[0] == 404,
        # Above the server's 32 MiB, below the proxy's limit: the server says what is wrong.
        "large photo": call(url + "/v1/masks", photo=bytes(40 << 20), password=PASSWORD)[0] == 413,
    }
    for what, is_right in found.items():
        print(f"{proxy}: {what}: {'ok' if is_right else 'WRONG'}")
    return all(found.values())


def try_nginx(folder: Path, upstream: int, photo: bytes, wanted: bytes) -> bool:
    """Run nginx with our file and check it."""
    port, key, certificate = free_port(), folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True, text=True
    )
    (folder / "masks.htpasswd").write_text(f"{USER}:{hashed.stdout}")
    site = (HERE / "nginx.conf").read_text()
    for ours, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        "/etc/ssl/certs/masks.example.com.pem": str(certificate),
        "/etc/ssl/private/masks.example.com.key": str(key),
        "/etc/nginx/masks.htpasswd": str(folder / "masks.htpasswd"),
    }.items():
        site = replaced(site, ours, here)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; user root; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body;\n"
        f"include {folder}/site.conf; }}\n"
    )
    subprocess.run(["nginx", "-t", "-c", str(folder / "nginx.conf")], check=True)
    with running("nginx", "-c", str(folder / "nginx.conf")):
        wait_for(port)
        return check("nginx", f"https://127.0.0.1:{port}", photo, wanted)


def try_caddy(folder: Path, upstream: int, photo: bytes, wanted: bytes) -> bool:
    """Run Caddy with our file and check it; without TLS, for which it would ask an authority."""
    port = free_port()
    hashed = subprocess.run(
        ["caddy", "hash-password", "--plaintext", PASSWORD],
        check=True,
        capture_output=True,
        text=True,
    )
    site = (HERE / "Caddyfile").read_text()
    for ours, here in {
        "masks.example.com {": f"http://masks.example.com:{port} {{",
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        "PASSWORD_HASH": hashed.stdout.strip(),
    }.items():
        site = replaced(site, ours, here)
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + site)
    with running("caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")):
        wait_for(port)
        return check("caddy", f"http://127.0.0.1:{port}", photo, wanted)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the proxies; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    photo = parser.parse_args(arguments).photo.read_bytes()
    missing = [name for name in ("nginx", "caddy", "openssl") if shutil.which(name) is None]
    if missing:
        parser.error(f"not installed: {', '.join(missing)}")
    port = free_port()
    server = ("-m", "pipeline", "serve", "--port", str(port), "--name", NAME, "--device", "cpu")
    with tempfile.TemporaryDirectory() as folder, running(sys.executable, *server):
        wait_for(port)
        status, wanted = call(f"http://127.0.0.1:{port}/v1/masks", photo=photo)
        if status != 200:
            raise SystemExit(f"the server alone answers {status}: {wanted[:200]!r}")
        right = [tried(Path(folder), port, photo, wanted) for tried in (try_nginx, try_caddy)]
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
