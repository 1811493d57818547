"""`notebook`: the progress in the output of a cell."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from made_runs import make_run

from stackfit.api.notebook import NotebookReporter, in_notebook, reporter_of
from stackfit.execution.progress import Reporter


class Output:
    """An output of a cell: every text that it showed."""

    def __init__(self):
        self.texts = []

    def update(self, data, raw):
        assert raw and list(data) == ["text/plain"]
        self.texts.append(data["text/plain"])


@pytest.fixture
def outputs(monkeypatch):
    """The outputs of a kernel's cell; IPython is replaced by what is used of it."""
    made = []

    def display(data, raw, display_id):
        assert raw and display_id and data == {"text/plain": ""}
        made.append(Output())
        return made[-1]

    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    monkeypatch.setattr("stackfit.api.notebook.SECONDS", 0)
    return made


def test_without_a_kernel_it_is_a_terminal_or_plain_lines(monkeypatch):
    assert not in_notebook() and type(reporter_of()) is Reporter
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace()))
    assert not in_notebook()  # IPython on a terminal


def test_one_output_is_written_again_and_again_and_cleared_at_the_end(outputs, capsys):
    reporter = reporter_of()
    assert type(reporter) is NotebookReporter
    reporter.load("digits", 700, 1437)
    reporter.end()
    reporter.begin(["digits_quickstart"], [4])
    reporter.step(1, 0.5, [0])
    reporter.line("Try: stackfit run x --fresh")
    reporter.epoch(0, 2, {"loss": 0.5, "accuracy": 0.75})
    reporter.end()
    (output,) = outputs
    loading, nothing, begun, half, *_, cleared = output.texts
    assert "digits" in loading and "700" in loading and nothing == cleared == ""
    assert begun != half and "epoch 2/4  accuracy 0.7500" in half and "━" in half
    assert not any("\033" in text for text in output.texts)
    assert capsys.readouterr() == ("", "Try: stackfit.run('x', fresh=True)\n")


def test_a_sweep_shows_every_cell_and_how_many_are_finished(outputs):
    reporter = reporter_of()
    reporter.sweep(3, 1)
    reporter.begin(["seed=1", "seed=2"], [2, 2])
    reporter.epoch(0, 2, {"loss": 0.5})
    reporter.ended("seed=1", "finished")
    lines = outputs[0].texts[-1].splitlines()
    assert "finished" in lines[0] and lines[1].startswith("seed=2") and lines[2].startswith("2 of 3 runs")


def test_it_is_written_only_a_few_times_a_second(outputs, monkeypatch):
    monkeypatch.setattr("stackfit.api.notebook.SECONDS", 60)
    reporter = reporter_of()
    reporter.begin(["x"], [1000])
    for epoch in range(1000):
        reporter.epoch(0, epoch + 1, {"loss": 1.0})
    assert len(outputs[0].texts) == 1


def test_silence_shows_nothing(outputs):
    reporter = reporter_of(0)
    reporter.begin(["x"], [2])
    reporter.epoch(0, 1, {"loss": 1.0})
    reporter.end()
    assert outputs == []


@pytest.mark.extra
@pytest.mark.tf
def test_in_ipython_itself(lab, keras, monkeypatch):
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    published, errors = [], []

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, *, transient=None, update=False, **rest):
            published.append((update, transient["display_id"], data["text/plain"]))

    shell = InteractiveShell.instance()
    monkeypatch.setattr(shell, "display_pub", Publisher())
    monkeypatch.setattr(InteractiveShell, "kernel", object(), raising=False)
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, error, lines: errors.append(lines))
    code = """
        import keras
        class History(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.last = logs["loss"]
        run = stackfit.run("xor_needs_a_hidden_layer", {"epochs": 3}, callbacks=[History])
        """
    for cell in ("import stackfit", code, "first = run", code, "stackfit.run('nothing_like_this')"):
        shell.run_cell("if True:\n" + cell if cell is code else cell)
    names = shell.user_ns
    assert names["run"].status["fingerprint"] == names["first"].status["fingerprint"]
    assert names["run"].callbacks[0].last == names["run"].history["loss"].iloc[-1]
    for run in dict.fromkeys(name for _, name, _ in published):
        (new, _), *shown, (_, last) = [(update, text) for update, name, text in published if name == run]
        assert not new and all(update for update, _ in shown) and last == "" and "━" in shown[-1][-1]
    ((line,),) = errors
    assert line.startswith("ConfigError: No experiment 'nothing_like_this'") and "stackfit.experiments()" in line


@pytest.mark.extra
@pytest.mark.tf
@pytest.mark.filterwarnings("ignore")  # of the client's own
def test_in_a_real_kernel_the_progress_is_one_output_and_an_error_one_message(lab):
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    manager._kernel_spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], display_name="here", language="python"
    )
    manager.start_kernel(cwd=str(lab))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said = []
        code = "import stackfit\nrun = stackfit.run('xor_needs_a_hidden_layer', 'epochs=200')\nrun.metrics['test_accuracy']"
        for cell in (code, "stackfit.run('nothing_like_this')"):
            client.execute_interactive(cell, timeout=120, output_hook=said.append)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    kinds = [message["msg_type"] for message in said]
    shown = [m["content"]["data"]["text/plain"] for m in said if m["msg_type"] in ("display_data", "update_display_data")]
    assert kinds.count("display_data") == 1 and kinds.count("update_display_data") > 1
    assert any("epoch" in text and "━" in text for text in shown) and shown[-1] == ""
    (result,) = (message["content"]["data"]["text/plain"] for message in said if message["msg_type"] == "execute_result")
    assert 0 <= float(result) <= 1
    (error,) = (message["content"] for message in said if message["msg_type"] == "error")
    assert error["traceback"][0].startswith("ConfigError: No experiment 'nothing_like_this'") and len(error["traceback"]) == 1


@pytest.mark.tf
@pytest.mark.extra
def test_the_notebook_of_the_docs_runs_and_shows_runs_figures_and_comparisons(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(Path(__file__).resolve().parents[1] / "docs" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # what it shows is made when it runs
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    forms = [form for data in shown for form in data]
    assert forms.count("image/svg+xml") == 3
    assert forms.count("text/html") >= 4
    assert any("test_accuracy" in data.get("text/html", "") and "<b>digits_quickstart</b>" in data["text/html"] for data in shown)
    assert any("95 %" in data.get("text/html", "") for data in shown)
    assert any("bit-equal" in data.get("text/plain", "") for data in shown)
    assert (tmp_path / "report.html").stat().st_size > 100_000


def test_texts_of_a_config_are_escaped_where_a_notebook_shows_them(lab):
    import pandas as pd

    from stackfit.api import Run
    from stackfit.results.comparison import Comparison

    hostile = "<script>alert(1)</script>"
    folder = make_run(lab / "run", experiment=hostile, failed=hostile)
    assert hostile not in Run(folder)._repr_html_() and "&lt;script&gt;" in Run(folder)._repr_html_()
    compared = Comparison({hostile: pd.DataFrame({"configuration": [hostile]})}, [hostile])._repr_html_()
    assert hostile not in compared and compared.count("&lt;script&gt;") == 3
