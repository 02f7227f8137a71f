"""The Ray cluster that an ingest runs on, and each encoder's share of it."""

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import ray
import ray.data

from service.errors import ConfigurationError

_OBJECT_STORE_BYTES = 2**30
_KNOCK_S = 5.0


@dataclass(frozen=True, slots=True)
class RayOptions:
    """`address`: a cluster, else that of `RAY_ADDRESS`, else one is started on this machine and ended again.

    `encoders`: how many work concurrently; None: one for each GPU, without GPUs one for every two CPUs. `device`
    is that of the settings: with `cuda` each encoder gets a GPU, with `auto` if the cluster has any.
    """

    address: str | None = None
    encoders: int | None = None
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class EncoderPool:
    """How many encoders there are, and the CPUs and GPUs of each."""

    size: int
    num_cpus: int
    num_gpus: int


@contextmanager
def connected(options: RayOptions) -> Iterator[EncoderPool]:
    """Connect to Ray, or start it here; a connection that this process has already is used and left open.

    Raises `ConfigurationError` if there is no such cluster, or too little in it.
    """
    ours = not ray.is_initialized()
    if ours:
        _connect(options)
    try:
        yield choose_pool(options, ray.cluster_resources())
    finally:
        if ours:
            ray.shutdown()


def _connect(options: RayOptions) -> None:
    address = options.address or os.environ.get("RAY_ADDRESS")
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    _quieten_ray_data()
    try:
        if address:
            _knock(address)
            ray.init(address, **quiet)
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        cpus = max(os.cpu_count() or 1, (options.encoders or 1) + 1)
        store = {"object_store_memory": _OBJECT_STORE_BYTES}
        ray.init("local", num_cpus=cpus, include_dashboard=False, **store, **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            "No connection to Ray. Check WITHTHIS_RAY_ADDRESS and RAY_ADDRESS, and that the cluster runs. Without "
            "them, Ray is started on this machine, where it keeps a token in the home folder and its logs in /tmp/ray."
        ) from error


def _knock(address: str) -> None:
    """OSError if nobody listens at an address with a port; Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()


def _quieten_ray_data() -> None:
    """Its plans and hints stay in its log file; on the terminal they would break into the progress bar.

    Only Ray's own handlers: one that somebody else has put there may serve other loggers, too.
    """
    for handler in logging.getLogger(ray.data.__name__).handlers:
        own = type(handler).__module__.startswith("ray.")
        if own and isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL)


def choose_pool(options: RayOptions, there: Mapping[str, float]) -> EncoderPool:
    """The encoders' share of the resources that are `there`: one CPU each, for the images' way to the model.

    Raises `ConfigurationError` where no CPU would be left for reading images.
    """
    cpus, gpus = there.get("CPU", 0.0), there.get("GPU", 0.0)
    on_gpus = options.device.startswith("cuda") or (options.device == "auto" and gpus >= 1)
    size = options.encoders or (int(gpus) if on_gpus else max(1, int(cpus) // 2))
    # Numbers given by hand are trusted: a cluster may grow when work waits.
    if options.encoders is None and (size < 1 or cpus <= size):
        raise ConfigurationError(
            f"The Ray cluster has {cpus:g} CPUs and {gpus:g} GPUs. An encoder needs one CPU (and one GPU with "
            "WITHTHIS_ENCODER_DEVICE=cuda), and reading images one more. If the cluster scales automatically, "
            "set the number of encoders with WITHTHIS_RAY_ENCODERS."
        )
    return EncoderPool(size, num_cpus=1, num_gpus=int(on_gpus))
