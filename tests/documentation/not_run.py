"""Which steps of the pages no test runs, and why; all others are run."""

PROGRAMS = {
    "pip": "installs packages",
    "pipx": "installs packages",
    "uv": "installs packages",
    "uvx": "installs packages",
    "npm": "installs packages",
    "dotnet": "installs packages",
    "python3": "makes a virtual environment",
    "source": "enters it",
    "/opt/foveamask/bin/pip": "installs packages",
    "systemctl": "needs root and systemd",
    "useradd": "needs root, and adds a user",
    "install": "needs root, and makes folders for that user",
    "docker": "needs Docker",
    "debootstrap": "needs root, and makes a Debian",
    "labelme": "needs a screen and a person",
    "rsync": "needs another computer",
    "for": "needs other computers",
    "parallel": "needs GNU parallel, and other computers or GPUs",
    "job=$(sbatch": "needs a cluster with SLURM",
    "sbatch": "needs a cluster with SLURM",
    "dask": "servers in the foreground of other computers; tests/pipeline/cluster starts them",
}
"""Programs that are not run, by the first word of a command."""

STEPS_BY_REASON = {
    "needs a cluster, and tests/pipeline/cluster runs it on one": [
        "foveamask predict /share/photos /share/masks --cluster tcp://10.0.0.1:8786"
        " --csv masks.csv.gz",
        "foveamask make-patches /share/data /share/run --cluster tcp://10.0.0.1:8786",
    ],
    "needs all extras": ["python -m benchmarks.extras_size"],
    "fetches onnxruntime-web by npm": ["foveamask export --page DIR"],
    "needs a network and ImageMagick": [
        "curl -s https://example.org/car.jpg | foveamask predict - - | magick - -resize 50%"
        " small.png"
    ],
    "a server of other people, in the foreground": ["python -m http.server --directory DIR"],
    "needs nginx and Caddy": ["python deploy/try_proxies.py photo.jpg"],
    "needs a Debian, and root": [
        'python deploy/try_dockerfile.py /tmp/base /tmp/work --build-arg "TORCH_INDEX=--find-links'
        ' /wheels" --copy torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl=/wheels/'
        "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    ],
    "trains for an hour and more": [
        "python -m benchmarks.peers CARVANA OUT --minutes 20"
        " --peers enet-480x320,unet-480x320,linknet-480x320",
        "python -m benchmarks.peers DATA OUT",
        "python -m benchmarks.cross_validation DATA OUT --config settings.toml",
    ],
    "measures for minutes": [
        "python -m benchmarks.speed OUT --data CARVANA --every 8",
        "python -m benchmarks.speed OUT --data DATA --model RUN/model",
        "python -m benchmarks.review_trials CARVANA",
        "python -m benchmarks.stroke_times CARVANA/train --most 4",
    ],
}
"""Commands that are not run though others of their program are, as they stand on a page."""

STEPS = {text for texts in STEPS_BY_REASON.values() for text in texts}
