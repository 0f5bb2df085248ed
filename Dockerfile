# foveamask serve in a container, with the CPU build of torch: docs/how-to/deploy.md

FROM python:3.11-slim-bookworm AS build
RUN python3 -m venv /opt/foveamask
ENV PATH=/opt/foveamask/bin:$PATH
WORKDIR /src
# torch first and from its own index, since that of PyPI brings 2.5 GB of CUDA along. In a layer of
# its own, it is not downloaded again when only foveamask has changed.
COPY constraints.txt ./
ARG TORCH_INDEX="--index-url https://download.pytorch.org/whl/cpu"
# hadolint ignore=SC2086
RUN pip install --no-cache-dir -c constraints.txt ${TORCH_INDEX} torch
COPY pyproject.toml README.md LICENSE ./
COPY foveamask ./foveamask
COPY data ./data
COPY coarse ./coarse
COPY refine ./refine
COPY pipeline ./pipeline
RUN pip install --no-cache-dir -c constraints.txt ".[serve,heic]"
# What is of no use once everything is installed: headers of torch, tests of others, pip itself.
RUN site=$(python3 -c "import sysconfig; print(sysconfig.get_path('purelib'))") \
    && rm -rf "$site"/torch/include "$site"/torch/share "$site"/torch/test "$site"/pip "$site"/pip-* \
    && find "$site"/numpy "$site"/scipy "$site"/skimage -type d -name tests -prune -exec rm -rf {} +

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home foveamask
COPY --from=build /opt/foveamask /opt/foveamask
ENV PATH=/opt/foveamask/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["foveamask"]
CMD ["serve", "--host", "0.0.0.0"]
