"""A whole config to one compiled Keras model, with the checks of its output, loss, metrics, optimizer and callbacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stackfit.config.own_units import loss_weight
from stackfit.errors import ConfigError, Problems, lacks_memory
from stackfit.model.agreement import Output, find_disagreements
from stackfit.model.building import BASES, build, find_target
from stackfit.model.callback_checks import find_hooks, find_idle
from stackfit.model.metric_checks import Trial, find_misuse, give_columns, try_metrics
from stackfit.model.stack import Stack
from stackfit.model.stack_checks import check_trainable, find_unlikely
from stackfit.model.wiring import no_room, said_of


def assemble(config: Mapping[str, Any], input_shape: tuple[int, ...] | None, problems: Problems) -> Stack:
    """The whole config's layers; as `model` compiled, its optimizer built, or None where there is a problem.

    Args:
        input_shape: of one example, without the batch axis; None where it is not known, since the data are wrong.
        problems: takes every problem of layers, output, loss, metrics, optimizer and callbacks.
    """
    stack, task = Stack(config["model"]["layers"] or {}, problems), config["task"]
    stack.build(input_shape)
    loss = None
    if task["loss"] and not problems.covers("task.loss._target_"):
        with problems.collect():
            loss = find_target(str(task["loss"]["_target_"]), "task.loss._target_", BASES["loss"])
    parts = {
        "optimizer": build(config["optimizer"], "optimizer", "optimizer", problems),
        "loss": build(task["loss"], "task.loss", "loss", problems),
        "metrics": [
            build(metric, f"task.metrics.{name}", "metrics", problems, name=name)
            for name, metric in (task["metrics"] or {}).items()
            if metric is not None
        ],
    }
    weight = None
    if config["data"].get("scale_target"):
        with problems.collect():
            weight = loss_weight(config)
    trials: dict[str, Trial] = {}
    if stack.output and not problems.covers("data.num_classes", "task.labels"):
        stack.check_axes(stack.output, config["data"]["num_classes"])
        trials = _check_agreement(stack, stack.output, config, loss, problems)
    columns = [metric for metric in parts["metrics"] if metric and metric.name in trials and trials[metric.name].column]
    for metric in columns:
        give_columns(metric)
    for name, node in (config["callbacks"] or {}).items():
        if isinstance(node, Mapping) and not problems.covers(f"callbacks.{name}._target_"):
            with problems.collect():
                target = find_target(str(node.get("_target_")), f"callbacks.{name}._target_", BASES["callbacks"])
                problems.add(find_idle(name, target, config, trials))
                _report(find_hooks(name, target), config, problems)
    if stack.model is not None:
        problems.errors += check_trainable(stack.model, config["model"]["layers"])
    if problems.errors:
        stack.model = None
    if stack.model is not None:
        # The cohort's graph is compiled as a whole; see stackfit.training.
        stack.model.compile(**parts, loss_weights=weight, jit_compile=False)
        stack.model.gives_columns = bool(columns)
        stack.model.has_arrays = any(trial.is_array for trial in trials.values())
        _build_optimizer(stack, config, problems)
    return stack


def _build_optimizer(stack: Stack, config: Mapping[str, Any], problems: Problems) -> None:
    model = stack.model
    assert model is not None
    try:
        model.optimizer.build(model.trainable_variables)
    except Exception as error:  # Keras's own, and whatever a user's optimizer raises
        label, stack.model = str(config["optimizer"]["_target_"]).rpartition(".")[2], None
        if lacks_memory(error):
            problems.errors.append(no_room(f"The state of {label}", error, ("model.layers", "optimizer")))
            return
        said = ConfigError(
            f"{label} cannot be built for the model's {len(model.trainable_variables)} weights: {said_of(error)}. Expected arguments "
            "that a config can hold. Choose another optimizer, such as keras.optimizers.Adam.",
            key="optimizer",
        )
        said.__cause__ = error
        problems.errors.append(said)


def _check_agreement(
    stack: Stack, output: Output, config: Mapping[str, Any], loss: type | None, problems: Problems
) -> dict[str, Trial]:
    """What does not agree or cannot be meant, unless it is silenced or follows from a problem that is known.

    Returns:
        How the metrics did that were tried, by name.
    """
    found = [*find_disagreements(output, config, loss)]
    trials = {} if stack.model is None else try_metrics(config, output)
    told = {error.key for _, error in found}
    if all(only_warning or error.kind == "metric_meaning" for only_warning, error in found):
        left = {name: trial for name, trial in trials.items() if f"task.metrics.{name}._target_" not in told}
        found += find_misuse(left, config, output)
    if stack.model is not None:
        found += [(True, error) for error in find_unlikely(stack, config)]
    _report(found, config, problems)
    return trials


def _report(found: Iterable[tuple[bool, ConfigError]], config: Mapping[str, Any], problems: Problems) -> None:
    """Add what is not silenced and does not follow from a known problem; `found` are pairs `(only a warning, error)`."""
    silent = config.get("silence") or ()
    for warning, error in found:
        follows = any(problems.touches(key) for key in error.among[:2])
        if error.kind not in silent and not follows:
            (problems.warnings if warning else problems.errors).append(error)
