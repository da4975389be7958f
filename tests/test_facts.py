"""What a picture says about arrays and steps: statistics, formulas, cost, health."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tensorgrad as tg
from tensorgrad.viz.stats import BINS, LARGE, stats

NUMBERS = ["?", "i1", "u8", "i8", "f2", "f4", "f8", "g", "F", "D"]


@given(st.sampled_from(NUMBERS).flatmap(lambda t: arrays(t, array_shapes(min_dims=0, max_dims=3, min_side=0))))
def test_figures_are_those_of_the_finite_elements(x):
    before, found = x.copy(), stats(x)
    wide = np.abs(x.astype("G" if x.dtype.kind == "c" else "g")) if x.dtype.kind == "c" else x.astype("g")
    good = wide[np.isfinite(wide)]
    most = float(np.finfo(float).max)
    assert found.size == x.size and found.nans == np.isnan(wide).sum()
    assert found.infinities == x.size - good.size - found.nans
    assert found.zeros == np.count_nonzero(good == 0)
    if good.size:
        with np.errstate(over="ignore", under="ignore"):
            for got, expected in [
                (found.least, good.min()),
                (found.greatest, good.max()),
                (found.mean, good.mean()),
                (found.deviation, good.std()),
                (found.rms, np.sqrt((good * good).mean())),
                (found.norm, np.sqrt((good * good).sum())),
            ]:
                size = float(min(max(np.abs(good).max(), 1e-320), most))
                assert got == pytest.approx(float(np.clip(expected, -most, most)), rel=1e-7, abs=1e-12 * size)
        assert sum(found.counts) == good.size and len(found.counts) == BINS
    else:
        assert found.counts == ()
    assert before.tobytes() == x.tobytes()


@given(arrays("f8", array_shapes(max_dims=2, max_side=40), elements=st.floats(-1e3, 1e3)))
def test_histogram_counts_equal_parts_from_least_to_greatest(x):
    found = stats(x)
    if found.least < found.greatest:
        places = (x - found.least) / (found.greatest - found.least) * BINS
        clear = np.abs(places - np.rint(places)) > 1e-6  # an element at an edge may fall on either side
        least = np.bincount(places[clear].astype(int), minlength=BINS)
        assert all(a <= b <= a + (~clear).sum() for a, b in zip(least, found.counts, strict=True))
    else:
        assert found.counts[BINS // 2] == x.size


@given(arrays("f4", array_shapes(max_dims=3, max_side=60), elements=st.floats(-100, 100, width=32)))
def test_heat_is_the_means_of_blocks(x):
    heat = stats(x).heat
    matrix = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x[None]
    down, across = (np.arange(n) * k // n for n, k in zip(matrix.shape, (heat.rows, heat.columns), strict=True))
    for i in range(heat.rows):
        for j in range(heat.columns):
            mean = matrix[down == i][:, across == j].mean(dtype=float)
            assert heat.cells[i * heat.columns + j] * heat.scale / 127 == pytest.approx(mean, abs=heat.scale / 250)


def test_cells_of_heat_leave_out_what_is_no_number():
    assert stats(np.array([np.nan, np.inf, 2.0])).heat.cells == (0, 0, 127)
    half = np.full((48, 1), 3.0)
    half[::2] = np.nan
    assert stats(half).heat.cells == (127,) * 24 and stats(half).heat.scale == 3.0


@pytest.mark.parametrize("shape", [(1200, 1000), (LARGE + 9,), (1, LARGE + 9), (LARGE + 9, 1), (300, 7, 600)])
def test_figures_of_a_large_array_are_exact_and_the_rest_is_a_sample(shape):
    x = np.random.default_rng(0).normal(2, size=shape).astype("f4")
    x.flat[5], x.flat[9] = np.nan, np.inf
    found, good = stats(x), x[np.isfinite(x)].astype(float)
    assert (found.nans, found.infinities) == (1, 1)
    assert (found.least, found.greatest) == (good.min(), good.max())
    assert found.mean == pytest.approx(good.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(good.std(), rel=1e-12)
    assert found.rms == pytest.approx(np.sqrt((good**2).mean()), rel=1e-12)
    assert 50_000 < sum(found.counts) <= x.size
    exact = np.histogram(good, BINS)[0] / good.size
    assert np.abs(np.array(found.counts) / sum(found.counts) - exact).max() < 0.02


def test_layout_in_memory_does_not_matter():
    x = np.random.default_rng(0).normal(size=(40, 30, 5))
    for same in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1][::-1], x.byteswap().view(">f8")):
        assert stats(same) == stats(x)


def test_units_that_are_zero_in_all_rows_are_dead():
    x = np.maximum(np.random.default_rng(0).normal(size=(4, 50, 6)), 0)
    x[..., [1, 4]] = 0
    assert (stats(x).units, stats(x).dead) == (6, 2)
    assert (stats(x[0, 0]).units, stats(x[0, 0]).dead) == (None, 0)


def test_elements_near_an_end_of_the_range_are_saturated():
    x = np.array([-1.0, -0.985, -0.97, 0.0, 0.9, 0.981, 1.0])
    assert stats(x, (-1, 1)).saturated == 4
    assert stats(x).saturated is None


@pytest.mark.parametrize("x", [np.array(["a"]), np.array([object()]), np.array("2020", "M8[D]"), tg.tensor([1.0])])
def test_what_is_no_array_of_numbers_has_no_statistics(x):
    assert stats(x) is None


@pytest.mark.parametrize("x", [3.0, np.float32(3.0), np.array(3), True])
def test_a_number_has_statistics(x):
    found = stats(x)
    assert (found.size, found.mean, found.heat) == (1, float(x), None) and math.isfinite(found.norm)
