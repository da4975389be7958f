"""Reductions, statistics, sorting and sets, parts of numbers, and SciPy's functions: conventions and bad input."""

import subprocess
import sys

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.rules.quantile import CONTINUOUS, METHODS

NAN, INF = np.nan, np.inf


def leaf(*values, dtype=float):
    return tg.tensor(np.array(values, dtype), requires_grad=True)


def gradient(f, *values, dtype=float):
    """Return the gradient of the sum of f at an array of these values."""
    x = leaf(*values, dtype=dtype)
    return tg.gradients(np.sum(f(x)), [x])[0].tolist()


def slopes(f, x, h=1e-4):
    """Return the gradient of a number f(x) by central differences."""
    steps = np.eye(x.size).reshape(x.size, *x.shape) * h
    return np.array([(f(x + s) - f(x - s)) / (2 * h) for s in steps]).reshape(x.shape)


# Reductions


def test_what_a_mask_leaves_out_has_no_gradient():
    mask = np.array([True, False, True])
    assert gradient(lambda x: np.sum(x, where=mask), 1, 2, 3) == [1, 0, 1]
    assert gradient(lambda x: np.mean(x, where=mask), 1, 2, 3) == [0.5, 0, 0.5]
    assert gradient(lambda x: np.prod(x, where=mask), 2, 0, 3) == [3, 0, 2]
    assert gradient(lambda x: np.max(x, where=mask, initial=-INF), 1, 9, 3) == [0, 0, 1]


def test_a_mask_may_be_a_tensor_or_a_list():
    assert gradient(lambda x: np.sum(x, where=tg.tensor([True, False])), 1, 2) == [1, 0]
    assert gradient(lambda x: np.var(x, where=[True, True, False]), 1, 3, 7) == [-1, 1, 0]


def test_an_initial_value_that_wins_takes_the_gradient_and_one_that_ties_a_share():
    assert gradient(lambda x: np.max(x, initial=9), 1, 2) == [0, 0]
    assert gradient(lambda x: np.max(x, initial=2), 1, 2) == [0, 0.5]
    assert gradient(lambda x: np.min(x, initial=1), 1, 1) == [1 / 3, 1 / 3]


def test_an_initial_value_with_a_gradient_is_refused_where_it_would_be_lost():
    start = leaf(2.0)[0]
    with pytest.raises(TypeError, match="sum has no derivative in its parameters"):
        np.sum(leaf(1, 2), initial=start)


def test_dtype_changes_the_result_and_not_the_gradient():
    x = leaf(1, 2, dtype=np.float32)
    for f in (np.sum, np.mean, np.prod, np.var, np.std, np.nansum, np.nanmean):
        y = f(x, dtype=np.float64)
        assert y.dtype == np.float64
        assert tg.gradients(y, [x])[0].dtype == np.float32
    assert not np.sum(x, dtype=int).requires_grad


def test_arguments_may_come_by_position():
    x = leaf(1, 2, 4)
    for f in (np.var, np.std):
        assert f(x, 0, None, None, 1).item() == pytest.approx(f(x.data, 0, None, None, 1))
    assert np.sum(x, 0, np.float64, None, True).shape == (1,)
    assert np.quantile(x, 0.5, 0, None, False, "hazen", True).shape == (1,)
    assert np.unique(x, True)[1].tolist() == [0, 1, 2]


def test_writing_a_result_into_an_array_is_refused():
    x = leaf(1, 2, 4)
    for f in (np.sum, np.prod, np.var, np.ptp, np.median, np.cumprod, np.nansum, np.cumsum):
        with pytest.raises(TypeError, match="out="):
            f(x, out=np.zeros(()))


def test_the_mean_given_to_a_variance_has_its_own_gradient():
    x, mean = leaf(1, 2, 4), leaf(1.5)
    d = x.data - 1.5
    along_x, along_mean = tg.gradients(np.var(x, mean=mean), [x, mean])
    np.testing.assert_allclose(along_x, 2 * d / 3)
    np.testing.assert_allclose(along_mean, [-2 * d.sum() / 3])


def test_a_variance_of_too_few_is_numpys():
    x = leaf(1, 3)
    with pytest.warns(RuntimeWarning), np.errstate(divide="ignore"):
        assert np.var(x.data, ddof=2) == INF
    with np.errstate(all="ignore"):
        assert np.var(x, ddof=2).item() == INF
        assert np.isnan(np.var(x[:1], ddof=1).item())


def test_ddof_and_correction_exclude_each_other():
    with pytest.raises(ValueError, match="ddof and correction"):
        np.var(leaf(1, 2), ddof=1, correction=1)


def test_the_slope_of_std_of_constants_is_zero():
    assert gradient(np.std, 2, 2, 2) == [0, 0, 0]
    assert gradient(np.nanstd, 2, NAN, 2) == [0, 0, 0]


def test_ptp_shares_between_ties():
    assert gradient(np.ptp, 1, 3, 3) == [-1, 0.5, 0.5]


def test_products_are_exact_with_zeros_at_second_order():
    x = leaf(2, 0, 3, 0)
    for f in (np.prod, lambda x: np.cumprod(x)[-1]):
        (g,) = tg.gradients(f(x), [x], create_graph=True)
        assert g.tolist() == [0, 0, 0, 0]
        assert tg.gradients(g[1], [x])[0].tolist() == [0, 0, 0, 6]
    assert gradient(np.cumprod, 2, 0, 3) == [1, 8, 0]


# Weighted means and quantiles


def test_average_has_a_gradient_in_its_weights():
    x, w = leaf(1, 2, 4), leaf(1, 1, 2)
    mean, total = np.average(x, weights=w, returned=True)
    assert (mean.item(), total.item()) == (2.75, 4)
    along_x, along_w = tg.gradients(mean + 0 * total, [x, w])
    np.testing.assert_allclose(along_x, w.data / 4)
    np.testing.assert_allclose(along_w, (x.data - 2.75) / 4)


def test_average_refuses_weights_that_do_not_fit():
    with pytest.raises(TypeError, match="Axis must be specified"):
        np.average(leaf(1, 2, 3), weights=[1, 2])
    with pytest.raises(ValueError, match="weights of shape"):
        np.average(leaf(1, 2, 3), axis=0, weights=[1, 2])
    with pytest.raises(ZeroDivisionError):
        np.average(leaf(1, 2), weights=[1, -1])


@pytest.mark.parametrize("n", [4, 5])
@pytest.mark.parametrize("q", [0.0, 0.1, 0.25, 0.375, 0.5, 0.6, 1.0])
@pytest.mark.parametrize(
    "method",
    [*CONTINUOUS, *METHODS],
)
def test_every_method_of_quantile_gives_numpys_value(method, q, n):
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0])[:n]
    for f in (np.quantile, np.nanquantile):
        assert f(leaf(*values), q, method=method).item() == pytest.approx(f(values, q, method=method), rel=1e-14)


def test_a_median_shares_between_the_two_in_the_middle():
    assert gradient(np.median, 1, 7, 2, 3) == [0, 0, 0.5, 0.5]
    assert gradient(np.median, 5, 1, 2) == [0, 0, 1]
    assert gradient(np.median, INF, INF, 1) == [0, 1, 0] or gradient(np.median, INF, INF, 1) == [1, 0, 0]


def test_a_quantile_follows_the_permutation_where_elements_tie():
    assert gradient(lambda x: np.quantile(x, 0.5), 2, 2, 2) == [0, 1, 0]


def test_nan_makes_a_quantile_nan():
    x = leaf(1, NAN, 2)
    assert np.isnan(np.median(x).item())
    assert np.isnan(np.quantile(x, 0.3).item())


def test_a_quantile_keeps_float32_for_a_python_number_and_not_for_an_array():
    x = leaf(1, 2, 4, dtype=np.float32)
    scalar = (
        [np.float64(0.3)] if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else []
    )  # NumPy 2.0 took it for a number
    for q in (0.3, [0.3], *scalar):
        for f in (np.quantile, np.nanquantile):
            assert f(x, q).dtype == f(x.data, q).dtype


def test_a_quantile_has_a_gradient_in_q():
    q = leaf(0.3, 0.9)
    y = np.quantile(np.array([1.0, 2.0, 4.0, 8.0]), q)
    assert tg.gradients(y, [q])[0].tolist() == [3, 12]


def test_quantile_refuses_what_numpy_refuses():
    x = leaf(1, 2, 3)
    with pytest.raises(ValueError, match="range"):
        np.quantile(x, 1.5)
    with pytest.raises(ValueError, match="not a valid method"):
        np.quantile(x, 0.5, method="best")
    with pytest.raises(ValueError, match="inverted_cdf"):
        np.quantile(x, 0.5, weights=[1, 2, 3])
    with pytest.raises(ValueError, match="non-negative"):
        np.quantile(x, 0.5, weights=[1, -2, 3], method="inverted_cdf")
    with pytest.raises(TypeError, match="real numbers"):
        np.quantile(x * 1j, 0.5)


# NaN


def test_an_element_that_is_nan_has_no_gradient():
    for f in (np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanmax, np.nanmin, np.nanmedian, np.nancumsum):
        g = gradient(f, 1, NAN, 3)
        assert g[1] == 0
        assert np.all(np.isfinite(g))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of a mean of nothing
def test_of_nothing_but_nan_the_result_is_nan_and_the_gradient_zero():
    x = leaf(NAN, NAN)
    with np.errstate(all="ignore"):
        for f in (np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanmedian, lambda x: np.nanquantile(x, 0.2)):
            y = f(x)
            assert np.isnan(y.item())
            assert tg.gradients(y, [x])[0].tolist() == [0, 0]


def test_each_row_has_its_own_count_of_numbers():
    values = np.array([[1.0, NAN, 3.0, 4.0], [NAN, NAN, 5.0, 6.0], [4.0, 2.0, 1.0, 0.0]])
    x = tg.tensor(values, requires_grad=True)
    for q in (0.2, [0.1, 0.9]):
        np.testing.assert_allclose(np.nanquantile(x, q, axis=1).data, np.nanquantile(values, q, axis=1))
    (g,) = tg.gradients(np.nanmedian(x, axis=1), [x])
    assert g.tolist() == [[0, 0, 1, 0], [0, 0, 0.5, 0.5], [0, 0.5, 0.5, 0]]


# Sorting and sets


def test_sorting_gives_the_gradient_back_in_the_old_order():
    weights = np.array([1.0, 10.0, 100.0])
    assert gradient(lambda x: weights * np.sort(x), 3, 1, 2) == [100, 1, 10]
    assert gradient(lambda x: weights * np.sort(x), 2, 2, 1) == [10, 100, 1]  # a tie: the first stays first
    assert gradient(lambda x: np.partition(x, 1)[1], 3, 1, 2) == [0, 0, 1]


def test_nan_is_sorted_to_the_end():
    assert gradient(lambda x: np.sort(x)[:2], NAN, 2, 1) == [0, 1, 1]


def test_unique_values_are_read_from_where_they_were_first():
    weights = np.array([1.0, 10.0])
    assert gradient(lambda x: weights * np.unique(x), 2, 1, 2) == [10, 1, 0]
    values, index, inverse, counts = np.unique(leaf(2, 1, 2), True, True, True)
    assert (index.tolist(), inverse.tolist(), counts.tolist()) == ([1, 0], [1, 0, 1], [1, 2])
    assert values.requires_grad
    assert not counts.requires_grad


def test_named_results_of_unique_are_numpys():
    for f in (np.unique_all, np.unique_counts, np.unique_inverse):
        assert type(f(leaf(2, 1, 2))) is type(f(np.array([2, 1, 2])))
    assert np.unique_counts(leaf(2, 1, 2)).counts.tolist() == [1, 2]


def test_sets_are_read_from_the_first_array():
    x, y = leaf(3, 1, 2), leaf(2, 5, 3)
    for f, along_x, along_y in (
        (np.union1d, [1, 1, 1], [0, 1, 0]),
        (np.intersect1d, [1, 0, 1], [0, 0, 0]),
        (np.setdiff1d, [0, 1, 0], [0, 0, 0]),
        (np.setxor1d, [0, 1, 0], [0, 1, 0]),
    ):
        found = f(x, y)
        assert found.tolist() == f(x.data, y.data).tolist()
        assert [g.tolist() for g in tg.gradients(found, [x, y])] == [along_x, along_y]


def test_indices_are_arrays():
    x = leaf(3, 1, 2)
    assert type(np.argpartition(x, 1)) is type(np.lexsort((x, x))) is np.ndarray
    assert np.isin(x, [1, 2]).tolist() == [False, True, True]


# Parts of numbers


def test_heaviside_has_a_gradient_in_its_value_at_zero():
    half = leaf(0.5)
    y = np.heaviside(np.array([-1.0, 0.0, 2.0]), half)
    assert y.tolist() == [0, 0.5, 1]
    assert tg.gradients(y, [half])[0].tolist() == [1]
    assert not np.heaviside(leaf(1, 2), 0.5).requires_grad


def test_the_sign_of_copysign_is_constant():
    x, y = leaf(3, -2, 0), leaf(-1, -1, 1)
    found = tg.gradients(np.copysign(x, y), [x, y])
    assert [g.tolist() for g in found] == [[-1, 1, 0], [0, 0, 0]]


def test_a_mantissa_has_a_gradient_and_an_exponent_is_an_integer():
    x = leaf(3, -10, 0)
    mantissa, exponent = np.frexp(x)
    assert (mantissa.tolist(), exponent.tolist()) == ([0.75, -0.625, 0], [2, 4, 0])
    assert exponent.dtype.kind == "i"
    assert tg.gradients(mantissa, [x])[0].tolist() == [0.25, 0.0625, 1]
    assert gradient(lambda x: np.ldexp(x, np.array([1, -1])), 3, 4) == [2, 0.5]
    assert gradient(lambda x: np.nextafter(x, INF), 3, 4) == [1, 1]


def test_an_angle_has_slope_zero_at_zero_and_for_real_numbers():
    assert gradient(np.angle, 0, 1, -1) == [0, 0, 0]
    z = leaf(0, 1 + 1j, dtype=complex)
    np.testing.assert_allclose(tg.gradients(np.angle(z, deg=True), [z])[0], [0, (-0.5 + 0.5j) * 180 / np.pi])


def test_numbers_in_place_of_special_values_have_no_gradient():
    assert gradient(np.nan_to_num, 1, NAN, INF, -INF) == [1, 0, 0, 0]
    y = np.nan_to_num(leaf(NAN, INF, 1, dtype=np.float32), nan=2.0)
    assert (y.dtype, y.tolist()) == (np.float32, [2, float(np.finfo(np.float32).max), 1])
    z = leaf(complex(NAN, INF), 1 + 2j, dtype=complex)
    assert np.nan_to_num(z, posinf=3).tolist() == [3j, 1 + 2j]
    with pytest.raises(TypeError, match="copy=False"):
        np.nan_to_num(leaf(1), copy=False)


def test_real_if_close_looks_at_the_values():
    assert np.real_if_close(leaf(1 + 1e-20j, dtype=complex)).dtype == float
    assert np.real_if_close(leaf(1 + 1j, dtype=complex)).dtype == complex
    assert gradient(np.real_if_close, 1, 2) == [1, 1]


def test_bits_are_of_integers():
    n = tg.tensor([6, 3])
    assert np.bitwise_and(n, 2).tolist() == [2, 2]
    assert np.gcd(n, 9).tolist() == [3, 3]
    assert np.packbits(tg.tensor([True, False, True])).tolist() == [160]
    with pytest.raises(TypeError):
        np.bitwise_and(leaf(1, 2), 1)


def test_counts_have_a_gradient_in_their_weights():
    x, w = tg.tensor([1, 0, 1]), leaf(0.5, 2, 4)
    assert np.bincount(x).tolist() == [1, 2]
    y = np.bincount(x, weights=w)
    assert y.tolist() == [2, 4.5]
    assert tg.gradients(y[1], [w])[0].tolist() == [1, 0, 1]


def test_spacing_and_rounding_are_constant():
    for f in (np.spacing, np.around):
        assert not f(leaf(1.4, 2)).requires_grad


# SciPy's functions


@pytest.fixture(scope="module")
def special():
    pytest.importorskip("scipy")
    import tensorgrad.rules.special  # noqa: F401

    return pytest.importorskip("scipy.special")


def test_importing_tensorgrad_does_not_import_scipy():
    code = "import sys, tensorgrad; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_derivatives_are_exact_where_formulas_divide_zero_by_zero(special):
    assert gradient(special.exprel, 0) == [0.5]
    assert gradient(special.j1, 0) == [0.5]
    assert gradient(special.i1, 0) == [0.5]
    assert gradient(special.ellipk, 0) == [pytest.approx(np.pi / 8)]
    assert gradient(special.ellipe, 0) == [pytest.approx(-np.pi / 8)]
    assert gradient(special.spence, 1) == [-1]
    assert gradient(lambda p: special.boxcox(2.0, p), 0) == [pytest.approx(np.log(2) ** 2 / 2)]
    x = leaf(0)
    (g,) = tg.gradients(special.exprel(x), [x], create_graph=True)
    assert tg.gradients(g, [x])[0] == pytest.approx([1 / 3])


def test_zero_times_a_logarithm_is_flat(special):
    y = leaf(0, 2)
    assert tg.gradients(special.xlogy(np.zeros(2), y), [y])[0].tolist() == [0, 0]
    assert gradient(lambda x: special.gammainc(1.0, x), 0) == [1]


def test_orders_and_shapes_are_parameters_that_refuse_a_gradient(special):
    v, x = leaf(1.5), leaf(0.5)
    for f in (special.jv, special.kv, special.gammainc, special.hyp0f1, special.expn, special.eval_legendre):
        with pytest.raises(TypeError, match="no derivative in its parameters"):
            f(v, x)
    with pytest.raises(TypeError, match="no derivative in its parameters"):
        special.betainc(v, 2.0, x)


def test_parameters_may_be_arrays_that_broadcast(special):
    x = leaf(0.5, 1.5, 2.5)
    v = np.array([[0.0], [1.0]])
    (g,) = tg.gradients(np.sum(special.jv(v, x)), [x])
    np.testing.assert_allclose(g, special.jvp(v, x.data).sum(0))


def test_degree_zero_has_slope_zero(special):
    for f in (special.eval_legendre, special.eval_chebyt, special.eval_hermite, special.eval_laguerre):
        assert gradient(lambda x, f=f: f(0, x), 0.3) == [0]
    with pytest.raises(TypeError, match="whole number"):
        gradient(lambda x: special.eval_legendre(0.5, x), 0.3)


def test_huber_is_smooth_where_it_changes(special):
    assert gradient(lambda r: special.huber(1.0, r), -3, -1, 0.5, 1) == [-1, -1, 0.5, 1]


def test_a_function_that_is_not_holomorphic_refuses_complex_numbers(special):
    for f in (lambda x: special.jve(1, x), lambda x: special.ive(1, x), special.digamma, special.spence):
        with pytest.raises(TypeError, match="complex"):
            f(leaf(1 + 1j, dtype=complex))


def test_lambertw_and_zeta_are_reached_through_scipys_python_functions(special):
    assert gradient(lambda x: np.real(special.lambertw(x)), 0.0) == [1]
    x = np.array([1.5])
    expected = slopes(lambda x: special.zeta(3, x).sum(), x)
    np.testing.assert_allclose(gradient(lambda x: special.zeta(3, x), 1.5), expected, rtol=1e-6)


def test_python_functions_that_leave_numpys_protocols_raise(special):
    x = leaf(0.5, 1.5)
    for f in (special.logsumexp, special.softmax, special.log_softmax, lambda x: special.polygamma(1, x)):
        with pytest.raises(TypeError, match="would drop the gradient"):
            f(x)
