"""What a learner writes runs next: the rest of a page calls the functions that pass, and the reference's where they don't."""

import ast
import re
from types import SimpleNamespace

import numpy as np
import pytest

import srgformer_lab as lab
from tests.lessons.conftest import LESSONS, solution


@pytest.fixture
def kit():
    import kit

    return kit


def reached(lesson):
    """Name the exercises that a page's later cells run: those that helpers called as ``own.…`` use, by name."""
    tree = ast.parse((lesson.path.parent / "solutions" / f"{lesson.module}.py").read_text("utf-8"))
    uses = {
        name: {getattr(part, "id", getattr(part, "value", None)) for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Constant))}
        for node in tree.body
        for name in [getattr(node, "name", None), *(getattr(target, "id", None) for target in getattr(node, "targets", ()))]
        if name
    }
    left, seen = set(re.findall(r"\bown\.(\w+)", lesson.path.read_text("utf-8"))), set()
    while left:
        name = left.pop()
        seen.add(name)
        left |= uses.get(name, set()) - seen
    return [name for name in lesson.exercises if name in seen]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_page_says_exactly_the_functions_that_it_runs(lesson):
    text = lesson.path.read_text("utf-8")
    (call,) = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and ast.unparse(node.func) == "kit.Own"]
    assert [ast.unparse(answer) for answer in call.args] == ["LESSON", *reached(lesson)]
    assert len(call.args) > 1
    assert "by_hand." not in text.split("kit.Own(")[1].split("app.run()")[0]


def test_what_passes_is_run_and_what_does_not_is_the_references(kit, monkeypatch):
    calls = []
    monkeypatch.setattr(kit.mo, "running_in_notebook", lambda: False)

    def recall_at_k(ranked, relevant, k):
        calls.append("recall_at_k")
        return len(set(ranked[:k]) & set(relevant)) / len(relevant)

    def top_k(scores, known, k):
        return ...

    own = kit.Own(1, top_k, recall_at_k, solution(LESSONS[0], "ndcg_at_k"))
    assert list(own.passed) == ["recall_at_k", "ndcg_at_k"]
    assert "computed by your recall_at_k and ndcg_at_k; top_k is still" in own.said().text
    data = lab.studio()
    scores = np.asarray(data.matrix("train").sum(axis=0)).repeat(data.n_users, axis=0).astype(float)
    del calls[:]
    reference = own._reference.scoreboard(scores, data, own.RIGHT, 10)
    assert not calls
    assert own.scoreboard(scores, data, own.RIGHT, 10) == pytest.approx(reference)
    assert len(calls) == data.n_users
    assert own._reference.recall_at_k is not recall_at_k  # nobody else's helpers are changed


def test_code_that_stops_on_the_pages_own_data_is_told_and_the_page_goes_on(kit, monkeypatch):
    told = []
    monkeypatch.setattr(kit.mo, "running_in_notebook", lambda: True)
    monkeypatch.setattr(kit.mo, "output", SimpleNamespace(append=lambda html: told.append(html.text)))

    def stop(valid, patience):
        if len(valid) > 12:
            raise RecursionError("too long")
        return solution(next(one for one in LESSONS if one.number == 8), "stop")(valid, patience)

    own = kit.Own(8, stop)
    assert list(own.passed) == ["stop"]
    assert own.stop([0.1] * 30, 5) == [1, 6]
    assert len(told) == 1
    assert "RecursionError: too long" in told[0]


def test_nothing_written_yet_is_the_reference_itself(kit):
    def stop(valid, patience):
        return ...

    own = kit.Own(8, stop)
    assert not own.passed
    assert own.stop is solution(next(one for one in LESSONS if one.number == 8), "stop")
    assert "until then by the reference" in own.said().text


def test_the_solved_fusion_gives_the_models_own_vectors(trained, tiny):
    _, model = trained
    data, trace = tiny, model.trace()
    by_hand = solution(next(one for one in LESSONS if one.number == 7), "fused_wrongly")
    import solutions.lesson_07 as seventh

    recall, _ = by_hand(model, trace, data, seventh.RIGHT)
    assert recall == lab.evaluate(model, data, "valid", (20,))["recall@20"]
