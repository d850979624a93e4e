"""What every test may use."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

settings.register_profile("wingbeat", print_blob=True, deadline=None)
settings.load_profile("wingbeat")
os.environ.setdefault("MPLBACKEND", "Agg")  # no window opens during a test
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job; processes that tests start would ignore Ctrl-C, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "mnist_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("mnist")


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with the four IDX files, packed with gzip or not."""
    folder = Path(os.environ.get("WINGBEAT_MNIST", ROOT / "../shared/data/mnist"))
    names = {f.name.removesuffix(".gz") for f in folder.iterdir()} if folder.is_dir() else set()
    if not names.issuperset(MNIST_FILES):
        pytest.skip("needs the four MNIST files; set WINGBEAT_MNIST to their folder")
    return folder
