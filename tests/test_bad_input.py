"""Mistakes in the use of functions of functions are refused where they are made, with what was given and expected."""

import re

import numpy as np
import pytest

import tensorgrad as tg

X = np.ones(2)
PAIR = {"a": X, "b": 2 * X}
WRONG = (TypeError, ValueError)


def product(tree):
    return tree["a"] * tree["b"]


def energy(tree):
    return np.sum(tree["a"] ** 3 * tree["b"])


def cubes(x):
    return np.sum(x**3)


def times(a, b):
    return a * b


def leaf():
    return tg.tensor([1.0, 2.0], requires_grad=True)


def refused(mistake, *words):
    """Assert that a mistake is refused in these words, in any order: regular expressions."""
    with pytest.raises(WRONG) as caught:
        mistake()
    missing = [word for word in words if not re.search(word, str(caught.value))]
    assert not missing, f"{caught.value} does not say {missing}"


# Results that have no gradient


def nothing(x):
    np.sum(x)


RETURNS = {  # what a function returns, and how an error calls it
    "nothing": (nothing, "nothing must return one number, got NoneType"),
    "a string": (lambda x: "text", "got str"),
    "a tuple": (lambda x: (np.sum(x), np.sum(x)), "got tuple"),
    "a list": (lambda x: [np.sum(x)], "got list"),
    "a dict": (lambda x: {"loss": np.sum(x)}, "got dict"),
    "an object": (lambda x: object(), "got object"),
    "several numbers": (lambda x: x * 2, r"got shape \(2,\): reduce it, or use tg.jacobian"),
    "a matrix of one row": (lambda x: x[None], r"got shape \(1, 2\)"),
    "no number": (lambda x: x[:0], r"got shape \(0,\)"),
    "a complex number": (lambda x: np.sum(x) * 1j, "real number, got complex128: take np.real or np.abs"),
}
WITH = {
    "grad": lambda f: tg.grad(f)(X),
    "value_and_grad": lambda f: tg.value_and_grad(f)(X),
    "hessian": lambda f: tg.hessian(f)(X),
    "hvp": lambda f: tg.hvp(f, (X,), (X,)),
    "grad in grad": lambda f: tg.grad(lambda x: np.sum(tg.grad(f)(x)))(X),
    "grad in jvp": lambda f: tg.jvp(tg.grad(f), (X,), (X,)),
}


@pytest.mark.parametrize("derive", WITH.values(), ids=WITH)
@pytest.mark.parametrize(("f", "words"), RETURNS.values(), ids=RETURNS)
def test_a_function_to_derive_must_return_one_real_number(f, words, derive):
    refused(lambda: derive(f), "must return", words)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x) > 0,
        lambda x: True,
    ],
    ids=["comparison", "truth"],
)
def test_a_truth_value_is_no_number_to_derive(f):
    refused(lambda: tg.grad(f)(X), "must return one number, got bool")


@pytest.mark.parametrize("x", [X, np.float32(2.0), 2.0], ids=["array", "scalar", "float"])
def test_a_constant_of_any_type_has_a_gradient_of_zeros(x):
    for constant in (3, 3.0, np.float32(3), np.array(3.0), np.array([[3.0]]), tg.tensor(3.0)):
        found = tg.grad(lambda x, constant=constant: constant)(x)
        np.testing.assert_array_equal(found, np.zeros_like(x))
        assert np.asarray(found).dtype == np.asarray(x).dtype


NO_ARRAYS = {
    "nothing": (nothing, "NoneType"),
    "a string": (lambda x: "text", "str"),
    "no arrays": (lambda x: {}, "dict"),
}
MAPS = {
    "jacobian": lambda f: tg.jacobian(f)(X),
    "jvp": lambda f: tg.jvp(f, (X,), (X,)),
    "vjp": lambda f: tg.vjp(f, X),
}


@pytest.mark.parametrize("derive", MAPS.values(), ids=MAPS)
@pytest.mark.parametrize(("f", "kind"), NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_a_function_without_arrays_in_its_result_has_no_jacobian(f, kind, derive):
    refused(lambda: derive(f), "must return", f"got {kind}")


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (nothing, ("nothing", "must return", "NoneType")),
        (lambda x: x * 1j, ("must return", "real", "complex128")),
        (lambda x: "text", ("must return", "str")),
        (lambda x: (x, x), ("must return", "tuple")),
    ],
    ids=["nothing", "complex", "string", "tuple"],
)
def test_a_function_to_derive_element_by_element_must_return_a_real_array(f, words):
    refused(lambda: tg.elementwise_grad(f)(X), *words)


# Auxiliary results


@pytest.mark.parametrize("derive", [tg.grad, tg.value_and_grad])
@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (np.sum, r"\(\)|Tensor"),
        (lambda x: x, r"\(2,\)|Tensor"),
        (nothing, "NoneType"),
        (lambda x: (np.sum(x),), "1"),
        (lambda x: (np.sum(x), 1, 2), "3"),
    ],
    ids=["number", "two elements", "nothing", "one", "three"],
)
def test_a_function_with_auxiliary_results_must_return_a_pair(derive, f, kind):
    refused(lambda: derive(f, has_aux=True)(X), "pair", kind)


def test_a_pair_is_refused_unless_it_is_announced():
    refused(lambda: tg.grad(lambda x: (np.sum(x), 1))(X), "must return one number, got tuple")


# Which arguments


@pytest.mark.parametrize("derive", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.elementwise_grad])
@pytest.mark.parametrize(
    ("argnums", "words"),
    [
        (2, ("argnums=2", "times", "with 2")),
        (-3, ("argnums=-3", "times", "with 2")),
        ((0, 2), ("argnums=2", "times", "with 2")),
        ((0, 0), ("argnums", "0", "twice|duplicate|once|repeat")),
        ((0, -2), ("argnums", "-2", "twice|duplicate|once|repeat")),
        ((), ("argnums", "empty|none|no argument")),
        (True, ("argnums", "True")),
        ((0, 1.0), ("argnums", "1.0")),
        (0.0, ("argnums", "0.0")),
        ("a", ("argnums", "'a'")),
        (None, ("argnums", "None")),
        ((0, "b"), ("argnums", "'b'")),
    ],
    ids=str,
)
def test_argnums_are_places_of_positional_arguments_each_once(derive, argnums, words):
    def total(a, b):
        return np.sum(times(a, b))

    total.__name__ = "times"
    refused(lambda: derive(total, argnums=argnums)(1.0, 2.0), *words)


def test_an_argument_passed_by_name_has_no_place():
    refused(lambda: tg.grad(times)(a=1.0, b=2.0), "argnums=0", "times", "0 positional")


def test_numpys_integers_are_places():
    assert tg.grad(times, argnums=np.int64(1))(2.0, 3.0) == 2.0
    assert tg.grad(times, argnums=[np.int64(1), 0])(2.0, 3.0) == (2.0, 3.0)


# Arguments that have no derivative


@pytest.mark.parametrize(
    "derive",
    [
        lambda x: tg.grad(np.sum)(x),
        lambda x: tg.jacobian(np.sin)(x),
        lambda x: tg.hessian(np.sum)(x),
        lambda x: tg.elementwise_grad(np.sin)(x),
        lambda x: tg.vjp(np.sin, x),
        lambda x: tg.jvp(np.sin, (x,), (np.ones(np.shape(x)),)),
        lambda x: tg.hvp(np.sum, (x,), (np.ones(np.shape(x)),)),
    ],
    ids=["grad", "jacobian", "hessian", "elementwise_grad", "vjp", "jvp", "hvp"],
)
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.arange(3), "int64"),
        (np.int64(3), "int64"),
        (np.array([True]), "bool"),
        (np.array(["a"]), "<U1"),
        (np.array([object()]), "object"),
        (tg.tensor([1, 2]), "int64"),
    ],
    ids=["integers", "integer", "bool", "text", "objects", "tensor"],
)
def test_an_array_without_floating_point_numbers_has_no_derivative(derive, x, words):
    refused(lambda: derive(x), f"an argument of {words} has no derivative", "floating-point")


@pytest.mark.parametrize("x", ["text", None, True, {}, [], object()], ids=lambda x: type(x).__name__)
def test_an_argument_without_arrays_has_no_derivative(x):
    refused(lambda: tg.grad(np.sum)(x), "argument 0 of sum holds no array", re.escape(f"{x!r:.60}"))
    refused(lambda: tg.vjp(np.sum, x), "argument 0 of sum holds no array", re.escape(f"{x!r:.60}"))


def test_an_integer_array_within_an_argument_is_refused_too():
    refused(lambda: tg.grad(energy)({"a": X, "b": np.arange(2)}), "int64 has no derivative")


# Tangents

BAD_TANGENTS = {  # for one primal of shape (2,)
    "longer": (np.ones(3), (r"\(3,\)", r"\(2,\)")),
    "a number": (1.0, (r"\(\)", r"\(2,\)")),
    "a row": (np.ones((1, 2)), (r"\(1, 2\)", r"\(2,\)")),
    "a matrix": (np.ones((2, 2)), (r"\(2, 2\)", r"\(2,\)")),
}


@pytest.mark.parametrize(("tangent", "words"), BAD_TANGENTS.values(), ids=BAD_TANGENTS)
def test_a_tangent_of_another_shape_is_refused_by_jvp(tangent, words):
    refused(lambda: tg.jvp(np.sin, (X,), (tangent,)), "tangent", *words)


@pytest.mark.parametrize(("tangent", "words"), BAD_TANGENTS.values(), ids=BAD_TANGENTS)
def test_a_tangent_of_another_shape_is_refused_by_hvp(tangent, words):
    refused(lambda: tg.hvp(cubes, (X,), (tangent,)), "tangent", *words)


PRODUCTS = {"jvp": (tg.jvp, product, cubes), "hvp": (tg.hvp, energy, cubes)}  # of a pair, and of an array
each_product = pytest.mark.parametrize(("derive", "of_pair", "of_array"), PRODUCTS.values(), ids=PRODUCTS)


@each_product
@pytest.mark.parametrize(
    ("tangent", "dtype"),
    [
        (X * 1j, "complex128"),
        (np.array([1, 0]), "int64"),
        (np.array([True, False]), "bool"),
    ],
    ids=["complex", "integers", "truth values"],
)
def test_a_tangent_of_a_real_array_holds_real_floating_point_numbers(derive, of_pair, of_array, tangent, dtype):
    refused(lambda: derive(of_array, (X,), (tangent,)), "tangent", dtype, "float64")


@each_product
@pytest.mark.parametrize("tangent", [None, "ab", object()], ids=["None", "str", "object"])
def test_a_tangent_is_an_array(derive, of_pair, of_array, tangent):
    refused(lambda: derive(of_array, (X,), (tangent,)), "tangent", r"\(2,\)")


@each_product
@pytest.mark.parametrize("tangents", [(), (X, X)], ids=["none", "two"])
def test_there_are_as_many_tangents_as_primals(derive, of_pair, of_array, tangents):
    refused(lambda: derive(of_array, (X,), tangents), "tangents", "1", str(len(tangents)))


@pytest.mark.parametrize(
    ("derive", "f"),
    [(tg.jvp, np.sin), (tg.hvp, cubes)],
    ids=["jvp", "hvp"],
)
@pytest.mark.parametrize(("primals", "tangents"), [(X, X), ((X,), X), (X, (X,))], ids=["both", "tangents", "primals"])
def test_primals_and_tangents_are_tuples(derive, f, primals, tangents):
    refused(lambda: derive(f, primals, tangents), "tuple of primals", "tangents")


@each_product
@pytest.mark.parametrize(
    ("tangent", "word"),
    [
        ({"a": X}, "'b'"),
        ({"a": X, "b": X, "c": X}, "'c'"),
        ({"a": X, "c": X}, "'c'"),
        (X, r"\('a',\)|'a'"),
        ([X, X], "'a'"),
    ],
    ids=["too few", "too many", "other", "an array", "a list"],
)
def test_tangents_have_the_structure_of_the_primals(derive, of_pair, of_array, tangent, word):
    refused(lambda: derive(of_pair, (PAIR,), (tangent,)), "tangent", word)


def test_tangents_in_a_dict_belong_to_the_primals_of_the_same_keys():
    along = {"b": X, "a": 0 * X}
    np.testing.assert_array_equal(tg.jvp(product, (PAIR,), (along,))[1], PAIR["a"] * along["b"])


def test_tangents_of_a_hessian_in_a_dict_belong_to_the_primals_of_the_same_keys():
    found = tg.hvp(energy, (PAIR,), ({"b": X, "a": 0 * X},))
    np.testing.assert_array_equal(found["a"], [3.0, 3.0])
    np.testing.assert_array_equal(found["b"], [0.0, 0.0])


def test_cotangents_in_a_dict_belong_to_the_results_of_the_same_keys():
    _, pullback = tg.vjp(lambda x: {"a": x, "b": x * 10}, X)
    np.testing.assert_array_equal(pullback({"b": X, "a": 0 * X})[0], [10.0, 10.0])


def test_a_tangent_of_another_precision_is_taken_in_that_of_its_primal():
    single = X.astype(np.float32)
    assert tg.jvp(np.sin, (single,), (X,))[1].dtype == np.float32
    assert tg.jvp(np.sin, (X,), (single,))[1].dtype == np.float64
    assert tg.hvp(cubes, (single,), (X,)).dtype == np.float32
    assert tg.hvp(cubes, (X,), (single,)).dtype == np.float64


def test_a_python_integer_is_a_tangent_of_a_number():
    assert tg.jvp(np.sin, (0.0,), (2,)) == (0.0, 2.0)
    assert tg.hvp(lambda x: x**3, (1.0,), (2,)) == 12.0


# Cotangents


@pytest.mark.parametrize(
    ("cotangent", "words"),
    [
        (np.ones(3), (r"\(3,\)", r"\(2,\)")),
        (1.0, (r"\(\)", r"\(2,\)")),
        (np.ones((2, 1)), (r"\(2, 1\)", r"\(2,\)")),
        (None, ("cotangent", "nothing", "out")),
        ("ab", ("cotangent", "nothing", "out")),
        ((X,), ("cotangent", r"out\[0\]", "the result for out")),
    ],
    ids=["longer", "a number", "a column", "None", "str", "a tuple"],
)
def test_a_cotangent_has_the_form_of_the_result(cotangent, words):
    _, pullback = tg.vjp(np.sin, X)
    refused(lambda: pullback(cotangent), *words)


@pytest.mark.parametrize(
    "cotangent", [X, (X,), (X, X, X), {"a": X, "b": X}], ids=["an array", "too few", "too many", "a dict"]
)
def test_cotangents_have_the_structure_of_the_results(cotangent):
    _, pullback = tg.vjp(lambda x: (x, x * 2), X)
    refused(lambda: pullback(cotangent), "cotangent", r"the result for out\[0\], out\[1\]")


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize(
    "start",
    [
        lambda c: tg.vjp(np.sin, X)[1](c),
        lambda c: (t := leaf(), tg.gradients(t * 2, [t], c)),
        lambda c: (leaf() * 2).backward(c),
    ],
    ids=["pullback", "gradients", "backward"],
)
def test_a_real_result_has_no_complex_cotangent(start):
    refused(lambda: start(X * 1j), "complex128", "float64")


def test_a_complex_result_takes_a_real_cotangent():
    _, pullback = tg.vjp(lambda z: z * 2j, X + 0j)
    np.testing.assert_array_equal(pullback(X)[0], X * -2j)


# Records that were let go


def test_gradients_after_backward_say_how_to_keep_the_record():
    x = leaf()
    y = np.sum(np.sin(x) * x)
    y.backward()
    for again in (y.backward, lambda: tg.gradients(y, [x]), lambda: tg.gradients(y, [x], create_graph=True)):
        with pytest.raises(RuntimeError, match="retain_graph=True") as caught:
            again()
        assert "second time" in str(caught.value)


def test_a_record_that_is_kept_is_derived_as_often_as_one_likes():
    x = leaf()
    y = np.sum(np.sin(x) * x)
    y.backward(retain_graph=True)
    (first,) = tg.gradients(y, [x])
    (second,) = tg.gradients(y, [x])
    y.backward()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(x.grad, 2 * first)


def test_a_pullback_can_be_called_again():
    _, pullback = tg.vjp(lambda x: np.sin(x) * x, X)
    np.testing.assert_array_equal(pullback(X)[0], pullback(X)[0])


def test_a_function_that_goes_through_a_record_that_was_let_go_is_refused():
    w = leaf()
    feature = np.exp(w)
    np.sum(feature * w).backward()
    outside = tg.tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        tg.grad(lambda s: np.sum(feature * s))(outside).backward()


# Errors of the function itself


class OwnError(Exception):
    """An error that no library knows."""


def failing(*args):
    raise OwnError("of mine", 3)


@pytest.mark.parametrize(
    "derive",
    [
        lambda: tg.grad(failing)(X),
        lambda: tg.value_and_grad(failing, has_aux=True)(X),
        lambda: tg.elementwise_grad(failing)(X),
        lambda: tg.vjp(failing, X),
        lambda: tg.jvp(failing, (X,), (X,)),
        lambda: tg.hvp(failing, (X,), (X,)),
        lambda: tg.jacobian(failing)(X),
        lambda: tg.hessian(failing)(X),
        lambda: tg.grad(lambda x: np.sum(tg.jvp(failing, (x,), (X,))[1]))(X),
    ],
    ids=["grad", "value_and_grad", "elementwise_grad", "vjp", "jvp", "hvp", "jacobian", "hessian", "nested"],
)
def test_an_error_of_the_function_comes_through_as_it_is(derive):
    with pytest.raises(OwnError) as caught:
        derive()
    assert caught.value.args == ("of mine", 3)
    assert type(tg.grad(lambda x: x * x)(3.0)) is float  # and what comes after is as if nothing had been


def test_an_error_of_numpy_in_the_function_keeps_its_type_and_shapes():
    with pytest.raises(ValueError, match=r"matmul: expected \(m,k\),\(k,n\), got \(2,3\),\(2,3\)"):
        tg.grad(lambda x: np.sum(x @ x))(np.ones((2, 3)))
    with pytest.raises(np.linalg.LinAlgError):
        tg.grad(lambda x: np.sum(np.linalg.inv(x)))(np.zeros((2, 2)))


def test_what_is_no_function_is_refused():
    for derive in (tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.elementwise_grad):
        refused(lambda derive=derive: derive(3)(X), "not callable")
