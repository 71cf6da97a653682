"""One network: it learns, it goes on after any step as if nothing had happened, and gives way when memory runs out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mtunet.detection.network import Magnifier, MagnifierConfig, MTUNet, NetworkConfig, build, with_magnifier
from tests.drawn_views import TINY, WHOLE, drawn_views
from training import fitting
from training.augmentation import Augmentation, Draws
from training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from training.data.views import GridView
from training.experiments import EXPERIMENTS, WORN
from training.fitting import (
    How,
    Learnt,
    NetworkTask,
    OutOfTime,
    Watch,
    begun,
    carry_back,
    gradients,
    learn,
    learning_rate,
    one_cycle,
    per_head,
)
from training.methods import METHODS
from training.objectives import kept_apart
from training.sampling import Sampler, Stage

CPU = How()
LEARNED = [name for name, method in METHODS.items() if method.networks]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[GridView]:
    return drawn_views(tmp_path_factory.mktemp("views"), 4)


def task(method: str = "mtunet", number: int = 0, **changes: Any) -> NetworkTask:
    return NetworkTask(replace(TINY, **changes), method, 0, 1, number)


def sampler(views: list[GridView], one: NetworkTask) -> Sampler:
    return Sampler(views, one.experiment.look, one.draws_from, one.experiment.augmentation, one.experiment.stages)


def learnt(one: NetworkTask, views: list[GridView], path: Path, watch: Watch | None = None, how: How = CPU) -> Learnt:
    fixed = Sampler(views, one.experiment.look, one.draws_from).fixed()
    return learn(one, sampler(views, one), fixed, how, path / "checkpoint.safetensors", watch)


@pytest.mark.parametrize("method", [name for name in LEARNED if name != "mtunet-paper"])
def test_every_method_learns(method: str, views: list[GridView], tmp_path: Path) -> None:
    longer = task(method, draws=16, epochs=10, batch=4, learning_rate=1e-2)
    history = learnt(longer, views, tmp_path).history
    total = [sum(value for name, value in row.items() if name.startswith("loss")) for row in history]
    assert total[-1] < 0.9 * total[0]


def test_the_papers_objective_begins_with_weights_of_he_and_no_norm() -> None:
    network = begun(task("mtunet-paper"))
    assert network.config.norm == "none"
    kernel = network.join[3][0].weight  # type: ignore[union-attr, index]
    assert float(kernel.detach().std()) == pytest.approx((2 / (kernel.shape[1] * 9)) ** 0.5, rel=0.1)
    assert begun(task("mtunet")).config.norm == "group"


def test_a_fresh_head_gives_the_first_guess() -> None:
    level = [float(head.bias.detach().sigmoid()) for head in begun(task()).heads]  # type: ignore[union-attr]
    assert level == pytest.approx([0.01, 0.01, 0.99], abs=1e-6)


def test_all_methods_begin_with_fresh_weights_of_the_seed_and_the_fold() -> None:
    def first(one: NetworkTask) -> torch.Tensor:
        return begun(one).down[0][0].weight.detach()  # type: ignore[union-attr, index]

    assert torch.equal(first(task("mtunet")), first(task("multiclass")))
    assert not torch.equal(first(task("mtunet")), first(replace(task("mtunet"), seed=2)))
    assert not torch.equal(first(task("mtunet")), first(replace(task("mtunet"), fold=1)))


def test_the_history_has_a_column_per_head_and_type(views: list[GridView], tmp_path: Path) -> None:
    history = learnt(task(), views, tmp_path).history
    assert [row["epoch"] for row in history] == [1, 2]
    assert [row["step"] for row in history] == [2, 4]
    heads = {"loss_mc", "loss_bac", "loss_background", "validation_f1_mc", "validation_f1_bac"}
    assert set(history[0]) == heads | {"epoch", "step", "seconds", "learning_rate"}


@pytest.mark.parametrize("look", [TINY.look, WHOLE])
def test_all_methods_see_the_same_draws_of_a_fold(look: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = drawn_views(tmp_path / "views", 4, look.pitch_mm)
    seen: dict[str, list[bytes]] = {}
    take = fitting._Fitting.take

    def watched(self: Any, batch: Draws) -> None:
        seen.setdefault(f"{self.task.method}-{self.task.number}", []).append(batch.pixels.numpy().tobytes())
        take(self, batch)

    monkeypatch.setattr(fitting._Fitting, "take", watched)
    monkeypatch.setattr(fitting, "validate", lambda *_: {})
    for method in LEARNED:
        for number in range(len(METHODS[method].networks)):
            learnt(task(method, number, look=look), views, tmp_path / f"{method}{number}")
    first = seen["mtunet-0"]
    assert len(set(first)) == 4
    assert all(draws == first for draws in seen.values())
    assert len(seen) == sum(len(METHODS[method].networks) for method in LEARNED)


def test_the_last_step_is_what_every_method_keeps(views: list[GridView], tmp_path: Path) -> None:
    one = task(draws=8, epochs=3, learning_rate=3e-2)
    found = learnt(one, views, tmp_path)
    kept = read_checkpoint(tmp_path / "checkpoint.safetensors", one.to_json())
    assert kept is not None
    assert kept.step == one.experiment.steps
    assert all(torch.equal(kept.network[name], value) for name, value in found.network.state_dict().items())


def test_the_rate_rises_and_falls_within_a_cycle_and_is_constant_otherwise() -> None:
    cycle = replace(TINY, schedule="one-cycle", epochs=10, draws=20, batch=2, learning_rate=1.0)
    rates = [learning_rate(cycle, step) for step in range(100)]
    assert max(rates) == 1.0
    assert rates[0] == pytest.approx(0.1)
    assert rates.index(1.0) == 9
    assert rates[-1] < 0.001
    assert {learning_rate(replace(TINY, schedule="constant"), step) for step in range(9)} == {TINY.learning_rate}


def test_a_fourth_cycle_is_three_quarters_as_long_and_the_first_three_are_those_of_a_training_of_three() -> None:
    three = replace(TINY, schedule="three-cycles", epochs=12, draws=20, batch=2)
    four = replace(three, schedule="four-cycles", epochs=15)
    rates = [learning_rate(four, step) for step in range(four.steps)]
    assert rates[: three.steps] == [learning_rate(three, step) for step in range(three.steps)]
    assert rates[three.steps :] == [one_cycle(four.learning_rate, step, 30) for step in range(30)]
    assert {four.cycle_of(step) for step in range(four.steps)} == {(0, 40), (40, 40), (80, 40), (120, 30)}


def test_a_second_cycle_is_the_first_with_the_weights_it_left(views: list[GridView], tmp_path: Path) -> None:
    """Draws go on; rates and Adam begin anew. So a run of one cycle may be gone on with as the first of two."""
    once = task(epochs=2, schedule="one-cycle", stages=(Stage(0.5, worn=WORN), Stage()))
    twice = task(epochs=4, schedule="two-cycles", stages=(Stage(0.25, worn=WORN), Stage()))
    cycle = once.experiment.steps
    rates = [learning_rate(twice.experiment, step) for step in range(2 * cycle)]
    assert rates == [learning_rate(once.experiment, step) for step in range(cycle)] * 2
    first, both = learnt(once, views, tmp_path / "once"), learnt(twice, views, tmp_path / "twice")
    assert [row | {"seconds": 0} for row in first.history] == [row | {"seconds": 0} for row in both.history[:2]]
    none = torch.zeros(len(twice.heads), dtype=torch.float64)
    left = Checkpoint(twice.to_json(), cycle, first.network.state_dict(), {}, none, 0.0, first.history)
    write_checkpoint(tmp_path / "on" / "checkpoint.safetensors", left)
    on = learnt(twice, views, tmp_path / "on")
    ended = both.network.state_dict()
    assert all(torch.equal(value, ended[name]) for name, value in on.network.state_dict().items())
    assert not all(torch.equal(value, ended[name]) for name, value in first.network.state_dict().items())


@pytest.mark.parametrize("method", ["mtunet", "multiclass"])
def test_smaller_portions_give_the_gradient_of_the_whole_batch(
    method: str, views: list[GridView], tmp_path: Path
) -> None:
    """Also for a Dice over the batch, which is no sum over its images."""
    found = []
    one = task(method, batch=4)
    drawn = sampler(views, one).batch(0, 4, 4)
    wide = Draws(*(part.double() for part in (drawn.pixels, drawn.window, drawn.targets, drawn.known)))
    for portion in (4, 3, 1):
        fit = fitting._begin(one, CPU, tmp_path / "none.safetensors", None)
        fit.network.double()
        fit.micro_batch = portion
        targets, known = per_head(one.heads, wide.targets, wide.known)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fitting, "forward", lambda network, part, how: network(part.pixels, part.window))
            gradients(fit, wide, targets, known)
        found.append(torch.cat([p.grad.flatten() for p in fit.network.parameters() if p.grad is not None]))
    assert torch.allclose(found[0], found[1], rtol=1e-9, atol=1e-12)
    assert torch.allclose(found[0], found[2], rtol=1e-9, atol=1e-12)


def test_out_of_memory_halves_the_portion_and_says_so(
    views: list[GridView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = learnt(task(batch=4), views, tmp_path / "plain")
    enough, forward = [0], MTUNet.forward

    def greedy(self: MTUNet, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        if self.training and len(pixels) > 1:
            enough[0] += 1
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, pixels, window)

    monkeypatch.setattr(MTUNet, "forward", greedy)
    found = learnt(task(batch=4), views, tmp_path / "greedy")
    assert enough[0] == 2
    said = capsys.readouterr().out
    assert "going on with 2 images at a time; the batch stays" in said
    assert "going on with 1 images at a time" in said
    for row, expected in zip(found.history, plain.history, strict=True):
        assert row["loss_mc"] == pytest.approx(expected["loss_mc"], abs=1e-4)


def test_one_image_that_does_not_fit_is_an_error(
    views: list[GridView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(MTUNet, "forward", never)
    with pytest.raises(torch.OutOfMemoryError):
        learnt(task(), views, tmp_path)


@pytest.mark.parametrize("ends_after", [1, 2, 5])
def test_a_network_that_ended_in_mid_epoch_goes_on_to_the_same_weights(
    ends_after: int, views: list[GridView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = task(draws=6, epochs=3, augmentation=Augmentation(intensity=True))
    undisturbed = learnt(one, views, tmp_path / "undisturbed")
    steps, take = [0], fitting._Fitting.take

    def counted(self: Any, batch: Draws) -> None:
        take(self, batch)
        steps[0] += 1

    monkeypatch.setattr(fitting._Fitting, "take", counted)
    monkeypatch.setattr(Watch, "over", property(lambda _: steps[0] == ends_after))
    with pytest.raises(OutOfTime):
        learnt(one, views, tmp_path / "ended", Watch())
    found = learnt(one, views, tmp_path / "ended", Watch())
    assert steps[0] == one.experiment.steps
    for name, value in undisturbed.network.state_dict().items():
        assert torch.equal(value, found.network.state_dict()[name]), name
    for row, other in zip(found.history, undisturbed.history, strict=True):
        assert row | {"seconds": 0} == other | {"seconds": 0}


def test_what_a_gpu_does_runs_here_too(views: list[GridView], tmp_path: Path) -> None:
    """bfloat16, channels last and the fused Adam: the same losses within what bfloat16 rounds."""
    gpu = How(torch.device("cpu"), torch.bfloat16, fused=True, ahead=2)
    plain, fast = (learnt(task(), views, tmp_path / name, how=how) for name, how in (("plain", CPU), ("fast", gpu)))
    for row, other in zip(plain.history, fast.history, strict=True):
        assert row["loss_mc"] == pytest.approx(other["loss_mc"], rel=0.02)
    ahead = learnt(task(), views, tmp_path / "ahead", how=How(ahead=3))
    state = learnt(task(), views, tmp_path / "again").network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in ahead.network.state_dict().items())
    batch = sampler(views, task()).batch(0, 2, 4)
    assert batch.pixels.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("at_once", [2, 3])
def test_a_batch_passed_in_parts_at_once_has_the_gradients_of_the_whole(at_once: int) -> None:
    torch.manual_seed(0)
    network = build(NetworkConfig(4, "group", ("mc", "bac")))
    pixels, targets = torch.rand(5, 1, 32, 32), (torch.rand(5, 2, 32, 32) > 0.9).float()
    batch = Draws(pixels, torch.tensor([[0.0, 1.0]] * 5), targets, torch.ones(5, 2))
    found = {}
    for how in (How(), How(at_once=(at_once, 1))):
        network.zero_grad()
        values = carry_back(network, batch, how, lambda said: kept_apart(said, targets, batch.known), (1.0, 2.0))
        found[how] = [values, *(weight.grad for weight in network.parameters())]
    for whole, parts in zip(*found.values(), strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-6)


def test_a_weight_that_takes_no_part_has_no_gradient_either_way() -> None:
    """A magnifier looks at none of the crops that networks are fitted on."""
    torch.manual_seed(0)
    network = with_magnifier(build(NetworkConfig(4, "group", ("mc", "bac"))), Magnifier(MagnifierConfig((8, 8))))
    pixels, targets = torch.rand(4, 1, 32, 32), (torch.rand(4, 2, 32, 32) > 0.9).float()
    batch = Draws(pixels, torch.tensor([[0.0, 1.0]] * 4), targets, torch.ones(4, 2))
    found = []
    for how in (How(), How(at_once=(2, 1))):
        network.zero_grad()
        carry_back(network, batch, how, lambda said: kept_apart(said, targets, batch.known), (1.0, 1.0))
        found.append({name: weight.grad for name, weight in network.named_parameters()})
    whole, parts = found
    assert {name for name, gradient in parts.items() if gradient is None} == {
        name for name in whole if name.startswith("magnifier.")
    }
    for name, gradient in whole.items():
        if gradient is None:
            assert parts[name] is None
        else:
            torch.testing.assert_close(parts[name], gradient, rtol=1e-3, atol=1e-6)


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    losses = torch.tensor([0.1, 0.2], dtype=torch.float64)
    there = Checkpoint(
        {"a": [1, 2]}, 3, {"w.x": torch.ones(2)}, {0: {"step": torch.tensor(4.0)}}, losses, 1.5, ({"b": 1},)
    )
    write_checkpoint(path, there)
    back = read_checkpoint(path, {"a": [1, 2]})
    assert back is not None
    assert (back.step, back.seconds, back.history) == (3, 1.5, ({"b": 1},))
    assert back.network["w.x"].tolist() == [1, 1]
    assert torch.equal(back.losses, losses)
    assert back.optimiser[0]["step"] == 4
    assert not list(tmp_path.glob("*.part"))


def test_another_tasks_or_a_damaged_checkpoint_is_not_gone_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, Checkpoint({"a": 1}, 1, {"w": torch.ones(2)}, {}, torch.zeros(1), 0.0))
    assert read_checkpoint(path, {"a": 2}) is None
    path.write_bytes(path.read_bytes()[:20])
    assert read_checkpoint(path, {"a": 1}) is None
    assert "another experiment" in (said := capsys.readouterr().out)
    assert "damaged" in said
    assert read_checkpoint(tmp_path / "none", {}) is None


def test_an_unknown_type_is_said_to_be_unknown_to_its_head_and_the_background() -> None:
    targets, known = per_head(("mc", "bac", "background"), torch.ones(1, 2, 4, 4), torch.tensor([[1.0, 0.0]]))
    assert known.tolist() == [[1.0, 0.0, 0.0]]
    assert not targets[:, 2].any()


def test_a_method_with_half_the_draws_learns_half_the_epochs_by_the_whole_schedule() -> None:
    whole = EXPERIMENTS["crops"]
    half = whole.learnt_by(METHODS["single-half"])
    assert (half.epochs, half.steps) == (whole.epochs // 2, whole.steps // 2)
    assert learning_rate(half, half.steps - 1) == pytest.approx(0, abs=1e-6)
    cost = {name: sum(whole.learnt_by(METHODS[name]).steps for _ in METHODS[name].networks) for name in METHODS}
    assert cost["single-half"] == cost["mtunet"] == cost["single"] / 2
    assert whole.learnt_by(METHODS["mtunet"]) == whole
