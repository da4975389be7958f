"""Optimizers: the update rules of the documents, and the driver."""

import copy
import pickle

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import optim

CASES = [
    (optim.SGD, optim.sgd, {"lr": 0.1}),
    (optim.SGD, optim.sgd, {"lr": 0.1, "momentum": 0.8}),
    (optim.SGD, optim.sgd, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    (optim.Momentum, optim.momentum, {"lr": 0.1, "beta": 0.8}),
    (optim.RMSProp, optim.rmsprop, {"lr": 0.1, "beta": 0.8}),
    (optim.Adam, optim.adam, {"lr": 0.1, "betas": (0.8, 0.99)}),
]
IDS = ["sgd", "classical momentum", "nesterov", "momentum", "rmsprop", "adam"]


def by_hand(name, p, gradients):
    """The documents' updates, in the scalar form that they print."""
    v = s = 0.0
    for t, g in enumerate(gradients, 1):
        if name == "sgd":
            p -= 0.1 * g
        elif name == "classical momentum":
            v = 0.8 * v + g
            p -= 0.1 * v
        elif name == "nesterov":
            g = g + 0.01 * p
            v = 0.8 * v + g
            p -= 0.1 * (g + 0.8 * v)
        elif name == "momentum":
            v = 0.8 * v + (1 - 0.8) * g
            p -= 0.1 * v
        elif name == "rmsprop":
            s = 0.8 * s + (1 - 0.8) * g**2
            p -= 0.1 * g / (s**0.5 + 1e-8)
        elif name == "adam":
            v, s = 0.8 * v + (1 - 0.8) * g, 0.99 * s + (1 - 0.99) * g**2
            p -= 0.1 * (v / (1 - 0.8**t)) / ((s / (1 - 0.99**t)) ** 0.5 + 1e-8)
    return p


def slope(p):
    """The gradient of the test's loss, a fourth power."""
    return 4 * p**3 + 0.5


@pytest.mark.parametrize(("kind", "update", "options"), CASES, ids=IDS)
def test_the_pure_update_and_the_driver_agree_with_the_documents(kind, update, options, request):
    start, gradients = 0.7, [0.3, -1.2, 0.05, 2.0]
    expected = by_hand(request.node.callspec.id, start, gradients)
    pure, state = start, None
    leaf = tg.tensor(start, requires_grad=True)
    driver = kind([leaf], **options)
    for g in gradients:
        pure, state = update(pure, g, state, **options)
        leaf.grad = np.array(g)
        driver.step()
    np.testing.assert_allclose([pure, leaf.item()], expected, rtol=1e-13)


@pytest.mark.parametrize(("kind", "_update", "options"), CASES, ids=IDS)
def test_a_saved_state_goes_on_as_if_nothing_had_happened(kind, _update, options):
    def steps(p, driver, n):
        for _ in range(n):
            p.grad = slope(p.data)
            driver.step()
        return p.data

    p = tg.tensor([1.0, -0.5], requires_grad=True)
    driver = kind([p], **options)
    steps(p, driver, 3)
    q = tg.tensor(p.data, requires_grad=True)
    twin = kind([q], **{**options, "lr": 0.9})
    twin.load_state_dict({name: np.asarray(value) for name, value in driver.state_dict().items()})
    # A state has the averages as the documents define them, an optimizer keeps them without their factors.
    np.testing.assert_allclose(steps(p, driver, 3), steps(q, twin, 3), rtol=1e-14)


@pytest.mark.parametrize(("kind", "update", "options"), CASES, ids=IDS)
def test_updates_keep_float32(kind, update, options):
    p = tg.tensor(np.ones(3, np.float32), requires_grad=True)
    driver = kind([p], **{**options, "lr": np.float64(0.1)})
    for _ in range(2):
        p.grad = np.full(3, 0.5, np.float32)
        driver.step()
    assert p.dtype == np.float32
    assert {v.dtype for name, v in driver.state_dict().items() if name[-1] in "vs"} <= {np.dtype(np.float32)}


@pytest.mark.parametrize(("kind", "update", "options"), CASES, ids=IDS)
def test_updates_can_be_differentiated_in_the_learning_rate(kind, update, options):
    def after_three_steps(lr):
        p, state = tg.tensor(0.9), None
        for _ in range(3):
            p, state = update(p, slope(p), state, **{**options, "lr": lr})
        return p

    lr, h = 0.05, 1e-6
    t = tg.tensor(lr, requires_grad=True)
    (g,) = tg.gradients(after_three_steps(t), [t])
    expected = (after_three_steps(lr + h).item() - after_three_steps(lr - h).item()) / (2 * h)
    np.testing.assert_allclose(g, expected, rtol=1e-7)  # the difference quotient is good to h**2


def test_the_learning_rate_may_be_changed_in_mid_training():
    p = tg.tensor(1.0, requires_grad=True)
    driver = optim.SGD([p], lr=0.1)
    for lr in (0.1, 0.5):
        driver.lr = lr
        p.grad = np.array(1.0)
        driver.step()
    np.testing.assert_allclose(p.item(), 0.4)


def test_zero_grad_sets_gradients_to_none():
    p = tg.tensor(1.0, requires_grad=True)
    driver = optim.SGD([p])
    (p * 2).backward()
    driver.zero_grad()
    assert p.grad is None


def test_step_names_a_parameter_that_has_no_gradient_and_changes_nothing():
    model = tg.nn.MLP([2, 2, 1], rng=0)
    before = model.state_dict()
    driver = optim.Adam(model.parameters())
    model.layers[0](np.ones((1, 2))).sum().backward()
    with pytest.raises(
        RuntimeError, match=r"layers.1.weight requires a gradient and has none at step\(\): call backward"
    ):
        driver.step()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_step_skips_frozen_parameters():
    a, b = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    driver = optim.SGD([a, b], lr=1.0)
    (a + b).backward()
    b.requires_grad = False
    driver.step()
    assert (a.item(), b.item()) == (0.0, 1.0)


def test_backward_after_a_step_on_a_graph_from_before_it_names_the_changed_parameter():
    w = tg.tensor([2.0], requires_grad=True, name="w")
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optim.SGD([w]).step()
    with pytest.raises(RuntimeError, match="the data of 'w' was replaced after multiply had used it"):
        loss.backward()


def test_a_shared_parameter_is_updated_once():
    p = tg.tensor(1.0, requires_grad=True)
    driver = optim.SGD([p, p], lr=0.1)
    p.grad = np.array(1.0)
    driver.step()
    assert p.item() == 0.9


def test_clip_grad_norm_scales_all_gradients_together_and_returns_the_norm_before():
    a, b = tg.tensor([0.0, 0.0], requires_grad=True), tg.tensor(0.0, requires_grad=True)
    a.grad, b.grad = np.array([3.0, 0.0]), np.array(4.0)
    assert optim.clip_grad_norm([a, b], 1.0) == 5.0
    np.testing.assert_allclose([*a.grad, b.grad], [0.6, 0, 0.8])
    assert optim.clip_grad_norm([a, b], 10.0) == pytest.approx(1.0)
    np.testing.assert_allclose(a.grad, [0.6, 0])


def test_clip_grad_norm_leaves_infinite_gradients_to_be_seen():
    a = tg.tensor([0.0], requires_grad=True)
    a.grad = np.array([np.inf])
    assert optim.clip_grad_norm([a], 1.0) == np.inf and np.isinf(a.grad).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.SGD([]), ValueError, "at least one parameter"),
        (lambda p: optim.SGD([np.ones(2)]), TypeError, "parameter 0 is not a tensor that requires a gradient"),
        (lambda p: optim.SGD(tg.nn.Linear(2, 2)), TypeError, r"pass the parameters of Linear.*model.parameters\(\)"),
        (lambda p: optim.SGD([p], lr=-1), ValueError, "learning rate must be a number from 0 upwards, got -1.0"),
        (lambda p: optim.SGD([p], lr=np.nan), ValueError, "got nan"),
        (lambda p: optim.SGD([p], nesterov=True), ValueError, "nesterov needs a momentum"),
        (lambda p: optim.Momentum([p], beta=1.0), ValueError, r"beta must lie in \[0, 1\), got 1.0"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.5)), ValueError, "beta2 must lie in"),
        (lambda p: optim.clip_grad_norm([p], 0), ValueError, "max_norm must be positive"),
    ],
)
def test_bad_settings_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(tg.tensor(1.0, requires_grad=True))


def test_a_state_of_other_parameters_is_refused():
    p, q = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor(1.0, requires_grad=True)
    one, two = optim.Adam([p]), optim.Adam([q])
    p.grad = np.ones(2)
    one.step()
    with pytest.raises(ValueError, match=r"0.v has shape \(2,\), parameter 0 has \(\)"):
        two.load_state_dict(one.state_dict())
    with pytest.raises(KeyError, match=r"the state has 0.t, 0.v, which SGD|the state has 0.s, 0.t"):
        optim.SGD([q]).load_state_dict(one.state_dict())


def test_optimizers_can_be_pickled_and_copied_together_with_their_model():
    model = tg.nn.Linear(2, 1, rng=0)
    driver = optim.Adam(model.parameters())
    for twin_model, twin in (copy.deepcopy((model, driver)), pickle.loads(pickle.dumps((model, driver)))):
        twin_model(np.ones((1, 2))).sum().backward()
        twin.step()
        assert not np.array_equal(twin_model.weight.data, model.weight.data)


def test_a_step_is_noticed_also_where_the_graph_read_a_view_of_the_parameter():
    w, x = tg.tensor([[2.0, 3.0]], requires_grad=True, name="w"), tg.tensor([[1.0, 1.0]], requires_grad=True)
    driver = optim.SGD([w])
    for _ in range(2):  # from the first step on, the parameter's array is changed in place
        loss = (w.T * x).sum()
        loss.backward(retain_graph=True)
        driver.step()
    with pytest.raises(RuntimeError, match="the data of 'w' was replaced after multiply had used it"):
        loss.backward()


def test_an_array_that_the_user_assigned_is_never_written_to():
    model, mine = tg.nn.Linear(2, 1, rng=0), np.ones((2, 1))
    driver = optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        model.weight.data = mine
        model(np.ones((1, 2))).sum().backward()
        driver.step()
        driver.zero_grad()
        np.testing.assert_array_equal(model.weight.data, [[0.5], [0.5]])
    np.testing.assert_array_equal(mine, np.ones((2, 1)))


def test_two_optimizers_may_share_parameters():
    def run(kinds):
        p = tg.tensor([1.0, 2.0], requires_grad=True)
        drivers = [kind([p], lr=0.1) for kind in kinds]
        for driver in drivers * 3:
            p.grad = slope(p.data)
            driver.step()
        return p.data

    q, states = np.array([1.0, 2.0]), [None, None]
    for i in [0, 1] * 3:
        q, states[i] = (optim.adam, optim.momentum)[i](q, slope(q), states[i], lr=0.1)
    np.testing.assert_allclose(run([optim.Adam, optim.Momentum]), q, rtol=1e-13)


@pytest.mark.parametrize("block", [3, 7, 1000])
def test_blocks_change_nothing_and_each_parameter_counts_its_own_steps(monkeypatch, block):
    monkeypatch.setattr("tensorgrad.optim.flat.BLOCK", block)
    shapes = [(2, 3), (), (5,), (1,), (4, 2)]
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape) for shape in shapes]
    leaves = [tg.tensor(v, requires_grad=True) for v in values]
    states, driver = [None] * len(leaves), optim.Adam(leaves, lr=0.1)
    for step in range(5):
        leaves[2].requires_grad = step != 1
        for i, leaf in enumerate(leaves):
            g = rng.standard_normal(leaf.shape)
            leaf.grad = g
            if leaf.requires_grad:
                values[i], states[i] = optim.adam(values[i], g, states[i], lr=0.1)
        driver.step()
    for leaf, value in zip(leaves, values, strict=True):
        np.testing.assert_allclose(leaf.data, value, rtol=1e-12)


def test_parameters_of_different_dtypes_are_updated_together_and_may_change_dtype_on_the_way():
    a, b = tg.tensor([1.0], requires_grad=True), tg.tensor(np.float32([1.0]), requires_grad=True)
    driver = optim.Adam([a, b], lr=0.1)
    for _ in range(2):
        for p in (a, b):
            p.grad = np.ones(1)
        driver.step()
        a.data = a.data.astype(np.float32)
    assert a.dtype == b.dtype == np.float32
    np.testing.assert_allclose(a.data, b.data, rtol=1e-6)


def test_a_parameter_can_be_changed_by_hand_between_steps():
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    driver = optim.SGD([p], lr=0.5)
    for _ in range(2):
        (p * 1.0).sum().backward()
        driver.step()
        driver.zero_grad()
        with tg.no_grad():
            p += 1.0
            p[0] = 7.0
    np.testing.assert_array_equal(p.data, [7.0, 3.0])


class Derived(np.ndarray):
    """An array type of the user's."""


def both_ways(kind, update, options, values, gradients, steps=3):
    """Return the parameters after steps of the driver, and after steps of the pure rule, of the same gradients."""
    leaves = [tg.tensor(v, requires_grad=True) for v in values]
    driver, states, pure = kind(leaves, **options), [None] * len(values), list(values)
    for _ in range(steps):
        for i, (leaf, g) in enumerate(zip(leaves, gradients, strict=True)):
            leaf.grad = g
            pure[i], states[i] = update(pure[i], g, states[i], **options)
        driver.step()
    return [leaf.data for leaf in leaves], pure


@pytest.mark.parametrize(("kind", "update", "options"), CASES, ids=IDS)
def test_gradients_may_lie_in_memory_in_any_way_and_are_never_written_to(kind, update, options):
    rng = np.random.default_rng(0)
    gradients = [
        rng.standard_normal((3, 4)),
        np.asfortranarray(rng.standard_normal((3, 4))),
        rng.standard_normal((4, 3)).T,
        rng.standard_normal((6, 4))[::-2],
        np.broadcast_to(0.5, (2, 3)),
        np.array(0.3),
        np.empty((0, 2)),
        rng.standard_normal((2, 2)).view(Derived),
        rng.standard_normal((400, 200)).T,  # larger than a block
    ]
    values = [rng.standard_normal(g.shape) for g in gradients]
    copies = [g.copy() for g in gradients]
    for g in gradients:
        g.flags.writeable = False
    for these in (slice(0, 1), slice(1, 2), slice(5, 6), slice(6, 7), slice(None)):
        ours, pure = both_ways(kind, update, options, values[these], gradients[these])
        for a, b in zip(ours, pure, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    for g, copy_of_g in zip(gradients, copies, strict=True):
        np.testing.assert_array_equal(g, copy_of_g)


@pytest.mark.parametrize(
    ("kind", "update", "options"),
    [
        (optim.Momentum, optim.momentum, {"lr": 0.1, "beta": 0.0}),
        (optim.RMSProp, optim.rmsprop, {"lr": 0.1, "beta": 0.0}),
        (optim.Adam, optim.adam, {"lr": 0.1, "betas": (0.0, 0.0)}),
        (optim.Adam, optim.adam, {"lr": 0.1, "betas": (0.999999, 0.999999)}),
        (optim.SGD, optim.sgd, {"lr": 0.1, "weight_decay": 0.1}),
        (optim.SGD, optim.sgd, {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.9}),
        (optim.SGD, optim.sgd, {"lr": 0.1, "nesterov": True, "momentum": 0.9}),
    ],
)
def test_options_at_their_ends_and_in_other_combinations(kind, update, options):
    values, gradients = [np.array([1.0, -2.0]), np.array([[0.5]])], [np.array([0.3, 0.1]), np.array([[-0.7]])]
    for a, b in zip(*both_ways(kind, update, options, values, gradients), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)  # 1 - 0.999999**t has lost six digits of sixteen


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex128, ">f8"])
def test_every_dtype_takes_the_steps_of_the_pure_rule(dtype):
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape).astype(dtype) for shape in [(3,), (2, 2)]]
    gradients = [rng.standard_normal(v.shape).astype(dtype) for v in values]
    eps = max(float(np.finfo(dtype).eps), float(np.finfo(float).eps))  # options are Python's numbers
    for kind, update, options in CASES:
        if np.dtype(dtype).kind == "c" and kind in (optim.RMSProp, optim.Adam):
            continue
        ours, pure = both_ways(kind, update, options, values, gradients)
        for a, b in zip(ours, pure, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=0, atol=16 * eps)


def test_a_state_has_the_averages_of_the_documents():
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    driver, g = optim.Adam([p], betas=(0.8, 0.99)), np.array([3.0, -4.0])
    p.grad = g
    driver.step()
    state = driver.state_dict()
    np.testing.assert_allclose(state["0.v"], 0.2 * g, rtol=1e-14)
    np.testing.assert_allclose(state["0.s"], 0.01 * g**2, rtol=1e-14)


@pytest.mark.parametrize(("kind", "_update", "options"), CASES, ids=IDS)
def test_a_step_makes_as_many_passes_for_many_small_parameters_as_for_one(kind, _update, options, monkeypatch):
    calls = []

    def counted(fn):
        return lambda *args: calls.append(fn) or fn(*args)

    for fn in (np.add, np.subtract, np.multiply, np.divide, np.sqrt):
        monkeypatch.setattr(f"tensorgrad.optim.inplace.{fn.__name__}", counted(fn))

    def passes(n):
        leaves = [tg.tensor(np.ones(3), requires_grad=True) for _ in range(n)]
        for leaf in leaves:
            leaf.grad = np.ones(3)
        driver = kind(leaves, **options)
        driver.step()
        calls.clear()
        driver.step()
        return len(calls)

    assert 2 <= passes(1) == passes(500) <= 10


def test_a_graph_is_stale_after_a_step_of_whichever_optimizer_has_the_parameter():
    p, other = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0], requires_grad=True)
    one, two = optim.SGD([p, other]), optim.Adam([p])
    for first, second in [(one, two), (two, one), (one, one), (two, two)]:
        for drivers in ([second], [first], [first, second]):
            loss = (p * p * other).sum()
            loss.backward(retain_graph=True)
            for driver in drivers:
                driver.step()
            with pytest.raises(RuntimeError, match="was replaced after multiply had used it"):
                loss.backward()
        (p * p * other).sum().backward()  # a new graph is not


def test_a_frozen_parameter_is_not_taken_to_have_changed_with_the_others():
    a, b = (tg.tensor([2.0], requires_grad=True, name=name) for name in "ab")
    driver = optim.SGD([a, b])
    (a * b).sum().backward()
    driver.step()
    before = (a * a).sum()
    (a + b).sum().backward()
    driver.step()
    after = (a * a).sum()
    a.requires_grad = False
    driver.step()
    after.backward()
    with pytest.raises(RuntimeError, match="the data of 'a' was replaced"):
        before.backward()
    a.requires_grad = True
    again = (a * a).sum()
    again.backward(retain_graph=True)
    driver.step()
    with pytest.raises(RuntimeError, match="the data of 'a' was replaced"):
        again.backward()


def test_a_missing_gradient_is_noticed_before_anything_is_changed_also_after_steps():
    a, b = tg.tensor([1.0], requires_grad=True), tg.tensor(np.float32([1.0]), requires_grad=True, name="b")
    driver = optim.Adam([a, b])
    for p in (a, b):
        p.grad = np.ones(1)
    driver.step()
    b.grad, kept, state = None, [a.data.copy(), b.data.copy()], driver.state_dict()
    with pytest.raises(RuntimeError, match="b requires a gradient and has none"):
        driver.step()
    np.testing.assert_array_equal([a.data, b.data], kept)
    assert driver.state_dict() == state


def test_a_step_in_mid_training_may_find_the_parameter_to_be_another_array_or_of_another_dtype():
    p, q = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([3.0], requires_grad=True)
    driver = optim.SGD([p, q], lr=1.0)
    mine = np.array([5.0, 6.0])
    for assigned in (None, mine, mine[::-1], np.float32([5.0, 6.0]), None):
        if assigned is not None:
            p.data = assigned
        expected = p.data - 1
        p.grad, q.grad = np.ones(2), np.ones(1)
        driver.step()
        np.testing.assert_array_equal(p.data, expected)
    assert mine.tolist() == [5.0, 6.0] and q.item() == -2.0


def test_what_was_assigned_to_a_frozen_parameter_is_what_goes_on_after_it():
    a, b = (tg.tensor([0.0], requires_grad=True) for _ in range(2))
    driver = optim.SGD([a, b], lr=1.0)

    def step():
        for p in (a, b):
            p.grad = np.ones(1)
        driver.step()

    step()
    a.requires_grad = False
    a.data = np.array([5.0])
    step()
    a.requires_grad = True
    step()
    assert (a.item(), b.item()) == (4.0, -3.0)


def test_a_gradient_that_was_left_in_another_dtype_is_converted():
    leaves = [tg.tensor([0.0, 0.0], requires_grad=True) for _ in range(2)]
    driver = optim.SGD(leaves, lr=1.0)
    for steps in (1, 2):
        for p in leaves:
            p.leaf.grad = np.array([1, 2])  # as wide as float64, but integers
        driver.step()
        for p in leaves:
            np.testing.assert_array_equal(p.data, [-steps, -2 * steps])


class Wrapped(np.lib.mixins.NDArrayOperatorsMixin):
    """An array type that is not NumPy's."""

    def __init__(self, values):
        self.values = values

    def __array_ufunc__(self, ufunc, method, *args, **params):
        return Wrapped(getattr(ufunc, method)(*(a.values if isinstance(a, Wrapped) else a for a in args), **params))

    def __array_function__(self, fn, types, args, params):
        out = fn(*(a.values if isinstance(a, Wrapped) else a for a in args), **params)
        return Wrapped(out) if isinstance(out, np.ndarray) else out


def test_a_parameter_may_become_an_array_of_another_type_on_the_way():
    a, b = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    driver = optim.Momentum([a, b], lr=0.1)
    for step in range(3):
        if step == 1:
            b.data = Wrapped(b.data.copy())
        a.grad = np.ones(2)
        b.grad = np.ones(2) if step == 0 else Wrapped(np.ones(2))
        driver.step()
    assert type(b.data) is Wrapped
    np.testing.assert_allclose(b.data.values, a.data, rtol=1e-14)
