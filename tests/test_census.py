"""Plain NumPy calls, as people write them: values and gradients on tensors, against NumPy and central differences.

Each line is a program in x (3×4), v (4), s (3×3), p (3×4, positive) and k (3×4, no two elements near), of which all
require a gradient. What a call returns besides floating-point arrays does not count.
"""

import numpy as np
import pytest

import tensorgrad as tg

CALLS = """
x + 1; 1 + x; x - p; p - x; x * p; 2 * x; x / p; 1 / p; p ** 2; 2 ** x; p ** x; x // p; x % p; divmod(x, p); -x; +x
abs(x); x @ v; s @ x; x.T @ x; v @ v; x < p; x == x; p ** 0.5; p ** -1; x * v; v * x; x + np.ones((2, 3, 4)); x * 1j
np.exp(x); np.log(p); np.sin(x); np.cos(x); np.tan(x); np.arcsin(x / 3); np.arccos(x / 3); np.arctan(x); np.sinh(x)
np.cosh(x); np.tanh(x); np.arcsinh(x); np.arccosh(p + 1); np.arctanh(x / 3); np.sqrt(p); np.cbrt(p); np.square(x)
np.abs(k); np.fabs(k); np.sign(k); np.floor(x); np.ceil(x); np.round(x, 1); np.trunc(x); np.rint(x)
np.reciprocal(p); np.log2(p); np.log10(p); np.log1p(p); np.exp2(x); np.expm1(x); np.logaddexp(x, p)
np.logaddexp2(x, p); np.hypot(x, p); np.arctan2(x, p); np.maximum(x, k); np.minimum(x, 0.2); np.fmax(x, k)
np.fmin(x, k); np.clip(x, -0.5, 0.5); x.clip(0); np.power(p, 3); np.float_power(p, 2); np.mod(x, p); np.fmod(x, p)
np.remainder(x, 0.7); np.negative(x); np.copysign(x, p); np.deg2rad(x); np.rad2deg(x); np.degrees(x); np.radians(x)
np.sinc(x); np.i0(x); np.nan_to_num(x); np.heaviside(x, 0.5); np.add(x, p); np.subtract(x, v); np.multiply(x, v)
np.divide(x, p); np.true_divide(x, p); np.floor_divide(x, p); np.where(x > 0, x, p); np.where(x > 0, x, 0)
np.ldexp(x, 2); np.frexp(p); np.modf(x); np.positive(x); np.angle(x + 1j); np.sum(x); x.sum(0)
np.sum(x, axis=-1, keepdims=True); np.sum(x, axis=(0, 1)); np.sum(x, where=x > 0); np.sum(x, initial=2.0)
np.mean(x); x.mean(1); np.mean(x, axis=0, where=p > 0.1); np.prod(x); x.prod(0); np.prod(x, axis=1, keepdims=True)
np.max(k); k.max(0); np.max(k, axis=1, keepdims=True); np.min(k); k.min(1); np.amax(k, 0); np.amin(k); np.ptp(k)
np.max(k, initial=0.0); np.ptp(k, axis=1); np.var(x); x.var(0); np.var(x, axis=1, ddof=1); np.std(x); x.std(1)
np.std(x, ddof=1, keepdims=True); np.median(k); np.median(k, axis=0); np.percentile(k, 30)
np.percentile(k, [20, 70], axis=1); np.quantile(k, 0.4); np.quantile(k, 0.3, axis=0, method="nearest")
np.average(x); np.average(x, axis=1, weights=v); np.average(x, weights=p); np.average(x, axis=0, returned=True)
np.cumsum(x); x.cumsum(1); np.cumprod(x, axis=0); x.cumprod(); np.nansum(x); np.nanmean(x, axis=0); np.nanmax(k)
np.nanmin(k, axis=1); np.nanvar(x); np.nanstd(x, axis=0); np.nanprod(x); np.nanmedian(k); np.nanpercentile(k, 40)
np.nanquantile(k, 0.6, axis=0); np.nancumsum(x); np.nancumprod(x, axis=1); np.diff(x); np.diff(x, n=2, axis=0)
np.diff(x, prepend=0.0); np.ediff1d(v); np.gradient(v); np.gradient(x, axis=0); np.gradient(v, 0.5); np.gradient(x)
np.trapezoid(v); np.trapezoid(x, dx=0.5, axis=0); np.cov(x); np.corrcoef(x); np.cov(v); np.cross(x[:, :3], s)
np.cross(v[:3], v[1:]); np.convolve(v, [1.0, 2.0]); np.convolve(v, v, "same"); np.correlate(v, v, "full")
np.interp(0.3, [0.0, 1.0], v[:2]); np.interp(p, [0.0, 1.0, 3.0], [1.0, 2.0, 5.0]); np.unwrap(v * 3)
np.logspace(0, v[0], 3); np.linspace(v[0], v[1], 5); np.linspace(x[0], x[1], 3, axis=1)
np.geomspace(p[0, 0], p[0, 1], 4); np.dot(x, v); np.dot(v, v); x.dot(v); np.matmul(s, x); np.inner(v, v)
np.inner(x, x); np.outer(v, v); np.vdot(v, v); np.tensordot(x, x, axes=([0], [0]))
np.tensordot(x, s, axes=([0], [1])); np.kron(v, v); np.kron(s, x); np.trace(s); s.trace(1)
np.einsum("ij,j->i", x, v); np.einsum("ii", s); np.einsum("ii->i", s); np.einsum("ij,kj->ik", x, x)
np.einsum("...j,j", x, v); np.einsum("i,j->ij", v, v); np.einsum("ij->ji", x); np.einsum("ij,ij->", x, p)
np.linalg.multi_dot([s, x, v]); np.reshape(x, (4, 3)); x.reshape(-1); x.reshape(2, 6); x.ravel(); x.flatten(); x.T
x.transpose(1, 0); np.transpose(x); np.swapaxes(x, 0, 1); np.moveaxis(x, 0, -1); np.rollaxis(x, 1)
np.expand_dims(x, 0); np.squeeze(x[None]); x[None].squeeze(0); np.broadcast_to(v, (3, 4)); np.broadcast_arrays(x, v)
np.atleast_1d(v[0]); np.atleast_2d(v); np.atleast_3d(x); np.flip(x); np.flip(x, 0); np.fliplr(x); np.flipud(x)
np.rot90(x); np.rot90(x, 2); np.roll(x, 1); np.roll(x, (1, 2), axis=(0, 1)); np.tile(x, 2); np.tile(v, (2, 2))
np.repeat(x, 2); np.repeat(x, [1, 2, 0], axis=0); x.repeat(2, axis=1); np.resize(v, (2, 3)); np.concatenate([x, p])
np.concatenate((x, p), axis=1); np.concatenate([x, p], axis=None); np.stack([v, v]); np.stack([x, p], axis=-1)
np.hstack([x, p]); np.vstack([x, v]); np.dstack([x, p]); np.column_stack([v, v]); np.block([[x, p], [p, x]])
np.append(x, v); np.append(x, p, axis=0); np.insert(v, 1, 5.0); np.insert(x, 1, v, axis=0); np.delete(v, 1)
np.delete(x, [0, 2], axis=1); np.split(x, 2, axis=1); np.array_split(v, 3); np.hsplit(x, 2); np.vsplit(x, 3)
np.dsplit(x[:, None], 2); np.split(v, [1, 3]); np.pad(x, 1); np.pad(x, ((1, 0), (0, 2)), constant_values=3.0)
np.pad(x, 1, mode="edge"); np.pad(x, 2, mode="reflect"); np.pad(x, 1, mode="symmetric"); np.pad(x, 2, mode="wrap")
np.pad(v, 2, mode="linear_ramp"); np.pad(k, 1, mode="maximum"); np.pad(x, 1, mode="mean"); np.diag(v); np.diag(s)
np.diag(x, 1); np.diagonal(s); s.diagonal(1); np.diagflat(v); np.tril(x); np.triu(x, 1); np.meshgrid(v, v)
np.meshgrid(v, v[:2], indexing="ij"); np.vander(v); np.vander(v, 3, increasing=True); x[0]; x[:, 1]; x[1:, ::2]
x[..., -1]; x[[0, 2]]; x[[0, 1], [2, 3]]; x[x > 0]; x[None, :, None]; x[np.array([True, False, True])]; x[::-1]
v[[0, 0, 1]]; x[np.ix_([0, 2], [1, 3])]; np.take(x, [0, 5]); np.take(x, [0, 2], axis=0); x.take([1], axis=1)
np.take_along_axis(k, np.argsort(k, axis=1), axis=1); np.compress([True, False, True], x, axis=0)
x.compress([True, True]); np.extract(x > 0, x); np.choose([0, 1, 0, 1], [v, 2 * v])
np.select([x > 0.5, x < -0.5], [x, p], default=0.0)
np.piecewise(x, [x < 0, x >= 0], [lambda t: -t, lambda t: t * t]); np.apply_along_axis(lambda t: t * t, 0, x)
np.apply_over_axes(np.sum, x, [0]); np.sort(k); np.sort(k, axis=0); np.sort(k, axis=None); np.partition(k, 1)
np.unique(k); np.argsort(k); np.argmax(k); np.argmin(k, axis=0); np.searchsorted(np.sort(v), 0.1); np.nonzero(x)
np.count_nonzero(x); np.trim_zeros(v); np.linalg.inv(s); np.linalg.solve(s, x); np.linalg.solve(s, x[:, 0])
np.linalg.det(s); np.linalg.slogdet(s); np.linalg.pinv(x); np.linalg.norm(x); np.linalg.norm(v, 1)
np.linalg.norm(v, np.inf); np.linalg.norm(x, axis=0); np.linalg.norm(x, "nuc"); np.linalg.norm(x, 2)
np.linalg.norm(x, ord=3, axis=1); np.linalg.norm(x, keepdims=True); np.linalg.matrix_power(s, 3)
np.linalg.matrix_power(s, -2); np.linalg.cholesky(s @ s.T + 3 * np.eye(3)); np.linalg.eigvalsh(s + s.T)
np.linalg.svd(x, compute_uv=False); np.linalg.eigh(s + s.T)[0]; np.abs(np.linalg.eigh(s + s.T)[1])
np.abs(np.linalg.svd(x, full_matrices=False)[0]); np.abs(np.linalg.qr(s)[0]); np.abs(np.linalg.qr(s)[1])
np.linalg.lstsq(x.T, v)[0]; np.linalg.cond(s); np.linalg.matrix_rank(s); np.linalg.tensorsolve(s, v[:3])
np.linalg.tensorinv(s.reshape(3, 1, 3), ind=1); np.linalg.eigvals(s + 4 * np.diag([1, 2, 3])); np.fft.fft(v)
np.fft.ifft(v); np.fft.rfft(v); np.fft.irfft(np.fft.rfft(v)); np.fft.fft2(x); np.fft.fftn(x); np.fft.fftshift(x)
np.fft.fft(x, n=6, axis=0); np.fft.rfft(x, norm="ortho"); np.fft.hfft(v); np.fft.ihfft(v); np.fft.irfft(v)
np.fft.ifft2(x); np.real(x + 1j * p); np.imag(x * (1 + 2j)); np.conj(x + 1j); np.abs(x + 1j * p); (x + 1j * p).real
(x * 1j).imag; np.exp(1j * x); np.polyval(v, 2.0); np.polyval([1.0, 2.0, 3.0], x); np.polyder(v); np.polyint(v)
np.polymul(v, v); np.polyadd(v, v[:2]); np.add.reduce(x); np.add.reduce(x, axis=1); np.multiply.reduce(x)
np.maximum.reduce(k, axis=1); np.add.accumulate(x, axis=1); np.multiply.outer(v, v); np.add.outer(v, x)
np.logaddexp.reduce(x); np.add.reduceat(v, [0, 2]); np.subtract.outer(v, v); np.zeros_like(x); np.ones_like(x) * x
np.full_like(x, v[0]); np.array([v[0], 1.0, v[1]], like=v); np.copy(x); x.copy(); x.astype(float)
np.lib.stride_tricks.sliding_window_view(v, 2); [e * 2 for e in v]; sum(v); max(v, key=float_of); len(x); [*x][0]
np.array_equal(x, x); np.permute_dims(x, (1, 0)); np.matrix_transpose(x); x.mT; np.linalg.vecdot(x, p)
np.vecdot(x, p); np.linalg.vector_norm(x); np.linalg.matrix_norm(x); np.linalg.svdvals(x); np.linalg.outer(v, v)
np.cumulative_sum(v); np.cumulative_prod(v); np.concat([v, v]); np.pow(p, 2.0); np.acos(x / 3); np.asinh(x)
np.atan2(x, p); np.unstack(x); np.astype(x, np.float64); np.unique_values(k); np.round(x); x.round(2); x.std(axis=0)
x.max(); k.argmax(); x.conj(); x.real; x.imag; x[0, 0]
"""
PROGRAMS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(";")]


def float_of(value):
    return value.item() if isinstance(value, tg.Tensor) else float(value)


def inputs():
    rng = np.random.default_rng(3)
    spaced = rng.permutation(np.linspace(-1.4, 1.5, 12)).reshape(3, 4)
    return {
        "x": rng.uniform(-1.3, 1.4, (3, 4)),
        "v": np.array([0.7, -0.4, 1.1, 0.3]),
        "s": rng.uniform(-1, 1, (3, 3)) + 2 * np.eye(3),
        "p": rng.uniform(0.4, 1.9, (3, 4)),
        "k": spaced,
    }


def run(program, values):
    """Return the floating-point arrays that a program returns, in a list."""
    found, results = eval(program, {"np": np, "float_of": float_of, **values}), []  # our own lines
    stack = [found]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple | list):
            stack += reversed(item)
        elif isinstance(item, tg.Tensor | np.ndarray | np.generic) and item.dtype.kind in "fc":
            results.append(item)
        elif isinstance(item, float):
            results.append(np.float64(item))
    return results


def total(results):
    """Return a weighted sum of all elements, real."""
    terms = []
    for i, y in enumerate(results):
        y = np.real(y) + 0.7 * np.imag(y) if np.iscomplexobj(y) else y
        weights = np.cos(1.3 * np.arange(float(np.size(y))) + i).reshape(np.shape(y))
        terms.append(np.sum(y * weights))
    return sum(terms[1:], terms[0]) if terms else 0.0


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_plain_numpy_call_has_numpys_values_and_the_right_gradient(program):
    missing = program.split("(")[0].split(".")[-1] if program.startswith("np.") else ""
    if missing and "(" in program and program.count(".") and not hasattr_path(program.split("(")[0]):
        pytest.skip("this NumPy has no such function")
    arrays = inputs()
    leaves = {name: tg.tensor(a, requires_grad=True) for name, a in arrays.items()}
    expected, found = run(program, arrays), run(program, leaves)
    assert len(expected) == len(found)
    for e, y in zip(expected, found, strict=True):
        value = y.data if isinstance(y, tg.Tensor) else y
        assert np.shape(value) == np.shape(e) and value.dtype == e.dtype
        np.testing.assert_allclose(value, e, rtol=1e-12, atol=1e-13)
    loss = total(found)
    live = isinstance(loss, tg.Tensor) and loss.requires_grad
    gradients = tg.gradients(loss, list(leaves.values())) if live else [np.zeros(a.shape) for a in arrays.values()]
    for g, (name, a) in zip(gradients, arrays.items(), strict=True):
        np.testing.assert_allclose(g, central(program, arrays, name), rtol=2e-6, atol=2e-8, err_msg=name)
        assert np.shape(g) == a.shape


def central(program, arrays, name, step=1e-4):
    """Return the derivative of a program for one input: central differences, extrapolated."""
    found = np.zeros(arrays[name].shape)
    for place in np.ndindex(found.shape):
        slopes = []
        for h in (step, step / 2):
            ends = []
            for sign in (1, -1):
                moved = {key: value.copy() for key, value in arrays.items()}
                moved[name][place] += sign * h
                ends.append(float(total(run(program, moved))))
            slopes.append((ends[0] - ends[1]) / (2 * h))
        found[place] = (4 * slopes[1] - slopes[0]) / 3
    return found


def hasattr_path(path):
    """Whether NumPy has what a dotted name says."""
    here = np
    for part in path.split(".")[1:]:
        if not hasattr(here, part):
            return False
        here = getattr(here, part)
    return True
