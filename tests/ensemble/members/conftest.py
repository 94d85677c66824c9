import importlib.util
from pathlib import Path

import pytest

from ensemble.members.language_model import LanguageModel


def _tiny_model():
    # Tests are imported by path, without packages, so a helper beside them is loaded by path as well.
    spec = importlib.util.spec_from_file_location("tiny_model", Path(__file__).with_name("tiny_model.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def build_tiny():
    return _tiny_model().build


@pytest.fixture(scope="session")
def tiny_folder(build_tiny, tmp_path_factory):
    return build_tiny(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny(tiny_folder):
    return LanguageModel.load(tiny_folder, device="cpu", threads=1)
