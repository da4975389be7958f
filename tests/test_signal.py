"""Fourier transforms, signals, differences, polynomials, covariances, histograms: conventions, corners, errors."""

import math

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

import tensorgrad as tg
from tensorgrad.rules.signals import i0_derivative, sinc_derivative
from tensorgrad.testing import gradcheck


def leaf(data, dtype=None):
    return tg.tensor(np.asarray(data, dtype=dtype or float), requires_grad=True)


def slopes(f, *arrays):
    """Return the gradient of the sum of f's result for each array."""
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    return tg.gradients(f(*leaves), leaves)


def right(f, *arrays):
    """Whether first and second derivatives agree with differences."""
    return gradcheck(f, *map(np.asarray, arrays), strict=True).verdict == "right"


RNG = np.random.default_rng(3)
A, B, C = RNG.uniform(-1, 1, 5), RNG.uniform(-1, 1, 5), RNG.uniform(-1, 1, (3, 4))


# Fourier transforms


@pytest.mark.parametrize("fn", [np.fft.irfft, np.fft.hfft])
@pytest.mark.parametrize("options", [{}, {"n": 9}, {"n": 5}, {"n": 4, "norm": "ortho"}, {"norm": "forward"}])
def test_the_gradient_of_half_a_spectrum_is_right_in_real_and_imaginary_part(fn, options):
    assert right(lambda re, im: fn(re + 1j * im, **options), A, B)


@pytest.mark.parametrize("fn", [np.fft.irfft2, np.fft.irfftn, np.fft.fft2, np.fft.ifftn])
def test_the_gradient_of_a_complex_transform_of_two_axes_is_right(fn):
    assert right(lambda re, im: np.abs(fn(re + 1j * im, s=(4, 3), axes=(0, 1)) + 9), C, C[::-1] ** 2)


def test_frequencies_that_are_real_have_no_gradient_in_the_imaginary_part():
    a = tg.tensor(A + 1j * B, requires_grad=True)
    (g,) = tg.gradients((np.fft.irfft(a, 8) ** 2).sum(), [a])
    assert g[0].imag == g[4].imag == 0
    assert g[1].imag != 0


def test_energy_is_the_same_in_frequencies_so_is_its_gradient():
    (g,) = slopes(lambda x: (np.abs(np.fft.fft(x, norm="ortho")) ** 2).sum(), A)
    np.testing.assert_allclose(g, 2 * A, rtol=1e-14)


def test_transforms_of_float32_stay_in_single_precision():
    x = leaf(A, np.float32)
    y = np.fft.rfft(x)
    assert y.dtype == np.complex64
    (g,) = tg.gradients(np.abs(y).sum(), [x])
    assert g.dtype == np.float32


def test_shifts_undo_each_other_and_so_do_their_gradients():
    x = leaf(A)
    (g,) = tg.gradients((np.fft.fftshift(x) * np.arange(5.0)).sum(), [x])
    np.testing.assert_array_equal(g, np.fft.ifftshift(np.arange(5.0)))


def test_a_transform_goes_into_a_tensor_and_not_into_an_array():
    with pytest.raises(TypeError, match="a NumPy array cannot hold"):
        np.fft.fft(leaf(A), out=np.zeros(5, complex))
    out = tg.zeros(5, dtype=complex)
    np.fft.fft(leaf(A), out=out)
    np.testing.assert_allclose(out.data, np.fft.fft(A))
    assert out.requires_grad


@pytest.mark.parametrize(
    ("run", "error"),
    [
        (lambda: np.fft.fft(leaf(A), n=0), ValueError),
        (lambda: np.fft.rfft(leaf(A) + 1j), TypeError),
        (lambda: np.fft.fft(leaf(A), norm="other"), ValueError),
        (lambda: np.fft.fft2(leaf(C), s=(2,), axes=(0, 1)), ValueError),
        (lambda: np.fft.fft(leaf(A), axis=2), IndexError),
    ],
)
def test_a_transform_raises_what_numpy_raises(run, error):
    with pytest.raises(error):
        run()


# Convolution


@pytest.mark.parametrize("mode", ["full", "same", "valid", 0, 1, 2])
def test_modes_have_numpys_names_and_numbers(mode):
    np.testing.assert_array_equal(np.convolve(leaf(A), B[:3], mode).data, np.convolve(A, B[:3], mode))
    np.testing.assert_allclose(np.correlate(leaf(A), B[:3], mode).data, np.correlate(A, B[:3], mode), rtol=1e-14)


def test_correlate_conjugates_its_second_argument():
    a, v = A + 1j * B, (B - 2j * A)[:2]
    np.testing.assert_allclose(np.correlate(leaf(a, complex), v).data, np.correlate(a, v), rtol=1e-14)
    assert right(lambda re, im: np.abs(np.correlate(a, re + 1j * im, "same") + 9), v.real, v.imag)


def test_convolve_names_the_modes_there_are():
    for f in (np.convolve, np.correlate):
        with pytest.raises(ValueError, match="mode is 'full', 'same' or 'valid', got 'middle'"):
            f(leaf(A), B, "middle")


def test_convolving_nothing_raises():
    with pytest.raises(ValueError, match="empty"):
        np.convolve(leaf([]), B)


# Interpolation


KNOTS, VALUES = np.array([0.0, 1.0, 3.0]), np.array([2.0, 5.0, 1.0])


def test_at_a_sample_the_slope_is_that_to_its_right_and_at_the_last_that_to_its_left():
    (g,) = slopes(lambda x: np.interp(x, KNOTS, VALUES), np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(g, [0, 3, 3, -2, -2, -2, 0])


def test_beyond_the_samples_the_gradient_goes_to_the_end_unless_a_value_is_given():
    x = np.array([-1.0, 4.0])
    np.testing.assert_array_equal(slopes(lambda f: np.interp(x, KNOTS, f), VALUES)[0], [1, 0, 1])
    np.testing.assert_array_equal(slopes(lambda f: np.interp(x, KNOTS, f, left=0.0), VALUES)[0], [0, 0, 1])
    np.testing.assert_array_equal(slopes(lambda f: np.interp(x, KNOTS, f, 0.0, 0.0), VALUES)[0], [0, 0, 0])


def test_interpolation_has_numpys_values_at_samples_of_infinity():
    f = np.array([0.0, np.inf, 1.0])
    np.testing.assert_array_equal(np.interp(leaf([0.0, 1.0, 3.0]), KNOTS, f).data, [0, np.inf, 1])


def test_interpolation_of_complex_samples_is_right():
    assert right(
        lambda x, p, re, im: np.abs(np.interp(x, p, re + 1j * im)), np.array([0.4, 1.7]), KNOTS, VALUES, VALUES**2
    )


def test_a_periodic_interpolation_sorts_its_samples():
    x, p, f = np.array([-0.7, 0.2, 5.1]), np.array([1.2, 0.4, 3.3]), VALUES
    y = np.interp(leaf(x), leaf(p), leaf(f), period=4.0)
    np.testing.assert_allclose(y.data, np.interp(x, p, f, period=4.0), rtol=1e-14)
    assert right(lambda x, p, f: np.interp(x, p, f, period=4.0), x, p, f)


def test_what_interpolation_cannot_do_it_refuses():
    with pytest.raises(TypeError, match="interp has no derivative in its parameters"):
        np.interp(leaf(A), KNOTS, VALUES, left=leaf(1.0))
    with pytest.raises(ValueError, match="period must not be 0"):
        np.interp(leaf(A), KNOTS, VALUES, period=0)
    with pytest.raises(ValueError, match="different length|same length"):
        np.interp(leaf(A), KNOTS, VALUES[:2])


def test_unwrapping_adds_constants():
    x = np.array([0.1, 3.0, -3.0, 0.2])
    y = np.unwrap(leaf(x))
    np.testing.assert_array_equal(y.data, np.unwrap(x))
    np.testing.assert_array_equal(slopes(np.unwrap, x)[0], np.ones(4))


# sinc and i0


def test_sinc_is_smooth_at_0_to_any_order():
    x = leaf(0.0)
    y, found = np.sinc(x), []
    for _ in range(5):
        (y,) = tg.gradients(y, [x], create_graph=True)
        found.append(float(y.data))
    np.testing.assert_allclose(found, [0, -(math.pi**2) / 3, 0, math.pi**4 / 5, 0], atol=1e-14)


@pytest.mark.parametrize("n", range(9))
def test_derivatives_of_sinc_are_those_of_its_integral(n):
    """sin(y)/y is the mean of cos(t y) for t between 0 and 1."""
    x = np.linspace(-9, 9, 361)
    nodes, weights = leggauss(60)
    t = (nodes + 1) / 2
    expected = (weights / 2 * (math.pi * t) ** n * np.cos(math.pi * np.outer(x, t) + n * math.pi / 2)).sum(1)
    np.testing.assert_allclose(sinc_derivative(x, n), expected, atol=3e-14 * math.pi**n)


def test_the_derivative_of_i0_is_i1():
    series = sum((0.35) ** (2 * k + 1) / (math.factorial(k) * math.factorial(k + 1)) for k in range(20))
    np.testing.assert_allclose(slopes(np.i0, np.array([0.7]))[0], series, rtol=1e-15)
    x = 600.0
    ratio = 1 - 1 / (2 * x) - 1 / (8 * x**2) - 1 / (8 * x**3) - 25 / (128 * x**4)
    np.testing.assert_allclose(slopes(np.i0, np.array([x]))[0], np.i0(x) * ratio, rtol=1e-12)


@pytest.mark.parametrize("x", [1e-6, 0.5, 7.9, 8.1, 40.0, 300.0])
def test_derivatives_of_i0_fulfil_bessels_equation(x):
    """x I0'' + I0' = x I0."""
    first, second = (i0_derivative(np.array(x), n) for n in (1, 2))
    np.testing.assert_allclose(x * second + first, x * np.i0(x), rtol=1e-14)  # exp makes much of a rounding of 300


def test_i0_of_complex_numbers_is_refused_as_by_numpy():
    with pytest.raises(TypeError):
        np.i0(tg.tensor([1j], requires_grad=True))


# Differences


def test_differences_take_what_is_put_before_and_behind():
    assert right(lambda x, a, b: np.diff(x, 2, prepend=a, append=b), A, 0.5, B[:2])
    x = leaf(A)
    assert np.diff(x, n=0) is x
    with pytest.raises(ValueError, match="non-negative, got -1"):
        np.diff(x, n=-1)
    with pytest.raises(ValueError, match="at least one axis"):
        np.diff(leaf(1.0))


def test_ediff1d_joins_ends_of_a_kind():
    assert right(lambda x, a, b: np.ediff1d(x, a, b), C, A[:2], 0.5)
    with pytest.raises(TypeError, match="to_end of complex128 does not fit"):
        np.ediff1d(leaf(A), to_end=1j)


def test_the_area_has_a_gradient_in_heights_and_places_and_distance():
    assert right(lambda y, x: np.trapezoid(y, x), C, np.array([0.0, 0.5, 2.0, 2.5]))
    assert right(lambda y, x: np.trapezoid(y, x, axis=0), C, C**2)
    assert right(lambda y, dx: np.trapezoid(y, dx=dx, axis=0), C, 0.5)


PLACES = np.array([0.0, 0.5, 2.0, 2.5])


@pytest.mark.parametrize("edge_order", [1, 2])
def test_slopes_on_a_grid_have_a_gradient_in_its_places(edge_order):
    assert right(lambda f, x: np.gradient(f, x, axis=1, edge_order=edge_order), C, PLACES)
    assert right(lambda f, h: np.gradient(f, h, axis=1, edge_order=edge_order), C, 0.7)
    for x in (PLACES, 0.7, np.arange(4.0)):
        y = np.gradient(leaf(C), x, axis=1, edge_order=edge_order)
        np.testing.assert_allclose(y.data, np.gradient(C, x, axis=1, edge_order=edge_order), rtol=1e-13)


def test_places_may_be_a_list():
    x = leaf(C)
    np.testing.assert_allclose(np.gradient(x, list(PLACES), axis=1).data, np.gradient(C, list(PLACES), axis=1))
    np.testing.assert_allclose(np.trapezoid(x, list(PLACES)).data, np.trapezoid(C, list(PLACES)))
    np.testing.assert_allclose(np.trapezoid([1.0, 2.0, 4.0, 3.0], leaf(PLACES)).data, 7.0)
    for f in (np.gradient, np.trapezoid):
        with pytest.raises(TypeError, match="would drop the gradient: join tensors with np.stack"):
            f(leaf(A[:2]), [leaf(0.0), leaf(1.0)])


def test_slopes_of_whole_numbers_have_a_gradient_in_the_places():
    f = np.array([1, 4, 9, 16])
    assert right(lambda x: np.gradient(f, x), PLACES)


def test_slopes_along_each_axis_come_as_numpy_gives_them():
    x = leaf(C)
    found, expected = np.gradient(x, 0.5, 2.0), np.gradient(C, 0.5, 2.0)
    assert type(found) is type(expected)
    for y, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(y.data, e, rtol=1e-14)
    assert np.gradient(leaf(C, np.float32), np.arange(4.0), axis=1).dtype == np.float32


@pytest.mark.parametrize(
    ("run", "error", "words"),
    [
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), TypeError, "one for each of 2 axes, got 3"),
        (lambda x: np.gradient(x, axis=0, edge_order=3), ValueError, "edge_order is 1 or 2, got 3"),
        (lambda x: np.gradient(x, np.ones(2), axis=0), ValueError, "coordinates of (2,) for an axis of 3"),
        (lambda x: np.gradient(x[:1], axis=0), ValueError, "has 1 samples"),
        (lambda x: np.gradient(x, axis=5), np.exceptions.AxisError, ""),
    ],
)
def test_a_grid_that_does_not_fit_raises(run, error, words):
    with pytest.raises(error) as caught:
        run(leaf(C))
    assert words in str(caught.value)


# Covariances


def test_covariances_have_a_gradient_in_weights():
    w = np.array([0.5, 1.0, 2.0, 0.7])
    assert right(lambda x, w: np.cov(x, aweights=w), C, w)
    assert right(lambda x, w: np.cov(x, aweights=w, fweights=[1, 2, 3, 1], ddof=0), C, w)


def test_covariances_of_complex_variables_are_numpys():
    z = C + 1j * C[::-1] ** 2
    np.testing.assert_allclose(np.cov(leaf(z, complex)).data, np.cov(z), rtol=1e-13)
    np.testing.assert_allclose(np.corrcoef(leaf(z, complex)).data, np.corrcoef(z), rtol=1e-13)
    assert right(lambda re, im: np.abs(np.corrcoef(re + 1j * im)), C[:2], C[1:] ** 2)


def test_correlations_do_not_exceed_1_and_keep_their_gradient():
    x = np.array([[0.1, 0.2, 0.3], [0.3, 0.6, 0.9], [-0.7, -1.4, -2.1]])
    c = np.corrcoef(leaf(x))
    assert np.abs(c.data).max() <= 1
    np.testing.assert_allclose(c.data, np.corrcoef(x), rtol=1e-14)
    np.testing.assert_allclose(slopes(np.corrcoef, x)[0], 0, atol=1e-13)  # they are at their maximum


def test_weights_of_observations_are_checked():
    with pytest.raises(TypeError, match="whole numbers"):
        np.cov(leaf(C), fweights=[1, 2, 3, 1.5])
    with pytest.raises(ValueError, match="not be negative"):
        np.cov(leaf(C), aweights=[1, 2, 3, -1.5])
    with pytest.raises(RuntimeError, match="for each of 4 observations, got .3,."):
        np.cov(leaf(C), aweights=[1, 2, 3])
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        np.cov(leaf(C[:, :1]))


# Histograms


def test_counts_have_no_gradient_and_edges_follow_the_data():
    counts, edges = np.histogram(leaf([0.0, 0.3, 2.0]), bins=2)
    assert not counts.requires_grad
    np.testing.assert_array_equal(counts.data, [2, 1])
    np.testing.assert_array_equal(edges.data, [0, 1, 2])
    x = leaf([0.0, 0.3, 2.0])
    (g,) = tg.gradients(np.histogram(x, bins=2)[1][1], [x])
    np.testing.assert_array_equal(g, [0.5, 0, 0.5])


def test_edges_that_are_given_do_not_move():
    for options in ({"bins": [0.0, 1.0, 2.0]}, {"bins": 4, "range": (0.0, 2.0)}):
        counts, edges = np.histogram(leaf([0.0, 0.3, 2.0]), **options)
        assert not counts.requires_grad
        assert not edges.requires_grad


def test_edges_follow_whatever_tensor_they_are_made_from():
    x = np.array([0.1, 0.2, 0.9, 1.5])
    used = lambda x, edges: edges + 0 * np.sum(x)  # noqa: E731  # which do not depend on x
    assert right(lambda x, a: used(x, np.histogram(x, 3, range=(a, 2.0), density=True)[1]), x, 0.05)
    assert right(lambda x, a: used(x, np.histogram(x, [a, 1.0, 2 * a + 2])[1]), x, 0.05)
    assert right(lambda x, a: np.histogram(x, 3, range=(a, 2.0), density=True)[0], x, 0.05)


def test_sums_of_weights_are_linear_in_them():
    x = np.array([0.1, 0.2, 0.9, 1.5, -3.0])
    for density in (False, True):
        f = lambda w, d=density: np.histogram(x, [0.0, 0.5, 1.0], weights=w, density=d)[0]  # noqa: E731
        np.testing.assert_allclose(f(leaf(A + 2)).data, f(A + 2), rtol=1e-14)
        assert right(f, A + 2)
    assert (
        np.histogram(x, 3, weights=leaf(A, np.float32))[0].dtype == np.histogram(x, 3, weights=np.float32(A))[0].dtype
    )


def test_a_histogram_of_two_variables_is_numpys():
    x, y = np.array([0.1, 0.7, 1.9, 0.4]), np.array([2.0, 2.7, 3.9, 2.2])
    found, expected = np.histogram2d(leaf(x), y, 3), np.histogram2d(x, y, 3)
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f.data, e)
    assert right(lambda w: np.histogram2d(x, y, [2, 3], weights=w)[0], A[:4])
    with pytest.raises(TypeError, match="np.histogram2d, or compute on .data"):
        np.histogramdd(leaf(C))


def test_bincount_sums_weights():
    x = np.array([1, 3, 1, 0, 3])
    assert right(lambda w: np.bincount(x, w, minlength=6), A)
    assert np.bincount(np.zeros(0, int), leaf([]), 2).dtype == np.bincount(np.zeros(0, int), np.zeros(0), 2).dtype
    with pytest.raises(TypeError, match="counts whole numbers, got an array of float64"):
        np.bincount(leaf(A))
    with pytest.raises(ValueError, match="may be negative"):
        np.bincount(x - 1, leaf(A))
    with pytest.raises(TypeError, match="real weights"):
        np.bincount(x, leaf(A) * 1j)


# Polynomials


def test_powers_of_0_have_their_slopes():
    x = leaf([0.0])
    first = np.vander(x, 4)
    np.testing.assert_array_equal(first.data, [[0, 0, 0, 1]])
    np.testing.assert_array_equal(tg.gradients(first[0, 2], [x])[0], [1])
    (g,) = tg.gradients(np.vander(x, 4)[0, 1], [x], create_graph=True)
    np.testing.assert_array_equal(tg.gradients(g, [x])[0], [2])


def test_a_polynomial_takes_coefficients_as_they_come():
    x = np.array([0.5, -1.5])
    for p in ([leaf(1.0), 2.0, leaf(3.0)], np.poly1d([1.0, 2.0, 3.0]), (1.0, 2.0, 3.0)):
        np.testing.assert_allclose(np.polyval(p, leaf(x)).data, np.polyval([1.0, 2.0, 3.0], x))
    assert right(lambda a, b: np.polyval([a, 2.0, b], b), 1.0, 3.0)
    with pytest.raises(TypeError, match="composes polynomials"):
        np.polyval(leaf(A), np.poly1d([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"pass its coefficients, p\.coeffs"):
        np.polyadd(leaf(A), np.poly1d([1.0, 2.0]))


def test_integrals_have_a_gradient_in_their_constants():
    assert right(lambda p: np.polyint(p, 2, k=p[:2]), A)
    for f in (np.polyint, np.polyder):
        with pytest.raises(ValueError, match="must not be negative"):
            f(leaf(A), -1)


def test_a_quotient_has_a_gradient_in_all_coefficients():
    u, v = np.array([2.0, 3.0, -1.0, 0.7]), np.array([2.0, 0.3])
    for found, expected in zip(np.polydiv(leaf(u), leaf(v)), np.polydiv(u, v), strict=True):
        np.testing.assert_allclose(found.data, expected, rtol=1e-14)
    assert right(lambda u, v: np.polydiv(u, v)[0], u, v)
    assert right(lambda u, v: np.polydiv(u, v)[1], u, v)


@pytest.mark.parametrize("p", [[1.0, -6.0, 11.0, -6.0], [2.0, 0.0, 3.0], [0.0, 1.0, -3.0, 2.0], [1.0, -3.0, 2.0, 0.0]])
def test_roots_move_as_their_polynomial_says(p):
    """Each p vanishes at its roots: also real and complex, with a leading or a trailing zero."""
    r = np.roots(leaf(p))
    np.testing.assert_array_equal(r.data, np.roots(p))
    x = leaf(p)
    r = np.roots(x)
    (g,) = tg.gradients(np.real(r)[0] + 0.5 * np.imag(r)[0] if np.iscomplexobj(r) else r[0], [x])
    step, place = 1e-6, int(np.argmax(np.array(p) != 0))
    for k in range(place + 1, len(p) - (p[-1] == 0)):
        up, down = (np.roots(np.array(p) + sign * step * (np.arange(len(p)) == k)) for sign in (1, -1))
        moved = (up[0] - down[0]) / (2 * step)
        np.testing.assert_allclose(g[k], np.real(moved) + 0.5 * np.imag(moved), rtol=1e-6)


def test_coefficients_of_roots_are_those_of_the_polynomial():
    p = np.array([1.0, -6.0, 11.0, -6.0])
    x = leaf(p)
    np.testing.assert_allclose(tg.gradients(np.poly(np.roots(x))[2], [x])[0][1:], [0, 1, 0], atol=1e-12)
    z = np.array([1 + 2j, 1 - 2j])
    assert np.poly(tg.tensor(z, requires_grad=True)).dtype == np.poly(z).dtype == np.float64


def test_a_characteristic_polynomial_has_a_gradient_where_eigenvalues_are_equal():
    np.testing.assert_allclose(np.poly(leaf(np.eye(3))).data, [1, -3, 3, -1])
    assert right(np.poly, np.eye(3))


def test_a_polynomial_fit_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"np.polyfit does not take tensors: fit with np.linalg.lstsq"):
        np.polyfit(leaf(A), B, 1)


# Tensors without gradient


@pytest.mark.parametrize(
    "run",
    [
        np.fft.fft,
        np.fft.irfftn,
        lambda x: np.convolve(x, A),
        lambda x: np.correlate(A, x),
        lambda x: np.interp(x, KNOTS, VALUES),
        np.unwrap,
        np.sinc,
        np.i0,
        np.diff,
        np.ediff1d,
        np.trapezoid,
        lambda x: np.gradient(x, 0.5),
        np.cov,
        lambda x: np.polyval(x, 2.0),
        lambda x: np.polymul(x, x),
        np.roots,
        np.poly,
        lambda x: np.bincount([1, 0, 1, 2, 0], x),
    ],
)
def test_without_a_gradient_the_result_is_a_tensor_of_numpys_values(run):
    y = run(tg.tensor(A))
    assert isinstance(y, tg.Tensor)
    assert not y.requires_grad
    np.testing.assert_array_equal(y.data, run(A))
