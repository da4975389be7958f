"""The table of what takes tensors: complete on any version of NumPy, and true."""

import subprocess
import sys

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.coverage import MEANINGS, Row, Support
from tensorgrad.op import OPS


@pytest.fixture(scope="module")
def rows():
    return tg.support()


def test_every_public_function_and_method_of_numpy_is_classified(rows):
    assert [row.name for row in rows if row.kind == "unknown"] == []


def test_every_refusal_gives_its_reason(rows):
    assert [row.name for row in rows if row.kind in ("refused", "undispatched") and not row.note] == []


def test_most_functions_are_differentiable(rows):
    counts = rows.counts()
    assert set(counts) <= {*MEANINGS, "method"}
    assert counts["rules"] + counts["composite"] > 250


def test_the_table_prints_with_its_counts(rows):
    text = str(rows)
    assert "np.tanh" in text and f"names in NumPy {np.__version__}" in text
    assert str(Support([Row("np.f", "refused", "for a reason")])).startswith("np.f  refused: for a reason")


def test_a_refused_function_raises_with_its_reason(rows):
    refused = [fn for fn, op in OPS.items() if op.kind == "refused"]
    x = tg.tensor(np.ones((2, 2)), requires_grad=True)
    for fn in refused:
        with pytest.raises(TypeError, match="does not take tensors"):
            tg.Tensor.record(fn, (x,), {})


@pytest.mark.parametrize("name", [n for n in dir(np.ndarray) if not n.startswith("_")])
def test_a_method_is_there_or_says_what_to_write_instead(name):
    t = tg.tensor(np.ones((2, 2)), requires_grad=True) * 1.0
    if not hasattr(tg.Tensor, name):
        with pytest.raises(AttributeError, match=r"take |write |assign |make it"):
            getattr(t, name)


def test_scipys_functions_register_themselves_at_the_first_call():
    special = pytest.importorskip("scipy.special")
    x = tg.tensor([0.3, -0.5], requires_grad=True)
    special.erf(x).sum().backward()
    np.testing.assert_allclose(x.grad, 2 / np.sqrt(np.pi) * np.exp(-(x.data**2)))


def test_scipy_is_not_imported_by_us():
    code = "import sys, numpy as np, tensorgrad as tg; np.sin(tg.tensor(1.0)); tg.nn; print('scipy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
