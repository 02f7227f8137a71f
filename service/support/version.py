"""The version of this package."""

from importlib.metadata import PackageNotFoundError, version


def package_version() -> str:
    """The installed version; "0" when run from a checkout that is not installed."""
    try:
        return version("withthis")
    except PackageNotFoundError:
        return "0"
