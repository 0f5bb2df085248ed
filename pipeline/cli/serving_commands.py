"""The command that serves masks over HTTP."""

from typing import Annotated

from cyclopts import Parameter, validators

from data.errors import InputError
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count, Device
from pipeline.cli.signals import stop_signal

PACKAGES = ("starlette", "uvicorn", "python_multipart", "prometheus_client")

NO_PACKAGES = '`serve` needs more packages: pip install "foveamask[serve]"'

Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))]


def serve(  # noqa: PLR0913  where, what, and its limits
    *,
    host: str = "127.0.0.1",
    port: Port = 8000,
    model: str = DEFAULT_MODEL,
    device: Device = "auto",
    name: Annotated[list[str] | None, Parameter(negative=())] = None,
    max_megabytes: Count = 32,
    max_megapixels: Count = 50,
    waiting: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 16,
    seconds: Count = 60,
) -> None:
    """Serve masks and cutouts over HTTP, with a page for people at the address that is shown.

    Ctrl-C and SIGTERM stop it once the requests that are being answered are done. See
    docs/how-to/serve.md for the API, which is also at /docs, and for a server behind a proxy.

    Args:
        host: address to listen on; the default can be reached from this machine only.
        port: port to listen on; 0 is any that is free.
        model: folder of a model, or the name of one that comes with the package.
        device: device to compute on; auto is a GPU if there is one.
        name: a host name under which the server is reached, such as that of a proxy; may be given
            several times. Addresses and localhost always work.
        max_megabytes: most MiB of an uploaded file.
        max_megapixels: most megapixels of a photo.
        waiting: most photos that wait for a worker; what comes beyond gets the status 503.
        seconds: longest time of a request.
    """
    try:
        from pipeline.serving.web_server import serve as run
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        raise InputError(NO_PACKAGES) from error
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.segmenter import Segmenter
    from pipeline.serving.service_limits import ServiceLimits

    keep_freed_memory()
    limits = ServiceLimits(
        max_bytes=max_megabytes * 2**20,
        max_pixels=max_megapixels * 1_000_000,
        num_waiting=waiting,
        seconds=seconds,
    )
    segmenter = Segmenter.load(model, device)
    with stop_signal():  # uvicorn raises the signal once more when it has ended
        run(host, port, segmenter, model, limits=limits, names=name or ())
