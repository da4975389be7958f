"""What a user sees of an error: the own lines, not the library's frames."""

import gc
import operator
import traceback
import weakref

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import errors

HERE = __file__


@tg.primitive(lambda g, _y, _x: g @ np.ones(7))
def doubled(x):
    return 2 * x


@tg.primitive(lambda g, _y, _x: missing(g))  # noqa: F821  # a name that is not there
def tripled(x):
    return 3 * x


def leaf(*shape):
    return tg.tensor(np.ones(shape), requires_grad=True)


def trained(X, y, loss):
    model = tg.nn.Linear(2, 1, rng=0)
    return tg.train.fit(model, loss, tg.optim.SGD(model.parameters()), X, y, epochs=1, batch_size=2, progress=False)


def raising(x):
    raise KeyError("of mine")


MISTAKES = {
    "operator": lambda: leaf(5, 4) @ leaf(3, 2),
    "operator from the right": lambda: np.ones((5, 4)) @ leaf(3, 2),
    "ufunc": lambda: np.add(leaf(2), leaf(3)),
    "ufunc with a parameter": lambda: np.add(leaf(2), leaf(3), dtype=np.float32),
    "function": lambda: np.concatenate([leaf(2, 3), leaf(2)]),
    "composite": lambda: np.sort(leaf(2), axis=3),
    "method": lambda: leaf(2, 3).sum(axis=5),
    "index": lambda: leaf(2)[7],
    "primitive": lambda: tg.nn.softmax(leaf(2), axis=4),
    "module": lambda: tg.nn.MLP([3, 2, 1])(leaf(2, 5)),
    "comparison": lambda: leaf(2) == np.ones(3),
    "inequality": lambda: leaf(2) != np.ones(3),
    "rare operator": lambda: leaf(2) // np.ones(3),
    "rare operator from the right": lambda: np.ones(3) // leaf(2),
    "augmented": lambda: operator.iadd(leaf(2) * 1.0, np.ones(3)),
    "write": lambda: operator.setitem(leaf(2) * 1.0, 9, 1.0),
    "write to a leaf": lambda: operator.setitem(leaf(2), 0, 1.0),
    "out=": lambda: np.add(leaf(2), 1.0, out=np.ones(2)),
    "copyto": lambda: np.copyto(np.ones(2), leaf(2)),
    "sort": lambda: (leaf(2) * 1.0).sort(axis=4),
    "fill": lambda: (leaf(2) * 1.0).fill([1.0, 2.0]),
    "flat": lambda: leaf(2).flat[9],
    "write to flat": lambda: operator.setitem(leaf(2).flat, 0, 1.0),
    "float": lambda: float(leaf(1)),
    "int": lambda: int(leaf(1)),
    "complex": lambda: complex(leaf(1)),
    "place": lambda: [1, 2][leaf(1)],
    "bool": lambda: bool(leaf(2)),
    "len": lambda: len(leaf()),
    "iteration": lambda: list(leaf()),
    "format": lambda: f"{leaf(1):nonsense}",
    "item": lambda: leaf(2).item(),
    "asarray": lambda: np.asarray(leaf(2)),
    "reshape": lambda: leaf(2).reshape(7, 7),
    "transpose": lambda: leaf(2).transpose(3, 4),
    "astype": lambda: leaf(2).astype("nonsense"),
    "compress": lambda: leaf(2).compress([True], axis=4),
    "mT": lambda: leaf(2).mT,
    "data": lambda: setattr(leaf(2), "data", np.ones(3)),
    "grad of a leaf": lambda: setattr(leaf(2), "grad", np.ones(3)),
    "requires_grad": lambda: setattr(leaf(2) * 1.0, "requires_grad", False),
    "name": lambda: setattr(leaf(2), "name", 3),
    "tensor": lambda: tg.tensor([1], requires_grad=True),
    "zeros": lambda: tg.zeros((-1,)),
    "full": lambda: tg.full(2, leaf(2)),
    "cross_entropy": lambda: tg.nn.cross_entropy(leaf(2, 2), [5, 5]),
    "binary_cross_entropy": lambda: tg.nn.binary_cross_entropy(leaf(2), [0.0, 3.0]),
    "mse_loss": lambda: tg.nn.mse_loss(leaf(2, 2), np.ones(3)),
    "optimizer": lambda: tg.optim.SGD([]),
    "lr": lambda: tg.optim.Adam([leaf(2)], lr=-1.0),
    "step": lambda: tg.optim.SGD([leaf(2)]).step(),
    "clip_grad_norm": lambda: tg.optim.clip_grad_norm([leaf(2)], -1.0),
    "fit": lambda: trained(np.ones((4, 2)), np.full((4, 1), np.nan), tg.nn.mse_loss),
    "fit, of a loss": lambda: trained(np.ones((4, 2)), np.ones((4, 3)), tg.nn.mse_loss),
    "predict": lambda: tg.train.predict(tg.nn.Linear(2, 1), np.ones((4, 3))),
    "load_state_dict": lambda: tg.optim.SGD([leaf(2)]).load_state_dict({}),
    "unsupported": lambda: np.linalg.lstsq(leaf(2, 2), leaf(2), rcond="x"),
    "grad": lambda: tg.grad(lambda x: x @ np.ones(3))(np.ones(2)),
    "hessian": lambda: tg.hessian(lambda x: np.sum(x @ np.ones((3, 3))))(np.ones(2)),
    "jvp": lambda: tg.jvp(np.sin, (np.ones(2),), (np.ones(3),)),
    "hvp": lambda: tg.hvp(np.sin, (np.ones(2),), (np.ones(2),)),
    "explain": lambda: tg.explain(leaf(2), leaf(2), 0),
    "backward": lambda: leaf(2).backward(),
}


def frames(error):
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_traceback_has_no_frame_of_ours(mistake):
    with pytest.raises((ValueError, TypeError, LookupError, RuntimeError)) as caught:
        mistake()
    assert [name for name in frames(caught.value) if name.startswith(errors.HERE)] == []
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback (most recent call last)") == 1  # nor what we tried first
    assert any("at test_tracebacks.py:" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(("op", "kind"), [(doubled, ValueError), (tripled, NameError)])
def test_a_rule_that_fails_is_shown_with_the_op_and_its_line(op, kind):
    y = np.sum(op(leaf(3)))
    with pytest.raises(kind) as caught:
        y.backward()
    assert set(frames(caught.value)) == {HERE}
    assert f"in the derivative of {op.__name__} for argument 0" in caught.value.__notes__
    assert any(note.startswith("at test_tracebacks.py:") for note in caught.value.__notes__)


@pytest.mark.parametrize(
    "derive",
    [
        lambda: tg.grad(raising)(1.0),
        lambda: tg.grad(tg.grad(raising))(1.0),
        lambda: tg.jacobian(raising)(np.ones(2)),
        lambda: tg.vjp(raising, 1.0),
        lambda: tg.hvp(raising, (1.0,), (1.0,)),
        lambda: trained(np.ones((2, 2)), np.ones((2, 1)), lambda out, _y: raising(out)),
    ],
)
def test_what_a_function_raises_ends_in_its_own_line(derive):
    with pytest.raises(KeyError) as caught:
        derive()
    assert set(frames(caught.value)) == {HERE}
    assert traceback.extract_tb(caught.value.__traceback__)[-1].line == 'raise KeyError("of mine")'


def test_causes_and_contexts_of_the_user_stay():
    def chained(x):
        try:
            raising(x)
        except KeyError:
            raise ValueError("second")  # noqa: B904  # as users do

    with pytest.raises(ValueError, match="second") as caught:
        tg.grad(chained)(1.0)
    assert isinstance(caught.value.__context__, KeyError) and not caught.value.__suppress_context__


def test_what_the_user_called_keeps_numpys_frames():
    with pytest.raises(np.linalg.LinAlgError) as caught:
        tg.grad(lambda x: x * np.linalg.inv(np.zeros((2, 2)))[0, 0])(1.0)
    assert errors.NUMPY in frames(caught.value)[-1]


def test_the_whole_traceback_is_there_if_the_environment_asks_for_it(monkeypatch):
    monkeypatch.setattr(errors, "FULL", True)
    with pytest.raises(ValueError, match="do not broadcast") as caught:
        leaf(2) + leaf(3)
    assert any(name.startswith(errors.HERE) for name in frames(caught.value))


@pytest.mark.parametrize(
    "warned",
    [
        lambda: tg.nn.cross_entropy(tg.nn.softmax(leaf(2, 2)), [0, 1]),
        lambda: tg.nn.binary_cross_entropy(tg.nn.sigmoid(leaf(2)), [0.0, 1.0]),
        lambda: trained(np.ones((2, 2)), np.ones((2, 1)), lambda out, _y: np.sum(out) * np.inf),
    ],
)
def test_a_warning_stands_at_the_line_of_the_call(warned):
    with pytest.warns(UserWarning) as seen:
        warned()
    assert {warning.filename for warning in seen} == {HERE}


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "mistake",
    [
        lambda t: t @ np.ones((3, 3)),
        lambda t: np.ones((3, 3)) @ t,
        lambda t: t + np.ones(3),
        lambda t: np.add(t, np.ones(3)),
        lambda t: np.linalg.inv(t[0]),
        lambda t: t.reshape(7, 7),
        lambda t: t.sum(axis=5),
        lambda t: t[9],
        lambda t: t == np.ones(3),
        lambda t: np.polyfit(t[0], t[0], 1),
        lambda t: operator.setitem(t * 1.0, 9, 1.0),
        lambda t: tg.nn.softmax(t, axis=5),
        lambda t: tg.nn.Linear(3, 1)(t),
        lambda t: doubled(t).sum().backward(),
        lambda t: tg.grad(lambda x: x @ t @ np.ones(3))(np.ones(2)),
        lambda t: tg.checkpoint(lambda x: x @ np.ones(3))(t),
    ],
)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.usefixtures("no_collector")
def test_an_error_that_is_gone_holds_no_array(mistake, full, monkeypatch):
    monkeypatch.setattr(errors, "FULL", full)
    t = leaf(2, 2)
    try:
        mistake(t)
    except Exception:
        held = weakref.ref(t)
    del t
    assert held() is None
