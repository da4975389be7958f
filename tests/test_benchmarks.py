import importlib
import itertools
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # at the end: of tensorgrad, what is installed is tested

from benchmarks import by_hand, choice, compare, footprint, machine, micro, process, report  # noqa: E402
from benchmarks.candidates import HOME, JAX, MODULES, OURS, UNIT, build, installed  # noqa: E402
from benchmarks.workloads import WORKLOADS, Step, directed  # noqa: E402

INSTALLED = [name for name in installed() if name != "torch.compile"]  # which takes too long


@pytest.fixture(scope="module", autouse=True)
def _imports_of_peers_may_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, workload in itertools.product(INSTALLED, ("A sgd", "J hvp", "J hessian")):
            build(name, WORKLOADS[workload].tiny)


def results_of(*workloads: str) -> dict:
    """Return made-up results: the textbook takes 1 s, ours 0.5 s, by hand 2 s."""
    seconds = {UNIT: 1.0, OURS: 0.5, "NumPy by hand": 2.0}
    candidates = {n: {"min": s, "median": s, "loss": 0.5, "error": 1e-6, "note": ""} for n, s in seconds.items()}
    step = {w: {"candidates": candidates, "skipped": {"JAX jit": "a reason"}} for w in workloads}
    return {
        "header": {**machine.header(), "mode": "quick", "processes": 2},
        "absent": {"torch": "not installed"},
        "steps": [step, step],
    }


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_candidate_computes_the_textbooks_numbers(workload):
    with np.errstate(all="raise"):
        steps, facts, _ = compare.verified(workload, INSTALLED, WORKLOADS[workload].tiny)
    assert {UNIT, OURS} <= steps.keys() == facts.keys()


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_layout_by_hand_compute_the_textbooks_numbers(workload):
    spec = WORKLOADS[workload].tiny
    if not isinstance(spec, by_hand.Net):
        pytest.skip("has no layout")
    expected = compare.follow(build(UNIT, spec))
    for layout in by_hand.LAYOUTS:
        compare.agree(spec, compare.follow(by_hand.net_in(spec, *layout)), expected)


@pytest.mark.parametrize(("workload", "ways"), [("J hvp", "PRODUCTS"), ("J hessian", "HESSIANS")])
def test_every_way_of_torch_to_second_derivatives_computes_the_textbooks_numbers(workload, ways):
    peer = pytest.importorskip("benchmarks.torch_peer", exc_type=ImportError)
    spec = WORKLOADS[workload].tiny
    make = {"J hvp": peer.product_by, "J hessian": peer.hessian_by}[workload]
    for way in getattr(peer, ways):
        compare.agree(spec, compare.follow(make(spec, way)), compare.follow(build(UNIT, spec)))


def test_pearlmutters_pass_is_the_difference_of_gradients_along_the_direction():
    spec = WORKLOADS["J hvp"].tiny
    params, direction, X, y = directed(spec)
    wide, along, X = [p.astype(float) for p in params], [v.astype(float) for v in direction], X.astype(float)

    def slopes(h):
        moved = [tg.tensor(p + h * v, requires_grad=True) for p, v in zip(wide, along, strict=True)]
        a = X
        for w, b in zip(moved[:-2:2], moved[1:-2:2], strict=True):
            a = np.maximum(a @ w + b, 0)
        tg.nn.cross_entropy(a @ moved[-2] + moved[-1], y).backward()
        return [p.grad for p in moved]

    h = 1e-5  # crosses no kink of the tiny net; errors of h^2, and of rounding over h
    expected = [(up - down) / (2 * h) for up, down in zip(slopes(h), slopes(-h), strict=True)]
    _, found = compare.follow(build(UNIT, spec))
    for a, b in zip(found, expected, strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


def test_a_candidate_with_other_numbers_is_refused():
    spec = WORKLOADS["A adam"].tiny
    losses, params = compare.follow(build(UNIT, spec))
    with pytest.raises(compare.DisagreementError, match="losses"):
        compare.agree(spec, ([x * 1.001 for x in losses], params), (losses, params))
    wrong = [p.copy() for p in params]
    wrong[0] += 1e-4
    with pytest.raises(compare.DisagreementError, match="array 0 is off"):
        compare.agree(spec, (losses, wrong), (losses, params))
    with pytest.raises(compare.DisagreementError, match="float64"):
        compare.agree(spec, (losses, [p.astype(float) for p in params]), (losses, params))


def test_candidates_take_turns_in_bursts():
    calls = []
    steps = {name: Step(lambda name=name: calls.append(name), list) for name in "ab"}
    times, cores = compare.interleave(steps, burst=2, seconds=0)
    assert cores.keys() == steps.keys()
    assert len(calls) == 12 and {len(t) for t in times.values()} == {6}
    assert all(calls[i] == calls[i + 1] for i in range(0, 12, 2))


def test_the_table_shows_goals_met_and_missed_and_who_is_absent():
    text = report.table(results_of("A sgd", "F 1e2"))
    assert "| 0.50 | – | ≤ 0.95 | yes | 2.00 |" in text
    assert "- torch: not installed" in text and "- JAX jit on A sgd: a reason" in text
    slow = results_of("A sgd")
    slow["steps"][0]["A sgd"]["candidates"][OURS]["min"] = 1.5
    assert "≤ 0.95 | **no** |" in report.table(slow)


def test_a_goal_in_milliseconds_is_held_against_times():
    found = results_of("J hessian")
    for seconds, verdict in ((2e-3, "2.00 | – | ≤ 3.00 ms | yes"), (4e-3, "4.00 | – | ≤ 3.00 ms | **no**")):
        for run in found["steps"]:
            run["J hessian"]["candidates"][OURS]["min"] = seconds
        assert f"float64, in ms | 1,000,000 | {verdict} | 2,000 |" in report.table(found)


def test_the_fastest_of_several_ways_takes_part():
    ways = [lambda s=s: Step(lambda: time.sleep(s), list, note=str(s)) for s in (2e-3, 0.0, 1e-3)]
    assert choice.fastest(ways, repeat=3).note == "0.0"


def test_jax_is_shown_in_its_better_mode():
    found = results_of("B")
    found["steps"][0]["B"]["candidates"][JAX] = {"min": 0.9}
    found["pinned"] = [{"B": {"candidates": {UNIT: {"min": 2.0}, JAX: {"min": 1.0}}}}]
    assert report.ratios(found, "B")[JAX].middle == 0.5


def test_a_candidate_that_used_two_cores_is_marked():
    found = results_of("B")
    for run in found["steps"]:
        run["B"]["candidates"]["NumPy by hand"]["cores"] = 1.9
    assert "| 2.00 (1.9 cores) |" in report.table(found)


def test_the_table_of_everything_else_renders():
    found = results_of("C")
    found["chains"] = [{"10000": micro.chains(10, 1)}]
    found["nodes"] = {"ours": {"traced": 300.0, "resident": 400.0}}
    found["operations"] = [micro.operations(repeat=1, number=1)]
    found["memory"] = {"C": {name: {"resident": 1.0, "traced": 1.0} for name in (UNIT, OURS, "torch")}}
    found["imports"] = {"ms": {"numpy": [50.0], "tensorgrad": [60.0]}, "KiB": footprint.sizes()}
    text = report.table(json.loads(json.dumps(found)))
    assert "| import tensorgrad, ms | 60.0 | ≤ 70 | yes |" in text
    assert "bytes a node (tracemalloc) | 300 | – | ≤ 350 | yes |" in text


def test_the_header_names_neither_host_nor_paths():
    head = json.dumps(machine.header())
    assert machine.platform.node() not in head and str(ROOT) not in head


def test_the_plot_is_drawn(tmp_path):
    plot = pytest.importorskip("benchmarks.plot")
    plot.plot(results_of("A sgd", "B", "J hessian"), tmp_path / "ratios.svg")
    assert "<svg" in (tmp_path / "ratios.svg").read_text(encoding="utf-8")


def test_a_task_runs_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    found = process.spawn("chains", sizes={"10": 1})
    assert found["10"]["ours"]["build"] > 0
    with pytest.raises(RuntimeError, match="no result"):
        process.spawn("chains", sizes={"ten": 1})


def test_every_module_offers_the_candidates_that_the_table_names():
    for module in {HOME[name] for name in INSTALLED}:
        offered = importlib.import_module(f"benchmarks.{module}").CANDIDATES
        assert tuple(offered) == MODULES[module][0]


def test_a_peer_that_fails_is_named_with_the_reason_and_ours_is_not_forgiven(monkeypatch):
    def broken(name, spec):
        return build(name, spec) if name == UNIT else 1 / 0

    monkeypatch.setattr(compare, "build", broken)
    _, _, skipped = compare.verified("B", [UNIT, "torch"], WORKLOADS["B"].tiny)
    assert skipped == {"torch": "ZeroDivisionError: division by zero"}
    with pytest.raises(ZeroDivisionError):
        compare.verified("B", [OURS], WORKLOADS["B"].tiny)


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of the process")
def test_memory_is_measured(monkeypatch):
    monkeypatch.setitem(WORKLOADS, "tiny", compare.WORKLOADS["A sgd"])
    assert footprint.peak(OURS, "tiny")["traced"] > 0
    assert micro.bytes_per_node("ours", 100)["traced"] > 0
