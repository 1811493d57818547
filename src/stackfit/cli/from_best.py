"""`new --from-best`: the best cell of a search or a sweep as an experiment file that gives the same fingerprint."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit.errors import ConfigError, RunFolderError, counted, raising
from stackfit.files import shown

HEAD = """\
# yaml-language-server: $schema=.schema.json
# stackfit run {name}
# {found}
# Found in {where}
"""


@dataclass(frozen=True)
class Best:
    """The best cell of a sweep: its experiment, what was typed for it, and what decided."""

    experiment: str
    overrides: Sequence[str]
    found: str


def find_best_cell(sweep: Path) -> Best:
    """By a search's metric (of two, the first on the front), and of its confirmation by the mean over the new seeds; of other
    sweeps as `stackfit best`.

    Raises:
        RunFolderError: there is no finished cell.
    """
    from stackfit.keys import label_of
    from stackfit.results.best import find_best
    from stackfit.results.run_files import read_status
    from stackfit.results.search_rank import confirmed, search_at, trial_of
    from stackfit.results.search_summary import summary_of, typed_for
    from stackfit.results.study import read_study
    from stackfit.results.sweep_folder import STUDY

    of, confirmation = search_at(sweep)
    if of is not None and confirmation is not None:
        index = of.read_index()
        metric, direction = index[STUDY]["metric"][0], index[STUDY]["direction"][0]
        told = confirmed(confirmation, metric, direction)
        study = told and read_study(of)
        if told and study and (trial := trial_of(study.trials, told["axes"])):
            words = typed_for(index, trial, again=True)
            said = f"{metric} {told['value']:.6g}, the mean of {told['seeds']} new seeds"
            return Best(index["experiment"], words, f"The best of {counted(told['settings'], 'setting')} trained again: {label_of(told['axes'])}, {said}")
    search = summary_of(sweep)
    if search is None:
        folder, said, _ = find_best([sweep])
        status = read_status(Path(folder))
        words = [word for word in status["overrides"] if not word.startswith("hydra")]
        return Best(status["experiment"], words, ", ".join(filter(None, [label_of(status["axes"]), said])))
    best = next(filter(None, [search["best"], *search["front"]]), None)
    if best is None:
        raise RunFolderError(f"{search['folder']} has no finished trial. Expected one. Try: stackfit table {search['folder']}")
    values = [f"{metric} {value:.6g}" for metric, value in zip(search["metrics"], best["values"], strict=True)]
    found = f"The best of {sum(search['trials'].values())} trials: {', '.join([label_of(best['axes']), *values])}"
    return Best(search["experiment"], best["overrides"], found)


def text_of(name: str, sweep: Path, best: Best) -> str:
    """The file: its experiment's, with the options and the values that were chosen.

    Raises:
        ConfigError: the experiment is gone, or composes no more.
    """
    import yaml

    from stackfit.cli.showing import plain
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.hydra.overrides import is_group

    composer = Composer(best.experiment)
    with raising() as problems:
        parsed = composer.parse(best.overrides, problems)
        groups = [override for override in parsed if is_group(override, composer.repository)]
        before, after = composer.compose(groups, problems), composer.compose(parsed, problems)
    choices = [{f"override {group.key_or_group}": group.value()} for group in groups]
    content: dict[str, Any] = {"defaults": [best.experiment, *choices, "_self_"]}
    content["about"] = {"question": f"Does the best setting that was found for {best.experiment} hold?"}
    content |= {"hydra": {"mode": "RUN"}} if before.declares_sweep else {}  # the setting, and not the search again
    content |= _changed(plain(before), plain(after))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return HEAD.format(name=name, found=best.found, where=shown(sweep)) + text


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What `after` has otherwise than `before`, as nested mappings; null for a key that it lacks."""
    found: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key in before and isinstance(value, dict) and isinstance(before[key], dict) and value:
            found |= {key: inside} if (inside := _changed(before[key], value)) else {}
        elif key not in before or before[key] != value:
            found[key] = value
    return found


def check_same(path: Path, best: Best) -> None:
    """Compose the file and the cell: the one must give what the other gave.

    Raises:
        ConfigError: something that was typed cannot stand in a file, such as a key that was removed.
    """
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.trust import trusted_modules
    from stackfit.execution.cells import compose_cell

    with raising() as problems:
        trusted = trusted_modules(())
        cells = [
            compose_cell(Composer(experiment), words, trusted, problems)
            for experiment, words in ((best.experiment, best.overrides), (str(path), ()))
        ]
    if cells[0].fingerprint("") != cells[1].fingerprint(""):
        command = shlex.join(["stackfit", "run", best.experiment, *best.overrides])
        raise ConfigError(
            f"What was typed for this cell cannot stand in a file: {' '.join(best.overrides)}. Expected choices of groups and "
            f"values. Its command trains the same: {command}"
        )
