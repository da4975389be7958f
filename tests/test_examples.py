"""The programs in examples/, run as a user runs them, and the claims that they make."""

import gzip
import hashlib
import http.server
import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg

EXAMPLES = Path(__file__).parents[1] / "examples"
DRAW = ["mnist_3v7", "circles", "l_layer", "cifar_bird_airplane", "check_your_backprop", "gallery"]
PRINT = ["scipy_minimize", "newton", "pinn", "learn_the_rate", "influence", "laplace"]
PROGRAMS = DRAW + PRINT
PNG = b"\x89PNG\r\n\x1a\n"


def program(name, *options, cwd, **environment):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


class Run:
    """What a quick run of a program has printed and written."""

    def __init__(self, name, folder, **environment):
        self.out = folder / "pictures"
        options = ["--out", self.out] if name in DRAW else []
        done = program(name, "--quick", "--json", "figures.json", *options, cwd=folder, **environment)
        assert done.returncode == 0, done.stderr
        self.printed, self.figures = done.stdout, json.loads((folder / "figures.json").read_text())

    def pictures(self):
        return {file.name for file in self.out.iterdir() if file.read_bytes().startswith(PNG)}

    def graphs(self):
        return {file.name for file in self.out.glob("*graph*")}


@pytest.fixture(scope="module")
def module():
    """Import an example as a module, with the helper beside it."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        found = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = found  # dataclasses look themselves up there
        spec.loader.exec_module(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        yield load
        for name in PROGRAMS:
            sys.modules.pop(f"example_{name}", None)


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_says_what_the_program_does_and_takes(name, tmp_path):
    done = program(name, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first_line = (EXAMPLES / f"{name}.py").read_text().removeprefix('"""').splitlines()[0]
    for text in (first_line, "--seed", "--json FILE", "--quick"):
        assert text in done.stdout
    assert ("--out DIR" in done.stdout) == (name in DRAW)
    assert not list(tmp_path.iterdir())  # asking for help writes nothing


# MNIST, 3 against 7


@pytest.fixture(scope="module")
def mnist_run(tmp_path_factory):
    return Run("mnist_3v7", tmp_path_factory.mktemp("mnist"))


def test_mnist_reports_every_optimizer(mnist_run):
    assert list(mnist_run.figures) == ["gd", "momentum", "rmsprop", "adam"]
    for name, figures in mnist_run.figures.items():
        assert list(figures) == ["accuracy", "epochs", "loss"]
        assert figures["epochs"] == len(figures["loss"]) == 1
        assert 0 < figures["loss"][0] < 2
        assert f"{figures['accuracy']:.6f}" in mnist_run.printed.split(name)[-1].splitlines()[0]


def test_mnist_is_learnt_by_adam_even_in_a_quick_run(mnist_run):
    assert mnist_run.figures["adam"]["accuracy"] > 0.8  # chance is 0.504


def test_mnist_draws_losses_digits_and_graph(mnist_run):
    assert mnist_run.pictures() == {"mnist_3v7_loss.png", "mnist_3v7_digits.png"}
    for ending in ("svg", "html"):
        text = (mnist_run.out / f"mnist_3v7_graph.{ending}").read_text(encoding="utf-8")
        for word in ("affine + relu", "layers.0", "weight", "bias", "cross_entropy"):
            assert word in text


def textbook_epoch(name, X, y, rng, lr=0.0005, size=128):
    """Return W1, b1, W2, b2 after an epoch with everything written by hand: forward, backward, update."""
    W1, b1 = rng.standard_normal((784, 7)) * np.sqrt(2 / 784), np.zeros(7)
    W2, b2 = rng.standard_normal((7, 1)) * np.sqrt(2 / 7), np.zeros(1)
    parameters = [W1, b1, W2, b2]
    v, s = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    order = rng.permutation(len(X))
    for t, start in enumerate(range(0, len(X), size), start=1):
        rows = order[start : start + size]
        W1, b1, W2, b2 = parameters
        Z1 = X[rows] @ W1 + b1
        A1 = np.maximum(Z1, 0)
        A2 = 1 / (1 + np.exp(-(A1 @ W2 + b2)))
        dZ2 = (A2 - y[rows]) / len(rows)
        dZ1 = dZ2 @ W2.T * (Z1 > 0)
        gradients = [X[rows].T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)]
        for i, g in enumerate(gradients):
            if name == "gd":
                step = g
            elif name == "momentum":
                step = v[i] = 0.9 * v[i] + 0.1 * g
            elif name == "rmsprop":
                s[i] = 0.9 * s[i] + 0.1 * g**2
                step = g / (np.sqrt(s[i]) + 1e-8)
            elif name == "adam":
                v[i] = 0.9 * v[i] + 0.1 * g
                s[i] = 0.999 * s[i] + 0.001 * g**2
                step = v[i] / (1 - 0.9**t) / (np.sqrt(s[i] / (1 - 0.999**t)) + 1e-8)
            parameters[i] = parameters[i] - lr * step
    return parameters


@pytest.mark.parametrize("name", ["gd", "momentum", "rmsprop", "adam"])
def test_mnist_epoch_is_that_of_a_textbook_network(name, module):
    mnist = module("mnist_3v7")
    X, y, _, _ = mnist.load()
    model, _ = mnist.train(name, X, y, seed=0, epochs=1, progress=False)
    expected = textbook_epoch(name, X, y, np.random.default_rng(0))
    before = tg.nn.MLP([784, 7, 1], rng=0).parameters()
    for ours, theirs, start in zip(model.parameters(), expected, before, strict=True):
        assert np.abs(theirs - start.data).max() > 1e-4  # it has moved
        np.testing.assert_allclose(ours.data, theirs, rtol=0, atol=1e-9)


# Circles


@pytest.fixture(scope="module")
def circles(module):
    return module("circles")


def test_circles_agree_with_every_published_row_and_parameter(circles):
    X, y = circles.circles(1000, circles.SEED)
    model = circles.network(circles.SEED)
    rows = list(circles.train(model, X, y, circles.STEPS))
    assert [step for step, _, _ in rows] == list(range(0, 25_000, 1000))
    for (_, cost, accuracy), (published_cost, published_accuracy) in zip(rows, circles.PUBLISHED, strict=True):
        assert abs(cost - published_cost) <= 1e-9
        assert accuracy == published_accuracy
    for name, array in circles.parameters_of(model).items():
        assert circles.digits(array) == circles.PUBLISHED_PARAMETERS[name].split()
    assert sum(len(text.split()) for text in circles.PUBLISHED_PARAMETERS.values()) == 91


def test_circles_are_the_published_points_and_weights_without_the_global_state(circles):
    state = np.random.get_state()
    (X, y), model = circles.circles(1000, 4), circles.network(4)
    assert all(np.array_equal(a, b) for a, b in zip(state, np.random.get_state(), strict=True))
    from sklearn.datasets import make_circles

    try:
        np.random.seed(4)
        X_global, y_global = make_circles(n_samples=1000, noise=0.05)
        np.random.seed(4)
        weights = [np.random.randn(m, n) for m, n in ((2, 10), (10, 5), (5, 1))]
    finally:
        np.random.set_state(state)
    np.testing.assert_array_equal(X, X_global)
    np.testing.assert_array_equal(y[:, 0], y_global)
    for layer, W in zip(model.layers, weights, strict=True):
        np.testing.assert_array_equal(layer.weight.data, W)


def test_circles_write_columns_parameters_and_a_picture(circles, tmp_path):
    run = Run("circles", tmp_path)
    figures = run.figures
    assert list(figures) == ["iteration", "cost", "accuracy", "parameters"]
    assert figures["iteration"] == [0, 1000, 2000]
    np.testing.assert_allclose(figures["cost"], [cost for cost, _ in circles.PUBLISHED[:3]], rtol=0, atol=1e-9)
    assert figures["accuracy"] == [0.5, 0.499, 0.514]
    shapes = {name: np.shape(values) for name, values in figures["parameters"].items()}
    assert shapes == {"W1": (2, 10), "b1": (1, 10), "W2": (10, 5), "b2": (1, 5), "W3": (5, 1), "b3": (1, 1)}
    assert "equal accuracies: 3 of 3" in run.printed
    assert run.pictures() == {"circles.png"}
    assert run.graphs() == {"circles_graph.svg", "circles_graph.html"}


def test_circles_with_another_seed_compare_with_nothing(tmp_path):
    done = program("circles", "--quick", "--seed", 5, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing to compare" in done.stdout
    assert "largest difference" not in done.stdout


# Two layers and L layers


def test_l_layer_starts_from_the_printed_weights_and_learns(tmp_path):
    run = Run("l_layer", tmp_path)
    same, networks = run.figures["initial_weights"], run.figures["networks"]
    assert same == {"3-2-1, seed 1": True, "4-3-2, seed 1": True, "5-4-3, seed 3": True, "4-3-2, seed 3": True}
    assert list(networks) == ["2 layers", "3 layers", "4 layers", "4 layers, He"]
    for name in ("2 layers", "4 layers, He"):
        assert networks[name]["loss"][-1] < networks[name]["loss"][0] / 5
        assert networks[name]["train_accuracy"] > 0.95
        assert networks[name]["test_accuracy"] > 0.9
    assert run.pictures() == {"l_layer_loss.png"}
    assert run.graphs() == {"l_layer_graph.svg", "l_layer_graph.html"}


def test_l_layer_three_layers_learn_in_a_full_run(module):
    l_layer = module("l_layer")
    X, y, X_test, y_test = l_layer.load(seed=0)
    sizes, init = l_layer.NETWORKS["3 layers"]
    model = tg.nn.MLP(sizes, init=init, rng=np.random.default_rng(0))
    l_layer.train(model, X, y, l_layer.STEPS)
    assert tg.train.accuracy(model, X, y) > 0.99
    assert tg.train.accuracy(model, X_test, y_test) > 0.95


def test_l_layer_comparison_tells_weights_that_are_drawn_otherwise(module, monkeypatch, capsys):
    l_layer = module("l_layer")
    monkeypatch.setattr(l_layer, "small", lambda rng, m, n: rng.standard_normal((m, n)) * 0.01)
    assert not any(l_layer.compare_weights().values())
    assert capsys.readouterr().out.count("differs") == 4


def test_l_layer_scales_by_the_training_part_alone(module):
    X, y, X_test, y_test = module("l_layer").load(seed=0)
    assert len(X) + len(X_test) == len(y) + len(y_test) == 569
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(X.std(axis=0), 1, atol=1e-12)
    assert np.abs(X_test.mean(axis=0)).max() > 0.01


# CIFAR-10, bird against airplane

TRAIN = [f"data_batch_{i}.bin" for i in range(1, 6)]


def cifar_file(rng, images=60):
    """Return labels (n,), images (n, 3, 32, 32) and their bytes: airplanes are blue in the upper half, birds green."""
    labels = np.arange(images) % 10
    pixels = rng.integers(60, 120, (images, 3, 32, 32))
    pixels[labels == 0, 2, :16] += 80
    pixels[labels == 2, 1, :16] += 80
    content = b"".join(
        bytes([label]) + image.astype(np.uint8).tobytes() for label, image in zip(labels, pixels, strict=True)
    )
    return labels, pixels, content


def cifar_archive(contents):
    """Return the bytes of a .tar.gz of the files, in a folder, as the official one is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def contents():
    """The six files, by name."""
    rng = np.random.default_rng(0)
    return {name: cifar_file(rng)[2] for name in [*TRAIN, "test_batch.bin"]}


@pytest.fixture
def folder(tmp_path, contents):
    """A folder that holds the six files, unpacked."""
    (tmp_path / "data" / "cifar-10-batches-bin").mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / "data" / "cifar-10-batches-bin" / name).write_bytes(content)
    return tmp_path / "data"


@pytest.fixture
def cifar(module, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return module("cifar_bird_airplane")


def closed_port():
    """Return a port of this machine where nothing listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def serve():
    """Serve some bytes on this machine, and return their address."""
    servers = []

    def start(content):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_cifar_reads_birds_and_airplanes_of_all_files_in_order(cifar, folder, capsys):
    X, y, X_test, y_test = cifar.load(folder)
    rng = np.random.default_rng(0)
    parts = [cifar_file(rng)[:2] for _ in range(6)]
    for (images, labels), files in (((X, y), parts[:5]), ((X_test, y_test), parts[5:])):
        chosen = [np.isin(numbers, [0, 2]) for numbers, _ in files]
        pixels = np.concatenate([p[c] for (_, p), c in zip(files, chosen, strict=True)])
        numbers = np.concatenate([n[c] for (n, _), c in zip(files, chosen, strict=True)])
        np.testing.assert_array_equal(images.reshape(-1, 3, 32, 32) * 255, pixels)
        np.testing.assert_array_equal(labels, (numbers == 2).astype(float).reshape(-1, 1))
    assert "data_batch_1.bin has 60 images, the official one 10,000" in capsys.readouterr().out


def test_cifar_reads_the_archive_as_the_unpacked_files(cifar, folder, contents, tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(cifar_archive(contents))
    for packed, unpacked in zip(cifar.load(tmp_path), cifar.load(folder), strict=True):
        np.testing.assert_array_equal(packed, unpacked)


def test_cifar_learns_what_can_be_told_apart(folder, tmp_path):
    options = ("--json", "figures.json", "--out", "pictures")
    done = program("cifar_bird_airplane", *options, cwd=tmp_path, TENSORGRAD_DATA=str(folder))
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures) == ["accuracy", "epochs", "loss"]
    assert figures["accuracy"] == 1
    assert figures["epochs"] == len(figures["loss"]) == 30
    assert figures["loss"][-1] < figures["loss"][0] / 5


def test_cifar_quick_run_writes_figures_and_pictures(folder, tmp_path):
    run = Run("cifar_bird_airplane", tmp_path, TENSORGRAD_DATA=str(folder))
    assert run.figures["epochs"] == len(run.figures["loss"]) == 1
    assert "60 training and 12 test images" in run.printed
    assert run.pictures() == {"cifar_loss.png", "cifar_images.png"}
    assert run.graphs() == {"cifar_graph.svg", "cifar_graph.html"}


def test_cifar_without_data_and_network_says_what_to_put_where(tmp_path):
    proxy = f"http://127.0.0.1:{closed_port()}"
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    environment = {
        **dict.fromkeys(names, proxy),
        "NO_PROXY": "",
        "no_proxy": "",
        "TENSORGRAD_DATA": str(tmp_path / "here"),
    }
    done = program("cifar_bird_airplane", cwd=tmp_path, **environment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    address, md5 = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
    places = [str(tmp_path / "here" / name) for name in ("cifar-10-binary.tar.gz", "cifar-10-batches-bin")]
    for text in (address, md5, *places, "TENSORGRAD_DATA"):
        assert text in done.stderr


def test_cifar_that_cannot_be_reached_leaves_nothing_behind(cifar, tmp_path):
    with pytest.raises(cifar.DataError, match="could not be downloaded"):
        cifar.load(tmp_path, url=f"http://127.0.0.1:{closed_port()}/cifar-10-binary.tar.gz")
    assert not list(tmp_path.iterdir())


def test_cifar_is_fetched_once_if_its_sum_is_right(cifar, contents, folder, serve, tmp_path, monkeypatch):
    archive = cifar_archive(contents)
    monkeypatch.setattr(cifar, "MD5", hashlib.md5(archive).hexdigest())
    fetched = cifar.load(tmp_path / "new", url=serve(archive))
    again = cifar.load(tmp_path / "new", url=f"http://127.0.0.1:{closed_port()}/")
    for first, second, unpacked in zip(fetched, again, cifar.load(folder), strict=True):
        np.testing.assert_array_equal(first, unpacked)
        np.testing.assert_array_equal(second, unpacked)


def test_cifar_with_a_wrong_sum_is_refused(cifar, contents, serve, tmp_path):
    with pytest.raises(cifar.DataError, match="could not be downloaded(.|\n)*hash"):
        cifar.load(tmp_path / "new", url=serve(cifar_archive(contents)))
    assert not list((tmp_path / "new").iterdir())


def test_cifar_file_that_is_cut_off_is_named_with_its_size(folder, contents, tmp_path):
    name = "data_batch_3.bin"
    (folder / "cifar-10-batches-bin" / name).write_bytes(contents[name][:-100])
    done = program("cifar_bird_airplane", cwd=tmp_path, TENSORGRAD_DATA=str(folder))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for text in (name, f"{60 * 3073 - 100:,} bytes", "expected 30,730,000", "3,073"):
        assert text in done.stderr


def test_cifar_file_that_is_missing_empty_or_something_else_is_named(cifar, folder):
    file = folder / "cifar-10-batches-bin" / "data_batch_2.bin"
    file.write_bytes(bytes([200]) * 3073)
    with pytest.raises(cifar.DataError, match=r"data_batch_2\.bin has label 200 in record 0, expected 0 to 9"):
        cifar.load(folder)
    file.write_bytes(b"")
    with pytest.raises(cifar.DataError, match=r"data_batch_2\.bin has 0 bytes"):
        cifar.load(folder)
    file.unlink()
    with pytest.raises(cifar.DataError, match=r"data_batch_2\.bin is missing"):
        cifar.load(folder)


def test_cifar_files_without_birds_and_airplanes_are_refused(cifar, folder):
    (folder / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(bytes([7]) + bytes(3072))
    with pytest.raises(cifar.DataError, match=r"no birds and airplanes in test_batch\.bin"):
        cifar.load(folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda archive: archive[: len(archive) // 2],
        lambda _: b"<html>not found</html>",
        lambda _: gzip.compress(b"x" * 600),
    ],
    ids=["cut off", "a page", "no archive inside"],
)
def test_cifar_archive_that_is_damaged_is_named_with_its_size(damage, cifar, contents, tmp_path):
    damaged = damage(cifar_archive(contents))
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(damaged)
    with pytest.raises(
        cifar.DataError, match=rf"tar\.gz cannot be read .*{len(damaged):,} bytes, expected 170,052,171"
    ):
        cifar.load(tmp_path)


def test_cifar_archive_that_lacks_a_file_is_refused(cifar, contents, tmp_path):
    del contents["data_batch_4.bin"]
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(cifar_archive(contents))
    with pytest.raises(cifar.DataError, match=r"lacks .*data_batch_4\.bin"):
        cifar.load(tmp_path)


# The published gradient bugs


@pytest.fixture(scope="module")
def bugs(tmp_path_factory):
    return Run("check_your_backprop", tmp_path_factory.mktemp("bugs"))


DIAGNOSES = {
    "output_sigmoid": ["sigmoid", "relu"],
    "mean_of_mean": ["it is 16 times too small"],
    "leaky_relu": ["the constant 0.01 whatever the cotangent", "negative"],
    "tanh": ["raised TypeError", "'tuple' and 'int'"],
    "saturated_sigmoid": ["it is NaN", "2 of 4 elements"],
}


@pytest.mark.parametrize("name", DIAGNOSES)
def test_bug_is_wrong_as_published_and_right_repaired_or_derived(name, bugs):
    verdicts = {who: report["verdict"] for who, report in bugs.figures[name].items()}
    assert verdicts == {"published": "wrong", "repaired": "right", "derived": "right"}


@pytest.mark.parametrize("name", DIAGNOSES)
def test_bug_is_diagnosed_in_words(name, bugs):
    diagnosis = bugs.figures[name]["published"]["diagnosis"]
    for words in DIAGNOSES[name]:
        assert words in diagnosis
    for line in diagnosis.splitlines():
        assert line in bugs.printed


ELEMENTS = {
    "output_sigmoid": {"W1", "b1", "W2", "b2"},
    "mean_of_mean": {"W1", "b1", "W2", "b2"},
    "leaky_relu": {0, 1},
    "saturated_sigmoid": {2, 3},
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_bug_is_found_in_an_element_that_is_wrong(name, bugs):
    report = bugs.figures[name]["published"]
    assert report["argument"] == 0
    assert report["element"][0] in ELEMENTS[name]


def test_bug_that_raises_is_found_in_its_line(bugs):
    assert bugs.figures["tanh"]["published"]["line"].endswith(": return dA * (1 - tanh(Z) ** 2)")


def test_cost_that_is_infinite_is_refused(bugs):
    assert bugs.figures["infinite_cost"].startswith("cost_through_sigmoid returned inf")


REPAIRS = {
    "early_by_one": "cost_backward",
    "divided_twice": "cost_backward",
    "leaky_relu_constant": "leaky_relu_backward",
    "tanh_of_pair": "tanh_backward",
    "through_sigmoid": "of_logits",
}


def outcomes(folder):
    """Return what pytest prints about the tests in a folder, a line for each failure."""
    path = os.pathsep.join(filter(None, [str(EXAMPLES), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, "COLUMNS": "500"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120).stdout


def test_tests_that_the_reports_give_fail_until_the_bugs_are_repaired(bugs, tmp_path):
    tests = {file.name: file.read_text() for file in bugs.out.glob("test_*.py")}
    assert set(tests) == {f"test_{name}.py" for name in DIAGNOSES}
    published = outcomes(bugs.out)
    assert "5 failed" in published
    assert published.count("GradientError: wrong") == 5
    for name, text in tests.items():
        for bug, repair in REPAIRS.items():
            text = text.replace(bug, repair)
        (tmp_path / name).write_text(text)
    assert "5 passed" in outcomes(tmp_path)


# Derivatives of derivatives


@pytest.mark.parametrize("name", ["newton", "pinn", "learn_the_rate", "influence", "laplace"])
def test_short_examples_run_by_themselves_and_write_finite_figures(name, tmp_path):
    run = Run(name, tmp_path)
    assert run.figures and "NaN" not in json.dumps(run.figures)
    assert len(run.printed.splitlines()) > 5 and "nan" not in run.printed


def test_newtons_digits_double_and_its_estimates_are_those_of_r(module):
    newton = module("newton")
    figures = newton.main()
    digits = -np.log10([error for error in figures["errors"] if error > 1e-14])
    assert digits[-1] > 10
    assert np.all(digits[2:] > 1.8 * digits[1:-1])  # from where the theorem holds; linear convergence adds digits
    for name, published in zip(newton.NAMES, newton.SURVREG, strict=True):
        assert (round(figures["estimates"][name], 3), round(figures["standard_errors"][name], 3)) == published
    assert round(figures["loss"], 1) == 106.6  # minus the log likelihood that survreg prints


def test_scipy_needs_a_tenth_of_the_evaluations_with_derivatives(module):
    pytest.importorskip("scipy")
    figures = module("scipy_minimize").main()
    for problem in ("rosenbrock", "likelihood"):
        values, gradients, products = (
            figures[f"{problem}, {method}"]
            for method in ("BFGS, values alone", "BFGS, gradients", "trust-krylov, products")
        )
        assert values["gradients"] == 0 and 10 * gradients["values"] < values["values"]
        assert products["values"] + products["products"] < values["values"] / 5
        assert products["slope"] < 1e-7 < gradients["slope"]
        others = min(values["minimum"], gradients["minimum"])
        assert products["minimum"] <= others + 1e-14  # rounding: how sums are added up depends on where arrays lie
    np.testing.assert_allclose(figures["rosenbrock, trust-krylov, products"]["x"], 1, rtol=0, atol=1e-8)


def test_pinn_finds_the_solution_of_bratus_equation(module):
    figures = module("pinn").main()
    assert figures["error"] < 2e-4
    assert figures["untrained"] > 100 * figures["error"]


def test_pinn_has_no_residual_at_the_exact_solution(module):
    exact, x = module("pinn").exact, np.linspace(0, 1, 11)
    curvature = tg.elementwise_grad(tg.elementwise_grad(exact))(x)
    np.testing.assert_allclose(curvature, -np.exp(exact(x)), rtol=1e-13)
    np.testing.assert_allclose(exact(np.array([0.0, 1.0])), 0, atol=1e-15)


def test_learnt_rate_is_as_good_as_the_best_of_a_search_and_its_slope_right(module):
    learn = module("learn_the_rate")
    figures = learn.main()
    assert figures["derivative"] == pytest.approx(figures["measured"], rel=1e-9)
    rate, best = min(figures["path"], key=lambda row: row[1])
    assert figures["path"][0][1] > 5 * best and figures["accuracy"] > 0.96
    start, train, other = 0.1 * np.random.default_rng(0).standard_normal(50), *map(learn.digits, ("train", "test"))
    train = learn.Digits(train.X[:256], train.y[:256])
    searched = [learn.loss(learn.trained(r, start, train), other) for r in np.log(rate) + np.linspace(-3, 3, 25)]
    assert best < min(searched) + 1e-4


def test_influence_predicts_what_refits_give(module):
    figures = module("influence").main(quick=True)
    assert figures["loss"] > 2  # a wrong answer, given with confidence
    assert len(figures["actual"]) == 25
    assert figures["correlation"] > 0.999
    slope = np.polyfit(figures["predicted"], figures["actual"], 1)[0]
    assert 0.95 < slope < 1.15  # first order falls short by a few percent


def test_influence_solves_with_the_hessian_that_it_never_makes(module):
    influence = module("influence")
    f, rng = influence.objective(influence.digits("train", 60), np.ones(60)), np.random.default_rng(0)
    w, b = rng.standard_normal(50), rng.standard_normal(50)
    np.testing.assert_allclose(tg.hessian(f)(w) @ influence.solve(f, w, b), b, rtol=0, atol=1e-6)


def test_laplace_bands_are_wide_where_there_are_no_points_and_cover_where_there_are(module):
    figures = module("laplace").main()
    bands = figures["bands"]
    assert bands["inside"] < 0.1 < bands["gap"] < bands["beyond"]
    assert bands["gap"] > 10 * bands["inside"]
    assert 0.92 < figures["coverage"] < 0.98


def test_laplace_precision_is_the_hessian_where_the_network_fits(module):
    laplace, rng = module("laplace"), np.random.default_rng(0)
    v, x = rng.standard_normal(3 * laplace.HIDDEN + 1), rng.standard_normal(20)
    precision = laplace.precision(tg.jacobian(laplace.network)(v, x))
    hessian = tg.hessian(laplace.loss)(v, x, laplace.network(v, x))
    np.testing.assert_allclose(precision, hessian, rtol=1e-9, atol=1e-9 * np.abs(hessian).max())


# Pictures of seven networks


def test_the_gallery_draws_every_view_of_its_networks(tmp_path):
    run = Run("gallery", tmp_path)
    views = ("forward.svg", "backward.svg", "both.svg", "folded.svg")
    expected = {f"{name}_{view}" for name in ("mlp", "overflow") for view in views}
    assert expected | {"mlp.html", "mlp.txt", "overflow.html", "overflow.txt"} == {f.name for f in run.out.iterdir()}
    assert run.figures["mlp"]["forward"]["findings"] == 0
    assert run.figures["overflow"]["forward"]["findings"] > 0
    assert "origin" in (run.out / "overflow_forward.svg").read_text(encoding="utf-8")
