"""The catalogue of the mutation score: what is called wrong is, what is called right is, and ours tells them apart."""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent))  # at the end: of tensorgrad, what is installed is tested

from benchmarks import mutation_score, second_order
from benchmarks.checkers import CHECKERS, directional, installed
from benchmarks.functions import FUNCTIONS
from benchmarks.hard_right import HARD
from benchmarks.mistakes import FAMILIES, FORMS
from benchmarks.mutants import KINKS, Mutant, inputs_of, is_wrong, mutants
from benchmarks.mutation_report import table
from benchmarks.special import SPECIAL

pytestmark = pytest.mark.filterwarnings("ignore")  # of NumPy, in wrong gradients and beyond the range of right ones
RIGHT = {**FUNCTIONS, **{f.name: f for _, f, _ in SPECIAL}, **HARD}
IMAGINARY = 2.0**-60  # a step that no cancellation harms
STEP = 1e-7
NOT_ANALYTIC = (  # at a kink, or take the size of a part: complex numbers come out, and mean nothing
    *("x |x| at 0", "Huber at its joints", "relu at 0", "clip at its limits", "layernorm", "norm at 0"),
    *("max of rows", "max with ties", "maximum of equals"),
)
CLOSED_FORM = ("(exp - 1) / x near 0",)  # loses the digits that a step would need
LOSS = 300  # units in the last place that a right gradient may lose to cancellation
OURS = ("ours, a rule", "ours, by hand")


@pytest.fixture(scope="module")
def every():
    return list(mutants())


def relative(x, seed):
    """Return a random direction, each element as large as that of x."""
    size = np.where(x == 0, np.abs(x).max(initial=0) or 1.0, np.abs(x))
    return size * np.random.default_rng(seed).uniform(0.5, 1, x.shape)


def slopes(name, xs, g, u, k):
    """Return the least and the largest slope that <g, f> may be said to have along u, by differences of f."""
    f = RIGHT[name].forward

    def at(t):
        return np.asarray(f(*xs[:k], xs[k] + t * u, *xs[k + 1 :]))

    try:
        if name not in NOT_ANALYTIC and np.iscomplexobj(y := at(1j * IMAGINARY)):
            slope = (g * y.imag).sum() / IMAGINARY
            return slope, slope
    except TypeError:
        pass  # it does not take complex numbers
    sides = [g * (at(STEP) - at(0.0)) / STEP, g * (at(0.0) - at(-STEP)) / STEP]
    return np.minimum(*sides).sum(), np.maximum(*sides).sum()


@pytest.mark.parametrize("name", [name for name in RIGHT if name not in CLOSED_FORM])
def test_right_gradient_is_that_of_the_function(name):
    f = RIGHT[name]
    xs = [np.array(x, dtype=np.float64) for x in f.inputs]
    out = np.asarray(f.forward(*xs))
    g = np.random.default_rng(1).standard_normal(out.shape)
    grads = f.backward(g, out, *xs)
    assert [d.shape for d in grads] == [x.shape for x in f.inputs]
    for k, (x, d) in enumerate(zip(xs, grads, strict=True)):
        for seed, signs in enumerate((1, -1, np.where(np.arange(x.size).reshape(x.shape) % 2, 1, -1))):
            u = relative(x, seed) * signs
            low, high = slopes(name, xs, g, u, k)
            slack = 1e-6 * np.abs(d * u).sum() + 1e-12 * np.abs(g * out).sum()
            assert low - slack <= (d * u).sum() <= high + slack


@pytest.mark.parametrize("name", [name for name, f in RIGHT.items() if f.inputs[0].dtype != np.float64])
def test_right_gradient_keeps_its_precision(name):
    f = RIGHT[name]
    out = np.asarray(f.forward(*f.inputs))
    g = np.random.default_rng(1).standard_normal(out.shape).astype(out.dtype)
    wide = [np.asarray(a, dtype=np.float64) for a in (g, out, *f.inputs)]
    for d, expected, x in zip(f.backward(g, out, *f.inputs), f.backward(*wide), f.inputs, strict=True):
        assert d.dtype == x.dtype
        natural = max(np.abs(expected).max(), np.abs(g * out).max())  # of the terms, which may cancel
        np.testing.assert_allclose(d, expected, rtol=0, atol=LOSS * np.finfo(x.dtype).eps * natural)


def test_right_gradient_that_no_step_can_measure_is_its_series():
    f = HARD["(exp - 1) / x near 0"]
    x = f.inputs[0][:2]
    (d,) = f.backward(np.ones(2), f.forward(x), x)
    np.testing.assert_allclose(d, 1 / 2 + x / 3 + x**2 / 8, rtol=1e-7)


def test_catalogue_is_large_enough(every):
    kinds = {m.kind for m in every} | set(second_order.KINDS)
    assert len(kinds) >= 40 and len(FUNCTIONS) >= 30 and len(HARD) >= 40
    assert len(HARD) == len({f.name for f in HARD.values()})
    assert {x.size for f in FUNCTIONS.values() for x in f.inputs} >= {1000, 100_000}
    assert {m.function.inputs[0].dtype.name for m in every} == {"float32", "float64"}


def test_every_kind_of_mistake_is_made_somewhere(every):
    made = Counter((m.family, m.kind) for m in every)
    assert made.keys() >= {(family, kind) for family, kinds in FAMILIES.items() for kind in kinds}


def test_every_mistake_is_one(every):
    assert all(is_wrong(m) for m in every if m.family == KINKS)
    assert not any(is_wrong(Mutant("", "none", f, lambda f=f: f.backward)) for f in RIGHT.values())


@pytest.mark.parametrize("f", second_order.FUNCTIONS, ids=lambda f: f.name)
def test_second_derivatives_of_right_rules_are_right(f):
    rng = np.random.default_rng(0)
    v = rng.standard_normal(np.shape(f.forward(np, *f.inputs)))
    weights = [rng.standard_normal(x.shape) for x in f.inputs]

    def weighed(*arrays):
        *xs, v = arrays
        grads = [rule(np, v, f.forward(np, *xs), *xs) for rule in f.rules]
        return sum((w * d).sum() for w, d in zip(weights, grads, strict=True))

    arrays = [*f.inputs, v]
    for k, d in enumerate(second_order.second_derivatives(f, second_order.right)):
        u = np.random.default_rng(k).standard_normal(np.shape(arrays[k]))
        slope = weighed(*arrays[:k], arrays[k] + 1j * IMAGINARY * u, *arrays[k + 1 :]).imag / IMAGINARY
        np.testing.assert_allclose((d * u).sum(), slope, rtol=1e-9)


def test_mistakes_of_the_second_order_leave_the_gradient_as_it_is():
    for _, f, change in second_order.mutants():
        out = f.forward(np, *f.inputs)
        g = np.random.default_rng(0).standard_normal(np.shape(out))
        for rule in f.rules:
            expected = rule(np, g, out, *f.inputs)
            np.testing.assert_array_equal(change(np, second_order.value, rule, g, out, *f.inputs), expected)


@pytest.mark.parametrize("name", OURS)
def test_ours_kills_a_mutant_of_every_kind(name, every):
    picked = [*mutation_score.chosen(every, 1), *(m for m in every if m.family == KINKS)]
    checker, alive = CHECKERS[name], []
    for m in picked:
        if m.function.inputs[0].size > 1000 or (
            m.family in mutation_score.MENDED and mutation_score.repaired(checker, m)
        ):
            continue
        verdict = mutation_score.attempt(lambda m=m: checker.check(m.function.forward, m.make(), inputs_of(m)))
        if verdict != "wrong":
            alive.append((m.kind, m.function.name, verdict))
    assert alive == []


def test_ours_kills_mistakes_of_the_second_order_of_every_kind():
    some = list(second_order.mutants())[::4]
    assert {kind for kind, _, _ in some} == set(second_order.KINDS)
    assert [(kind, f.name) for kind, f, change in some if second_order.ours(f, change) != "wrong"] == []


@pytest.mark.parametrize("name", OURS)
def test_ours_accuses_no_right_gradient(name):
    said = {f.name: CHECKERS[name].check(f.forward, f.backward, f.inputs) for f in RIGHT.values()}
    assert [name for name, verdict in said.items() if verdict == "wrong"] == []
    assert sum(verdict == "inconclusive" for verdict in said.values()) <= 0.05 * len(said)


@pytest.mark.parametrize("name", [name for name, c in installed().items() if name not in OURS])
def test_peer_tells_a_wrong_gradient_from_a_right_one(name):
    f = FUNCTIONS["dense layer"]
    assert installed()[name].check(f.forward, f.backward, f.inputs) == "right"
    wrong = FAMILIES["factors"]["twice as large"](f)
    assert installed()[name].check(f.forward, wrong, f.inputs) == "wrong"


def test_sum_that_the_engine_makes_up_for_is_not_counted_against_it():
    f = FUNCTIONS["add a row"]
    mistake = Mutant("forms", "no sum", f, lambda: FORMS["sum over what was broadcast left out"](f))
    assert mutation_score.repaired(CHECKERS["ours, a rule"], mistake)
    assert not mutation_score.repaired(CHECKERS["ours, by hand"], mistake)


def test_error_is_a_catch_unless_the_right_gradient_raises_one_too():
    assert mutation_score.judged("ValueError: shapes", "right") == "killed"
    assert mutation_score.judged("ValueError: shapes", "ValueError: shapes") == "crashed"
    assert mutation_score.judged("right", "right") == "passed"


def test_table_names_what_was_killed_and_what_was_not(every, monkeypatch):
    monkeypatch.setattr(mutation_score, "mutants", lambda: every[:1] + every[-1:])
    found = mutation_score.measure(quick=True, names=["Chainer-style"])
    text = table(json.loads(json.dumps(found)))
    assert f"| factors | {every[0].kind} | 1 |" in text
    assert "| Chainer-style |" in text and "| relu at 0 | alarm |" in text


def test_directional_check_looks_at_shapes_and_dtypes():
    f = FUNCTIONS["add a row"]
    for kind in ("sum over what was broadcast left out", "another precision", "None", "too few gradients"):
        assert directional(f.forward, FORMS[kind](f), f.inputs) == "wrong"
