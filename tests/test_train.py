"""Mini-batches, the training loop, predictions and what they get right."""

import numpy as np
import pytest

import tensorgrad as tg

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3))
    return X, (X @ [1.0, -2.0, 0.5] > 0).astype(float)[:, None]


def fit(model, data, **options):
    options = {"epochs": 3, "batch_size": 8, "progress": False, "rng": 0, **options}
    return tg.train.fit(model, tg.nn.binary_cross_entropy, tg.optim.Adam(model.parameters(), lr=0.05), *data, **options)


# Batches
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 7, 10, 50, 64])
def test_every_row_comes_exactly_once_with_its_label(size, shuffle):
    X, y = np.arange(100.0).reshape(50, 2), np.arange(50)
    parts = list(tg.data.batches(X, y, size, shuffle=shuffle, rng=0))
    labels = np.concatenate([b for _, b in parts])
    assert sorted(labels) == list(range(50)) and [len(b) for _, b in parts] == [
        *[size] * (50 // size),
        *[50 % size] * (50 % size > 0),
    ]
    np.testing.assert_array_equal(np.concatenate([a for a, _ in parts])[:, 0], 2 * labels)
    assert (list(labels) == list(range(50))) is (not shuffle)


def test_drop_last_leaves_out_the_smaller_rest():
    X, y = np.zeros((10, 1)), np.arange(10)
    assert [len(b) for _, b in tg.data.batches(X, y, 4, drop_last=True)] == [4, 4]
    assert list(tg.data.batches(X, y, 11, drop_last=True)) == []


def test_a_seed_repeats_the_order_and_a_generator_goes_on():
    X, y = np.zeros((20, 1)), np.arange(20)
    first = [next(tg.data.batches(X, y, 20, rng=3))[1].tolist() for _ in range(2)]
    rng = np.random.default_rng(3)
    going_on = [next(tg.data.batches(X, y, 20, rng=rng))[1].tolist() for _ in range(2)]
    assert first[0] == first[1] == going_on[0] != going_on[1]


@pytest.mark.parametrize(
    ("X", "y", "size", "message"),
    [
        (np.zeros((3, 1)), np.zeros(4), 1, r"one row per example each, got shapes \(3, 1\) and \(4,\)"),
        (np.zeros((0, 1)), np.zeros(0), 1, "there is no data"),
        (np.zeros((3, 1)), np.zeros(3), 0, "batch_size must be a positive integer, got 0"),
        (np.zeros((3, 1)), np.zeros(3), 2.0, "batch_size must be a positive integer, got 2.0"),
        (np.array([[0.0, np.nan]]), np.zeros(1), 1, r"X holds 1 values that are NaN.*the first \(nan\) at \(0, 1\)"),
        (np.zeros((1, 1)), np.array([np.inf]), 1, r"y holds 1 values that are NaN or infinite, the first \(inf\)"),
    ],
)
def test_bad_data_is_refused_at_the_call(X, y, size, message):
    with pytest.raises(ValueError, match=message):
        tg.data.batches(X, y, size)


def test_data_whose_sum_overflows_is_no_infinite_data():
    assert len(list(tg.data.batches(np.full((4, 1), 1e308), np.zeros(4), 2))) == 2
    assert len(list(tg.data.batches(np.full((4, 1), 3e4, np.float16), np.zeros(4), 2))) == 2


def test_data_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match="X must hold numbers, got <U1"):
        tg.data.batches(np.array(["a", "b"]), np.zeros(2), 1)


# Fit
def test_fit_learns_and_reports_one_loss_per_epoch(data):
    model = tg.nn.MLP([3, 4, 1], rng=0)
    history = fit(model, data, epochs=20)
    assert len(history.loss) == 20 and history.loss[-1] < history.loss[0] / 2
    assert tg.train.accuracy(model, *data) > 0.9
    assert history.validation == [] and history.metrics == {}


def test_the_reported_loss_is_the_mean_over_rows_before_each_update(data):
    X, y = data
    model = tg.nn.MLP([3, 1], rng=0)
    w = model.state_dict()
    history = tg.train.fit(
        model, tg.nn.binary_cross_entropy, tg.optim.SGD(model.parameters(), lr=0.0), X, y,
        epochs=1, batch_size=8, progress=False,
    )  # fmt: skip
    assert history.loss[0] == pytest.approx(
        tg.nn.binary_cross_entropy(X @ w["layers.0.weight"] + w["layers.0.bias"], y), rel=1e-12
    )


def test_fit_equals_the_loop_written_out(data):
    models = [tg.nn.MLP([3, 4, 1], rng=0) for _ in range(2)]
    fit(models[0], data, epochs=2, rng=5)
    optimizer, rng = tg.optim.Adam(models[1].parameters(), lr=0.05), np.random.default_rng(5)
    for _ in range(2):
        for x, y in tg.data.batches(*data, 8, rng=rng):
            optimizer.zero_grad()
            tg.nn.binary_cross_entropy(models[1](x), y).backward()
            optimizer.step()
    for p, q in zip(*(m.parameters() for m in models), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_validation_and_metrics_are_computed_after_each_epoch(data):
    model = tg.nn.MLP([3, 1], rng=0)
    history = fit(model, data, validation=data, metrics={"positive": lambda p, y: (p > 0).mean()})
    assert len(history.validation) == len(history.metrics["positive"]) == 3
    assert history.validation[-1] == pytest.approx(
        tg.nn.binary_cross_entropy(tg.train.predict(model, data[0]), data[1])
    )
    assert history.metrics["positive"][-1] == (tg.train.predict(model, data[0]) > 0).mean()


def test_log_every_prints_the_loss_every_so_many_epochs(data, capsys):
    history = fit(tg.nn.MLP([3, 1], rng=0), data, epochs=5, log_every=2)
    assert capsys.readouterr().out == f"epoch 2: loss {history.loss[1]:.6f}\nepoch 4: loss {history.loss[3]:.6f}\n"


def test_progress_shows_a_bar(data, capsys):
    pytest.importorskip("tqdm")
    fit(tg.nn.MLP([3, 1], rng=0), data, progress=True, log_every=3)
    shown = capsys.readouterr()
    assert "3/3" in shown.err and "loss=" in shown.err and "epoch 3" in shown.out


def test_no_epochs_give_an_empty_history(data):
    assert fit(tg.nn.MLP([3, 1], rng=0), data, epochs=0).loss == []


def test_a_loss_that_becomes_nan_is_not_hidden(data):
    model = tg.nn.MLP([3, 1], rng=0)
    optimizer = tg.optim.SGD(model.parameters(), lr=1e200)
    with np.errstate(all="ignore"), pytest.warns(UserWarning, match="the loss became (nan|inf) in epoch"):
        tg.train.fit(model, tg.nn.mse_loss, optimizer, *data, epochs=3, batch_size=50, progress=False)


def test_fit_refuses_nan_in_the_data_and_a_loss_that_is_no_tensor(data):
    X, y = data
    bad = X.copy()
    bad[17, 2] = np.nan
    with pytest.raises(ValueError, match=r"X holds 1 values that are NaN.*at \(17, 2\)"):
        fit(tg.nn.MLP([3, 1], rng=0), (bad, y))
    with pytest.raises(ValueError, match="NaN"):
        fit(tg.nn.MLP([3, 1], rng=0), data, validation=(bad, y))
    model = tg.nn.Linear(3, 1)
    with pytest.raises(TypeError, match="must return a tensor, got float"):
        tg.train.fit(model, lambda p, t: 0.0, tg.optim.SGD(model.parameters()), X, y, epochs=1, batch_size=8)


class Dropout(tg.nn.Module):
    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append(self.training)
        return x


def test_fit_trains_in_training_mode_and_predicts_in_evaluation_mode_and_restores_both(data):
    layer = Dropout()
    model = tg.nn.Sequential(tg.nn.Linear(3, 1, rng=0), layer).eval()
    fit(model, data, epochs=1, batch_size=50, validation=data)
    assert layer.seen == [True, False] and not layer.training


def test_history_plots_every_curve(data):
    history = fit(tg.nn.MLP([3, 1], rng=0), data, validation=data, metrics={"one": lambda p, y: 1})
    ax = history.plot()
    assert [line.get_label() for line in ax.lines] == ["loss", "validation", "one"]
    assert list(ax.lines[0].get_ydata()) == history.loss and history.plot(ax) is ax
    matplotlib.pyplot.close("all")


# Predictions
def test_predict_returns_raw_outputs_as_an_array_and_records_nothing(data):
    model = tg.nn.MLP([3, 2, 1], rng=0)
    X = np.tile(data[0], (100, 1))  # several batches
    out = tg.train.predict(model, X)
    assert type(out) is np.ndarray
    np.testing.assert_allclose(out, model(X).data, rtol=1e-12)


def test_predict_refuses_nan():
    with pytest.raises(ValueError, match="X holds"):
        tg.train.predict(tg.nn.Linear(1, 1), [[np.nan]])


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_one_output_column_means_label_1_where_the_probability_exceeds_the_threshold(shape):
    X, y = np.array([[-1.0], [0.0], [1.0], [3.0]]), np.array([0, 0, 1, 0]).reshape(shape)
    accuracy, correct, incorrect = tg.train.evaluate(lambda x: x, X, y)
    assert accuracy == 0.75 and correct.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(incorrect, ~correct)
    assert tg.train.accuracy(lambda x: x, X, y, threshold=0.9) == 0.5  # sigmoid(1) = 0.73, sigmoid(3) = 0.95
    assert tg.train.accuracy(lambda x: x, X / 4 + 0.5, y, threshold=0.5, from_logits=False) == 0.75


def test_several_output_columns_mean_the_largest():
    X = np.eye(3)
    assert tg.train.accuracy(lambda x: x, X, [0, 1, 1]) == pytest.approx(2 / 3)
    assert tg.train.accuracy(lambda x: x, X, np.eye(3)[[0, 1, 1]]) == pytest.approx(2 / 3)


def test_labels_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"y has shape \(3, 2\), expected one label for each of 3 rows"):
        tg.train.accuracy(lambda x: x, np.eye(3), np.ones((3, 2)))
