"""What NumPy's public functions do on tensors that NumPy does not let other array types take over: a plain table.

No entry of ours can reach these: NumPy runs its own code. Where that code turns its argument into an array, a tensor
that requires a gradient refuses (`np.asarray` of it raises, and says what to do); one that does not is an array then.
tests/test_undispatched.py tries each statement. Names that a version of NumPy does not have are skipped there.
"""

RUNS = "runs as plain code"
RAISES = "raises"
NO_ARRAYS = "takes no arrays"
SERIES = (
    "runs as plain code in x, for coefficients in one row; coefficients that require a gradient raise; "
    "coefficients of more axes raise unless tensor=False: NumPy sees no array in x"
)
FROM_ROOTS = (
    "runs as plain code in a number x; roots that require a gradient raise; "
    "an x of more axes raises unless tensor=False: NumPy sees no array in x"
)
HOLDS = "holds the tensor as its coefficients, and its values are recorded; raises as long as np.atleast_1d does"
MAPS = "raises on x; runs as plain code in the domains"

NUMPY: dict[str, str] = {
    RUNS: """
        dtype finfo info isscalar issubdtype iterable printoptions promote_types row_stack str_ trapz
    """,
    RAISES: """
        array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix base_repr binary_repr bmat
        broadcast broadcast_shapes diag_indices format_float_positional format_float_scientific from_dlpack frombuffer
        fromiter frompyfunc full isfortran matrix ndarray ndenumerate nditer require vectorize
        bool bool_ byte bytes_ cdouble clongdouble complex128 complex256 complex64 csingle datetime64 double float128
        float16 float32 float64 half int16 int32 int64 int8 int_ intc intp long longdouble longlong object_ short single
        timedelta64 ubyte uint uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong ushort void
        arange bartlett blackman hamming hanning kaiser
    """,
    NO_ARRAYS: """
        busdaycalendar character complexfloating datetime_data empty errstate eye flatiter flexible floating fromfile
        fromfunction fromregex fromstring generic genfromtxt get_include get_printoptions getbufsize geterr geterrcall
        identity iinfo indices inexact integer isdtype load loadtxt mask_indices memmap mintypecode ndindex nested_iters
        number ones recarray record set_printoptions setbufsize seterr seterrcall show_config show_runtime signedinteger
        test tri tril_indices triu_indices typename ufunc unsignedinteger zeros
    """,
}

# By the prefix of their names, for each kind of polynomial; in numpy.polynomial.polynomial newer versions of NumPy let
# other arrays have val2d and grid2d
FAMILIES: dict[str, str] = {
    "polynomial": "poly",
    "chebyshev": "cheb",
    "legendre": "leg",
    "hermite": "herm",
    "hermite_e": "herme",
    "laguerre": "lag",
}
OF_EACH: dict[str, str] = {
    SERIES: "val",
    RAISES: """
        add sub mulx mul div pow der int fromroots vander vander2d vander3d fit trim roots companion line
        val2d val3d valnd grid2d grid3d
    """,
    NO_ARRAYS: "gauss pts1 pts2 interpolate",
    RUNS: "weight",
}
CLASSES = "Polynomial Chebyshev Legendre Hermite HermiteE Laguerre"


def of_families() -> dict[str, str]:
    """Return the rows of the six kinds of polynomials."""
    rows: dict[str, str] = {}
    for module, prefix in FAMILIES.items():
        where = f"numpy.polynomial.{module}"
        rows |= {f"{where}.{prefix}{name}": what for what, names in OF_EACH.items() for name in names.split()}
        if module != "polynomial":
            rows |= {f"{where}.{prefix}2poly": RAISES, f"{where}.poly2{prefix}": RAISES}
    for place, name in zip(FAMILIES, CLASSES.split(), strict=True):
        rows |= {f"numpy.polynomial.{name}": RAISES, f"numpy.polynomial.{place}.{name}": RAISES}
    return rows


UNDISPATCHED: dict[str, str] = {
    **{f"numpy.{name}": what for what, names in NUMPY.items() for name in names.split()},
    "numpy.poly1d": HOLDS,
    "numpy.fft.fftfreq": RUNS,
    "numpy.fft.rfftfreq": RUNS,
    "numpy.linalg.LinAlgError": NO_ARRAYS,
    "numpy.lib.stride_tricks.as_strided": RAISES,
    **of_families(),
    "numpy.polynomial.polynomial.polyvalfromroots": FROM_ROOTS,
    "numpy.polynomial.set_default_printstyle": NO_ARRAYS,
    "numpy.polynomial.polyutils.as_series": RAISES,
    "numpy.polynomial.polyutils.trimcoef": RAISES,
    "numpy.polynomial.polyutils.getdomain": RAISES,
    "numpy.polynomial.polyutils.mapdomain": MAPS,
    "numpy.polynomial.polyutils.mapparms": RUNS,
    "numpy.polynomial.polyutils.trimseq": RUNS,
    "numpy.polynomial.polyutils.format_float": RUNS,
}
