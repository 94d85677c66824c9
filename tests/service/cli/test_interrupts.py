"""Ctrl-C at awkward moments."""

import pytest

from service.cli.interrupts import plain_interrupts


class _Pressed:
    """Is pressed while a class that uses it is being made."""

    def __set_name__(self, owner, name):
        raise KeyboardInterrupt


def test_ctrl_c_while_a_class_is_made_is_ctrl_c():
    """Pressed while a module is loaded that makes dataclasses, Ctrl-C comes out as itself, not as a RuntimeError."""
    with pytest.raises(KeyboardInterrupt), plain_interrupts():
        type("Loaded", (), {"field": _Pressed()})


def test_other_errors_come_through():
    """A RuntimeError of another cause stays what it is."""
    with pytest.raises(RuntimeError, match="real") as found, plain_interrupts():
        raise RuntimeError("a real one") from ValueError("its cause")
    assert isinstance(found.value.__cause__, ValueError)
