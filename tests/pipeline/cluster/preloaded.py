"""What a worker of the tests loads first: photos take some time, and some of them kill it."""

import os
import time
from typing import Any

from pipeline.inference.photo_work import Worker
from pipeline.inference.segmenter import Segmenter
from pipeline.training import patch_share
from pipeline.training.patch_extraction import sample_patches


def dask_setup(worker: Any) -> None:
    read, load = Worker.read, Segmenter.load.__func__

    def slow_read(self: Worker, work: Any) -> Any:
        time.sleep(0.02)
        if "deadly" in work.photo.name:
            os._exit(1)
        return read(self, work)

    def counted_load(cls: type, *arguments: Any) -> Any:
        with open(f"loads-{os.getpid()}.txt", "a") as file:  # noqa: PTH123  in the worker's folder
            file.write("loaded\n")
        return load(cls, *arguments)

    def slow_patches(*arguments: Any) -> Any:
        time.sleep(0.03)
        return sample_patches(*arguments)

    patch_share.sample_patches = slow_patches
    Worker.read = slow_read
    Segmenter.load = classmethod(counted_load)
