"""Linear algebra beyond the generated tests: conventions, degenerate cases, results' types, bad input."""

import warnings

import numpy as np
import pytest

import tensorgrad as tg

A = np.array([[2.0, -1.0, 0.5], [0.25, 3.0, 1.0], [-0.5, 0.75, 4.0]])
H = A + A.T
TALL = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25], [-2.0, 1.5]])
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])  # of rank 2
RANK_ONE = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0])
Z = A + 1j * np.array([[0.5, 1.0, -1.0], [0.25, -0.5, 2.0], [1.5, 0.75, -0.25]])

NAMED = [
    (np.linalg.eigh, H),
    (np.linalg.eig, A),
    (np.linalg.svd, TALL),
    (np.linalg.qr, TALL),
    (np.linalg.slogdet, A),
]


def leaf(x):
    return tg.tensor(x, requires_grad=True)


def slopes(f, x):
    """Return the gradient of a number f(x), by central differences; of complex x, dL/dx + i dL/dy."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        for unit in (1, 1j) if np.iscomplexobj(x) else (1,):
            step = np.zeros_like(x)
            step[place] = unit * 1e-5
            found[place] += unit * (f(x + step) - f(x - step)) / 2e-5
    return found


def agrees(f, x, second=True):
    """Assert that the gradient of f, and that of the gradient's product with a matrix, are central differences."""
    t = leaf(x)
    (g,) = tg.gradients(f(t), [t], create_graph=True)
    np.testing.assert_allclose(g.data, slopes(f, x), rtol=1e-6, atol=1e-7)
    if not second:
        return
    along = np.cos(np.arange(x.size)).reshape(x.shape)

    def directional(x):
        t = leaf(x)
        (g,) = tg.gradients(f(t), [t])
        return np.sum(np.real(g) * along)

    np.testing.assert_allclose(tg.gradients(np.sum(np.real(g) * along), [t])[0], slopes(directional, x), 1e-5, 1e-6)


def gradient(f, *xs):
    leaves = [leaf(x) for x in xs]
    found = tg.gradients(f(*leaves), leaves)
    return found[0] if len(xs) == 1 else found


# Types of results


@pytest.mark.parametrize(("fn", "x"), NAMED, ids=lambda v: getattr(v, "__name__", ""))
def test_results_are_numpys_named_tuples(fn, x):
    found, expected = fn(leaf(x)), fn(x)
    assert type(found) is type(expected)
    for name in expected._fields:
        part = getattr(found, name)
        assert part.requires_grad or name == "sign"
        np.testing.assert_allclose(part.data, getattr(expected, name), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("fn", "x"), NAMED, ids=lambda v: getattr(v, "__name__", ""))
def test_results_are_numpys_named_tuples_without_gradient_too(fn, x):
    found = fn(tg.tensor(x))
    assert type(found) is type(fn(x))
    assert not any(part.requires_grad for part in found)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.eigh(a + np.conjugate(a.mT)).eigenvalues,
        lambda a: np.abs(np.linalg.eig(a).eigenvectors),
        lambda a: np.abs(np.linalg.svd(a).U),
        lambda a: np.abs(np.linalg.qr(a).R),
        lambda a: np.linalg.slogdet(a).logabsdet,
        lambda a: np.abs(np.linalg.pinv(a)),
        lambda a: np.abs(np.linalg.det(a)),
        lambda a: np.abs(np.linalg.lstsq(a, a)[0]),
        lambda a: np.linalg.norm(a, "nuc"),
        lambda a: np.linalg.cond(a, 1),
        lambda a: np.abs(np.linalg.matrix_power(a, -2)),
    ],
)
def test_single_precision_is_kept(f, dtype):
    t = leaf((A if dtype is np.float32 else Z).astype(dtype))
    y = np.sum(f(t))
    assert y.dtype == np.float32
    assert tg.gradients(y, [t])[0].dtype == dtype


@pytest.mark.parametrize(
    "fn", [np.linalg.inv, np.linalg.det, np.linalg.eigvalsh, np.linalg.norm, np.linalg.svdvals, np.trace, np.kron]
)
def test_tensors_without_gradient_give_what_numpy_gives(fn):
    args = (H,) * (2 if fn is np.kron else 1)
    found = fn(*map(tg.tensor, args))
    assert isinstance(found, tg.Tensor)
    assert not found.requires_grad
    np.testing.assert_array_equal(found.data, fn(*args))


def test_matrix_rank_and_einsum_path_are_facts():
    assert np.linalg.matrix_rank(leaf(SINGULAR)) == 2
    assert np.einsum_path("ij,jk", leaf(A), leaf(A))[0] == ["einsum_path", (0, 1)]


def test_lstsq_gives_rank_and_no_residuals_as_numpy_does():
    for a in (TALL, TALL.T, RANK_ONE):
        b = np.arange(1.0, len(a) + 1)
        for found, expected in zip(np.linalg.lstsq(leaf(a), b), np.linalg.lstsq(a, b), strict=True):
            assert found.dtype == np.asarray(expected).dtype
            np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-14)


# Equations


def test_a_right_side_is_a_vector_only_if_it_has_one_axis():
    a, b = np.stack([A, A + 1, A + 2]), np.arange(9.0).reshape(3, 3)
    ta, tb = leaf(a), leaf(b)
    y = np.linalg.solve(ta, tb)
    np.testing.assert_array_equal(y.data, np.linalg.solve(a, b))
    assert y.shape == (3, 3, 3)
    assert [g.shape for g in tg.gradients(np.sum(y), [ta, tb])] == [(3, 3, 3), (3, 3)]


def test_least_squares_has_the_gradient_of_the_pseudoinverse_also_at_deficient_rank():
    b, w = np.arange(3.0) + 1, np.array([1.0, -2.0, 0.5])
    by_lstsq = gradient(lambda a, b: np.sum(np.linalg.lstsq(a, b)[0] * w), RANK_ONE, b)
    by_pinv = gradient(lambda a, b: np.sum((np.linalg.pinv(a, rtol=1e-12) @ b) * w), RANK_ONE, b)
    for g, e in zip(by_lstsq, by_pinv, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14)


def test_pseudoinverse_of_deficient_rank_is_differentiated_along_matrices_of_that_rank():
    w = np.arange(9.0).reshape(3, 3)
    f = lambda u: np.sum(np.linalg.pinv(np.outer(u, [1.0, -1.0, 2.0]), rtol=1e-10) * w)  # noqa: E731
    agrees(f, np.array([1.0, 2.0, 3.0]))


def test_pseudoinverse_of_a_hermitian_matrix_reads_one_triangle_and_has_a_symmetric_gradient():
    lower = np.tril(H) + np.triu(np.full((3, 3), 7.0), 1)
    w = np.arange(9.0).reshape(3, 3)
    f = lambda a: np.sum(np.linalg.pinv(a, hermitian=True) * w)  # noqa: E731
    g = gradient(f, lower)
    np.testing.assert_allclose(f(leaf(lower)).item(), f(lower))
    np.testing.assert_allclose(g, g.T)
    np.testing.assert_allclose(g, gradient(f, H))


def test_complex_equations_have_the_gradient_of_their_real_and_imaginary_parts():
    for f in (np.linalg.inv, np.linalg.det, lambda z: np.linalg.pinv(z[:2]), lambda z: np.linalg.slogdet(z)[0]):
        agrees(lambda z, f=f: np.sum(np.real(f(z)) + 0.5 * np.imag(f(z)) ** 2), Z)


# Determinants


@pytest.mark.parametrize("matrix", [SINGULAR, RANK_ONE, np.zeros((3, 3)), np.zeros((2, 2)), SINGULAR + 1j * RANK_ONE])
def test_gradient_of_det_is_right_and_finite_at_singular_matrices_at_both_orders(matrix):
    agrees(lambda a: np.real(np.linalg.det(a)) + np.linalg.det(a).imag, matrix)


def test_gradient_of_det_is_that_of_the_cofactors():
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(gradient(np.linalg.det, a), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-15)


def test_det_has_a_third_derivative_at_nonsingular_matrices():
    x = leaf(A)
    (g,) = tg.gradients(np.linalg.det(x), [x], create_graph=True)
    (g,) = tg.gradients(g[0, 0], [x], create_graph=True)
    (g,) = tg.gradients(g[1, 1], [x])
    expected = np.zeros((3, 3))
    expected[2, 2] = 1.0
    np.testing.assert_allclose(g, expected, atol=1e-14)


def test_det_has_no_third_derivative_at_singular_matrices():
    x = leaf(SINGULAR)
    (g,) = tg.gradients(np.linalg.det(x), [x], create_graph=True)
    (g,) = tg.gradients(g[0, 0], [x], create_graph=True)
    with pytest.raises(np.linalg.LinAlgError):
        tg.gradients(g[1, 1], [x])


def test_slogdet_of_a_singular_matrix_has_no_gradient():
    with np.errstate(all="ignore"):
        y = np.linalg.slogdet(leaf(np.zeros((2, 2))))
        assert y.logabsdet.item() == -np.inf
        with pytest.raises(np.linalg.LinAlgError):
            y.logabsdet.backward()


# Decompositions


@pytest.mark.parametrize("UPLO", ["L", "U"])
def test_a_hermitian_decomposition_reads_one_triangle_and_has_a_symmetric_gradient(UPLO):
    other = np.triu if UPLO == "L" else np.tril
    half = H - other(H, 1 if UPLO == "L" else -1)
    for f in (lambda a: np.sum(np.linalg.eigvalsh(a, UPLO) ** 3), lambda a: np.linalg.eigh(a, UPLO)[1][0, 0] ** 2):
        g = gradient(f, half)
        np.testing.assert_allclose(g, g.T, atol=1e-14)
        np.testing.assert_allclose(g, gradient(f, H), atol=1e-13)
    np.testing.assert_allclose(gradient(lambda a: np.sum(np.linalg.eigvalsh(a, UPLO) ** 2), H), 2 * H, atol=1e-14)


def test_eigenvalues_have_a_gradient_where_they_are_equal():
    for f in (np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[0]):
        np.testing.assert_allclose(gradient(lambda a, f=f: np.sum(f(a) ** 2), np.eye(3) * 2), np.eye(3) * 4)


def test_singular_values_have_a_gradient_where_they_are_equal():
    np.testing.assert_allclose(gradient(lambda a: np.sum(np.linalg.svdvals(a) ** 2), np.eye(3) * 2), np.eye(3) * 4)
    np.testing.assert_allclose(gradient(lambda a: np.linalg.norm(a, "nuc"), np.eye(3) * 2), np.eye(3))


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_vectors_of_equal_eigenvalues_have_no_finite_gradient():
    """A function of the matrix such as v w^2 v^T would get a wrong one if these terms were left out."""
    w = np.arange(9.0).reshape(3, 3)

    def squared(a):
        values, v = np.linalg.eigh(a)
        return np.sum(((v * values**2) @ v.mT) * w)

    assert not np.all(np.isfinite(gradient(squared, np.eye(3))))


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.linalg.eigh(z + np.conjugate(z.mT)).eigenvectors,
        lambda z: np.linalg.svd(z).U,
        lambda z: np.linalg.svd(z).Vh,
    ],
)
def test_a_loss_that_depends_on_the_phase_of_complex_vectors_is_refused(f):
    z = leaf(Z)
    with pytest.raises(ValueError, match="phase"):
        np.sum(np.imag(f(z)) + np.real(f(z))).backward()


def test_a_loss_that_does_not_depend_on_phases_has_a_gradient():
    w = np.arange(9.0).reshape(3, 3)

    def of_eigh(z):
        values, v = np.linalg.eigh(z + np.conjugate(np.swapaxes(z, 0, 1)))
        return np.sum(np.abs(v) ** 2 * w) + np.sum(values * w[0])

    def of_svd(z):
        u, s, vh = np.linalg.svd(z)
        return np.sum(np.abs(u) ** 2 * w) + np.sum(np.abs(vh) ** 2 * w) + np.sum(np.real((u * s**2) @ vh) * w)

    for f in (of_eigh, of_svd):
        agrees(f, Z)


def test_eigenvectors_have_length_1_and_a_real_largest_element():
    rotation = np.array([[0.0, 1.0], [-1.0, 0.0]])
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    agrees(lambda a: np.sum(np.real(np.linalg.eig(a)[1]) * w), A[:2, :2] + 3 * rotation)
    agrees(lambda z: np.sum(np.imag(np.linalg.eig(z)[1]) * np.arange(9.0).reshape(3, 3)), Z)
    np.testing.assert_allclose(np.linalg.eig(leaf(rotation))[1].data, np.linalg.eig(rotation)[1], rtol=1e-14)


def test_vectors_that_complete_a_basis_have_a_gradient_through_the_space_they_span():
    w = np.arange(16.0).reshape(4, 4)

    def projector(a):
        u = np.linalg.svd(a)[0][:, 2:]
        return np.sum((u @ np.swapaxes(u, 0, 1)) * w)

    agrees(projector, TALL)
    agrees(lambda a: projector(np.swapaxes(a, 0, 1)), TALL.T.copy())
    with pytest.raises(ValueError, match="complete a basis"):
        gradient(lambda a: np.sum(np.linalg.svd(a)[0] * w), TALL)


def test_svd_of_a_hermitian_matrix_may_have_negative_eigenvalues():
    indefinite = H - 5 * np.eye(3) + 0.5  # without a 0, at which LAPACK changes a sign
    for batch in (indefinite, np.stack([indefinite, H])):
        u, s, vh = np.linalg.svd(leaf(batch), hermitian=True)
        for found, expected in zip((u, s, vh), np.linalg.svd(batch, hermitian=True), strict=True):
            np.testing.assert_allclose(found.data, expected, rtol=1e-13)
        np.testing.assert_allclose(((u * s[..., None, :]) @ vh).data, batch, atol=1e-13)
    w = np.arange(9.0).reshape(3, 3)
    f = lambda a: np.sum(np.linalg.svd((a + np.swapaxes(a, 0, 1)) / 2, hermitian=True)[2] * w)  # noqa: E731
    agrees(f, indefinite)


def test_factors_of_qr_multiply_to_the_matrix_in_every_mode():
    for a in (A, TALL, TALL.T):
        for mode in ("reduced", "complete"):
            w = np.cos(np.arange(a.size)).reshape(a.shape)
            g = gradient(lambda a, mode=mode, w=w: np.sum(np.matmul(*np.linalg.qr(a, mode)) * w), a)
            np.testing.assert_allclose(g, w, atol=1e-13)


def test_qr_refuses_reflectors():
    with pytest.raises(TypeError, match="raw"):
        np.linalg.qr(leaf(A), mode="raw")


def test_cholesky_of_either_triangle_has_a_symmetric_gradient():
    spd = A @ A.T
    for upper in (False, True):
        half = np.triu(spd) if upper else np.tril(spd)
        g = gradient(lambda a, upper=upper: np.sum(np.linalg.cholesky(a, upper=upper) ** 3), half)
        np.testing.assert_allclose(g, g.T)
        np.testing.assert_allclose(g, gradient(lambda a, u=upper: np.sum(np.linalg.cholesky(a, upper=u) ** 3), spd))


def test_a_matrix_that_is_not_positive_definite_is_refused_by_cholesky():
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(leaf(-np.eye(2)))


# Norms


@pytest.mark.parametrize("ord", [None, 0, 0.5, 1, 1.5, 2, 3, -1, -2, np.inf, -np.inf])
def test_a_norm_of_the_zero_vector_has_slope_0(ord):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, ord), np.zeros(3)), np.zeros(3))


def test_the_slope_of_a_length_of_0_is_0_at_every_order():
    x = leaf(np.zeros(3))
    (g,) = tg.gradients(np.linalg.norm(x), [x], create_graph=True)
    np.testing.assert_array_equal(tg.gradients(np.sum(g), [x])[0], np.zeros(3))


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_a_norm_of_the_zero_matrix_has_slope_0(ord):
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, ord), np.zeros((2, 3))), np.zeros((2, 3)))


@pytest.mark.parametrize("ord", [0.5, 3, -1])
def test_a_norm_is_flat_in_elements_that_are_0(ord):
    x = np.array([0.0, 1.0, -2.0])
    g = gradient(lambda x: np.linalg.norm(x, ord), x)
    assert g[0] == 0
    assert np.all(np.isfinite(g))
    if ord > 0:
        np.testing.assert_allclose(g[1:], slopes(lambda v: np.linalg.norm(np.array([0, *v]), ord), x[1:]), rtol=1e-8)


def test_the_largest_of_equal_elements_share_the_slope_of_their_norm():
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, np.inf), np.array([2.0, -2.0])), [0.5, -0.5])


def test_norms_of_singular_matrices_have_a_finite_gradient():
    for ord in ("nuc", 2, -2):
        assert np.all(np.isfinite(gradient(lambda x, ord=ord: np.linalg.norm(x, ord), RANK_ONE)))


def test_the_norm_of_no_elements_is_0():
    assert np.linalg.norm(leaf(np.zeros((0, 2))), np.inf).item() == 0.0


def test_norms_refuse_what_numpy_refuses():
    for args in ((A, "fro", 0), (A, "nuc", 0), (A, 3), (A, "what"), (np.zeros((2, 2, 2)), 2), (A, None, (0, 0))):
        with pytest.raises(ValueError):
            np.linalg.norm(*args)
        with pytest.raises(ValueError):
            np.linalg.norm(leaf(args[0]), *args[1:])


def test_the_condition_number_of_a_singular_matrix_is_infinite():
    for p in (None, 2, 1, "fro"):
        for x in (np.diag([1.0, 0.0]), np.zeros((2, 2))):
            assert np.linalg.cond(leaf(x), p).item() == np.linalg.cond(x, p) == np.inf
        batch = np.stack([np.eye(2), np.zeros((2, 2))])
        np.testing.assert_allclose(np.linalg.cond(leaf(batch), p).data, np.linalg.cond(batch, p))


# Products


@pytest.mark.parametrize(
    "product",
    [
        lambda x, y: np.einsum(x, [0, 1], y, [1, 2]),
        lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        lambda x, y: np.einsum(x, [30, 5], y, [5, 2]),
        lambda x, y: np.einsum(x, [..., 0], y, [0, 1], [..., 1]),
        lambda x, y: np.einsum("ij,jk", x, y, optimize=True),
        lambda x, y: np.einsum("ba,ac", x, y),
        lambda x, y: np.einsum("Za,aB", x, y),
        lambda x, y: np.einsum(" i j , j k -> k i ", x, y),
        lambda x, y: np.einsum("ii,jj", x, y),
        lambda x, y: np.einsum("ii,ij->j", x, y),
        lambda x, y: np.einsum("i...,...i", x, y),
        lambda x, y: np.einsum("...,...", x, y),
        lambda x, y: np.einsum("ij,kl->", x, y),
    ],
)
def test_every_form_of_einsum_gives_numpys_result_and_gradient(product):
    x, y = A, Z.real @ A
    np.testing.assert_allclose(product(leaf(x), leaf(y)).data, product(x, y), rtol=1e-14)
    w = np.cos(np.arange(product(x, y).size)).reshape(product(x, y).shape)
    agrees(lambda x: np.sum(product(x, y) * w), x)
    agrees(lambda y: np.sum(product(x, y) * w), y)


def test_a_chain_of_products_is_computed_in_the_cheapest_order():
    a, b, c = np.ones((40, 2)), np.ones((2, 40)), np.ones((40, 1))
    y = np.linalg.multi_dot([leaf(a), leaf(b), leaf(c)])
    assert [n.shape for n in y.node.inputs] == [(40, 2), (2, 1)]
    np.testing.assert_array_equal(y.data, np.linalg.multi_dot([a, b, c]))


def test_a_negative_power_is_one_of_the_inverse():
    agrees(lambda a: np.sum(np.linalg.matrix_power(a, -3) * A), A)
    with pytest.raises(TypeError):
        np.linalg.matrix_power(leaf(A), 0.5)


def test_products_conjugate_the_argument_that_numpy_conjugates():
    x, y = Z[0], Z[1]
    for name in ("vdot", "vecdot"):
        fn = getattr(np, name)
        np.testing.assert_allclose(fn(leaf(x), leaf(y)).data, fn(x, y))
        agrees(lambda x, fn=fn: np.real(fn(x, y)) + 2 * np.imag(fn(x, y)), x)
        agrees(lambda y, fn=fn: np.real(fn(x, y)) + 2 * np.imag(fn(x, y)), y)


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="since NumPy 2.2")
def test_vecmat_conjugates_and_matvec_does_not():
    agrees(lambda x: np.sum(np.real(np.vecmat(x, Z)) + 2 * np.imag(np.vecmat(x, Z))), Z[0])
    agrees(lambda x: np.sum(np.real(np.matvec(Z, x)) + 2 * np.imag(np.matvec(Z, x))), Z[0])


def test_methods_reach_diagonals_and_traces():
    x = leaf(A)
    np.testing.assert_array_equal(tg.gradients(x.trace(), [x])[0], np.eye(3))
    np.testing.assert_array_equal(tg.gradients(x.diagonal(1).sum(), [x])[0], np.eye(3, k=1))


# Bad input


@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    [
        (lambda: np.linalg.solve(leaf(A), leaf(TALL)), ValueError, "solve: expected .*m is 3 and 4"),
        (lambda: np.linalg.inv(leaf(TALL)), ValueError, "inv: expected"),
        (lambda: np.linalg.inv(leaf(np.zeros((2, 2)))), np.linalg.LinAlgError, "Singular"),
        (lambda: np.linalg.eigh(leaf(A), "X"), ValueError, "UPLO"),
        (lambda: np.linalg.multi_dot([leaf(A)]), ValueError, "at least two"),
        (lambda: np.linalg.tensorsolve(leaf(TALL), leaf(TALL[:, 0])), ValueError, "tensorsolve"),
        (lambda: np.cross(leaf([1.0, 2.0]), leaf([1.0, 2.0])), ValueError, "append a 0"),
        (lambda: np.vecdot(leaf([1.0, 2.0]), leaf([1.0])), ValueError, "vecdot: axis -1 is 2 and 1"),
        (lambda: np.linalg.outer(leaf(A), leaf(A)), ValueError, "np.outer flattens"),
        (lambda: np.linalg.matrix_transpose(leaf([1.0])), ValueError, "two axes"),
        (lambda: np.linalg.norm(leaf(A), 3), ValueError, "norm: invalid order 3"),
        (lambda: np.linalg.cond(leaf(np.zeros((0, 0)))), np.linalg.LinAlgError, "empty"),
        (lambda: np.linalg.norm(leaf(A), leaf(2.0)), TypeError, "order"),
        (lambda: np.linalg.vector_norm(leaf(A), ord=leaf(2.0)), TypeError, "order"),
        (lambda: np.linalg.matrix_norm(leaf(A[0])), ValueError, "two axes"),
        (lambda: np.linalg.pinv(leaf(A), leaf(0.1)), TypeError, "parameters"),
        (lambda: np.linalg.matrix_power(leaf(TALL), 0), np.linalg.LinAlgError, "square"),
        (lambda: np.einsum("ij,jk", leaf(A), leaf(A), dtype=float), TypeError, "dtype="),
        (lambda: np.einsum("ij", leaf(A), leaf(A)), ValueError, "names 1 arrays, got 2"),
        (lambda: np.vecdot(leaf(A), leaf(A), axes=[0, 0, ()]), TypeError, "axes="),
        (lambda: np.trace(leaf(A), out=np.zeros(())), TypeError, "out="),
    ],
)
def test_bad_input_is_refused_with_the_reason(attempt, error, message):
    with pytest.raises(error, match=message):
        attempt()
