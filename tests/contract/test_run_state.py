"""Who owns a run can be seen without touching it; what is asked of a run is obeyed once, by whom it concerns."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import srgformer_lab as lab
from srgformer_lab.cli import main
from srgformer_lab.training import fit as fitting
from srgformer_lab.training import locks, managing, recording, requests, worker
from srgformer_lab.training.locks import Lock
from tests.contract.test_run_folder import lines
from tests.worlds import shop

MODEL, TRAIN = lab.LightGCNConfig(embedding_dim=4), lab.TrainConfig(epochs=6, patience=50, batch_size=256, device="cpu")


@pytest.fixture
def run(tiny, tmp_path):
    return lab.Run.create(tmp_path / "runs", "run", tiny, "lightgcn", MODEL, TRAIN)


def held_elsewhere(run):
    """Own a run in another process, which lives until it is killed."""
    code = f"import time; from srgformer_lab.training.locks import Lock; lock = Lock.take(__import__('pathlib').Path('{run.lock_path}')); "
    code += "print('held', flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True, env=worker._environment())
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_an_owner_is_seen_by_all_and_is_gone_in_the_moment_it_is_killed(run):
    process = held_elsewhere(run)
    run.write_status(replace(run.status(), state="running"))
    assert run.is_held()
    assert run.status().state == "running"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(300)
    assert not run.is_held()
    assert run.status().state == "interrupted"


def test_readers_of_a_dead_run_never_take_one_another_for_a_training(run):
    run.write_status(replace(run.status(), state="running"))
    with run.hold():
        pass  # leaves a lock file that nobody holds
    seen = Counter()

    def look():
        seen.update(lab.Run(run.path).status().state for _ in range(60))

    threads = [threading.Thread(target=look) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in range(60):
        run.take().release()  # no reader is in the way of who wants to own it
    for thread in threads:
        thread.join()
    assert seen["interrupted"] + seen["running"] == 300
    assert seen["interrupted"] > 0


def test_looking_makes_nothing_and_follows_no_link(run, tmp_path):
    gone = lab.Run(tmp_path / "gone" / "run")
    assert not gone.is_held()
    assert not gone.path.parent.exists()
    before = sorted(run.path.rglob("*"))
    assert (run.is_held(), run.status().state, run.stop_is_requested(), len(run.history())) == (False, "stopped", False, 0)
    assert sorted(run.path.rglob("*")) == before
    (tmp_path / "target").write_text("unharmed")
    (run.path / "run.lock").symlink_to(tmp_path / "target")
    assert not run.is_held()
    with pytest.raises(lab.RunError, match="can't be locked"):
        run.take()
    assert (tmp_path / "target").read_text() == "unharmed"
    managing.delete_run(run)  # and it can be got rid of


@pytest.mark.parametrize("ahead", [-1e9, 0, 1e9])
def test_a_clock_that_was_wrong_keeps_no_run_alive(run, tiny, ahead):
    status = replace(run.status(), state="queued", updated=time.time() + ahead)
    (run.path / "status.json").write_text(json.dumps(status.to_dict()))
    assert run.status().state == "interrupted"
    lab.resume(run, tiny)
    assert run.status().state == "finished"
    managing.delete_run(run)


def test_where_the_system_cannot_be_asked_a_heartbeat_tells(run, monkeypatch):
    monkeypatch.setattr(locks, "CAN_ASK", False)
    with run.hold():
        assert run.is_held()
        with pytest.raises(lab.RunError, match="another process"):
            run.take()
    os.utime(run.path / "run.lock", (0, 0))
    assert not run.is_held()
    run.take().release()


def test_another_machines_run_is_alive_as_long_as_its_heart_beats(run):
    with run.hold():
        pass
    assert not run.is_held()
    assert run.is_held(host="elsewhere")
    os.utime(run.path / "run.lock", (time.time() - 2 * locks.DEAD_SECONDS,) * 2)
    assert not run.is_held(host="elsewhere")


def test_of_two_people_who_move_knobs_at_once_both_win(run):
    for turn in range(10):
        first, second = 0.1 + turn / 100, 1e-4 * (turn + 1)
        barrier = threading.Barrier(2)

        def move(barrier=barrier, **knobs):
            barrier.wait()
            lab.Run(run.path).update_knobs(**knobs)

        movers = [
            threading.Thread(target=move, kwargs={"contrast_temperature": first}),
            threading.Thread(target=move, kwargs={"learning_rate": second}),
        ]
        for mover in movers:
            mover.start()
        for mover in movers:
            mover.join()
        assert (run.knobs()["contrast_temperature"], run.knobs()["learning_rate"]) == (first, second)


def test_what_is_asked_in_one_instant_or_after_the_clock_went_back_keeps_its_order(run, monkeypatch):
    times = iter([9, 5, 5, 1])
    monkeypatch.setattr(requests, "time", SimpleNamespace(time_ns=lambda: next(times) + 10**18))
    (run.path / "stop").write_bytes(b"")  # as version 0.1.0 asked
    for temperature in (0.3, 0.2, 0.4):
        run.update_knobs(contrast_temperature=temperature)
        assert run.knobs()["contrast_temperature"] == temperature
    run.request_stop()
    assert [request.kind for request in requests.pending(run.path)] == ["stop", "knobs", "knobs", "knobs", "stop"]


def test_two_who_ask_in_the_same_instant_do_not_overwrite_one_another(run, monkeypatch):
    monkeypatch.setattr(requests, "time", SimpleNamespace(time_ns=lambda: 10**18))
    with monkeypatch.context() as unseen:  # each looked before the other wrote
        unseen.setattr(requests, "pending", lambda folder: [])
        requests.ask(run.path, requests.KNOBS, {"contrast_temperature": 0.3})
        requests.ask(run.path, requests.KNOBS, {"learning_rate": 0.002})
    assert len(requests.pending(run.path)) == 2
    assert (run.knobs()["contrast_temperature"], run.knobs()["learning_rate"]) == (0.3, 0.002)


def test_a_run_that_is_gone_takes_no_request(run):
    shutil.rmtree(run.path)
    with pytest.raises(lab.RunError, match=r"takes no request: .* renamed or deleted meanwhile"):
        run.request_stop()
    assert not run.path.exists()


def test_what_is_asked_while_nobody_trains_waits_bounded_and_is_obeyed_later(run, tiny):
    for turn in range(3 * 16):
        run.update_knobs(contrast_temperature=0.1 + turn / 100, regularization_weight=0.001)
    assert len(requests.pending(run.path)) <= 17
    lab.resume(run, tiny)
    assert run.knobs()["contrast_temperature"] == pytest.approx(0.57)
    assert requests.pending(run.path) == []
    assert (run.history()["regularization_weight"] == 0.001).all()


def test_a_stop_before_the_first_step_is_obeyed_and_used_up(run, tiny):
    with run.hold() as lock:
        run.request_stop()
        fitting.go_on(run, lock, tiny)
    assert (run.status().state, run.status().epoch, run.stop_is_requested()) == ("stopped", 0, False)


def test_a_stop_that_comes_too_late_leaves_a_finished_run_and_nothing_behind(run, tiny):
    asked = []

    def watch(status):
        if status.epoch == TRAIN.epochs and not asked:
            asked.append(status.state)
            run.request_stop()

    lab.resume(run, tiny, watch)
    assert (asked, run.status().state, run.stop_is_requested()) == (["running"], "finished", False)
    with run.hold() as lock:
        run.request_stop()
        fitting.go_on(run, lock, tiny)
    assert (run.status().state, run.stop_is_requested()) == ("finished", False)
    assert run.test_metrics()


def test_a_stop_older_than_a_resume_does_not_stop_it(run, tiny):
    run.request_stop()
    (run.path / "stop").write_bytes(b"")  # as version 0.1.0 asked
    lab.resume(run, tiny)
    assert run.status().state == "finished"
    assert not run.stop_is_requested()


def test_a_stop_while_it_waits_keeps_what_the_run_knew(run, tiny, monkeypatch):
    monkeypatch.setattr(worker, "MAX_RUNNING", 1)
    monkeypatch.setattr(recording, "STATUS_SECONDS", 0)
    lab.resume(run, tiny, lambda status: run.request_stop() if status.epoch == 3 else None)
    before = run.status()
    assert before.epoch == 3
    with worker._ticket(run.path.parent), run.hold():
        run.request_stop()
        with pytest.raises(lab.RunError, match="stopped while it waited"), worker.place_in_queue(run):
            pass
    after = run.status()
    assert (after.state, after.epoch, after.best_epoch, after.best_metric) == ("stopped", 3, before.best_epoch, before.best_metric)
    assert not run.stop_is_requested()


def test_a_run_belongs_to_its_process_from_the_start_on_and_a_stop_then_is_obeyed(run, tiny):
    process = worker.start(run)
    assert run.status().state == "queued"
    with pytest.raises(lab.RunError, match="being trained"):
        worker.start(run)
    with pytest.raises(lab.RunError, match="stop it before deleting"):
        managing.delete_run(run)
    assert main(["stop", str(run.path)]) == 0
    assert process.wait(300) != 1
    assert (run.status().state, run.status().epoch) == ("stopped", 0)
    assert main(["stop", str(run.path)]) == 2


def test_the_queue_is_first_come_first_served_and_dead_ones_hold_no_place(tmp_path):
    tickets = [worker._ticket(tmp_path) for _ in range(4)]
    assert [worker.n_before(ticket.path) for ticket in tickets] == [0, 1, 2, 3]
    tickets[1].release()  # as when its process is killed
    assert [worker.n_before(ticket.path) for ticket in (tickets[0], *tickets[2:])] == [0, 1, 2]
    last = worker._ticket(tmp_path)
    assert worker.n_before(last.path) == 3
    assert not tickets[1].path.exists()


def test_who_waits_says_its_place(run, monkeypatch):
    monkeypatch.setattr(worker, "MAX_RUNNING", 1)
    others, said = [worker._ticket(run.path.parent) for _ in range(2)], []

    def a_while_later(_):
        said.append((run.status().state, run.status().message))
        others.pop(0).release()

    monkeypatch.setattr(worker.time, "sleep", a_while_later)
    with run.hold(), worker.place_in_queue(run):
        assert said == [("queued", "place 2 in the queue"), ("queued", "place 1 in the queue")]


def test_a_training_whose_folder_is_taken_away_ends_and_touches_no_other(run, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "STATUS_SECONDS", 0)
    away = run.path.with_name("away")

    def watch(status):
        if status.epoch == 2 and not away.exists():
            run.path.rename(away)
            shutil.copytree(away, run.path)

    with pytest.raises(lab.RunError, match="renamed or deleted while it was trained"):
        lab.resume(run, tiny, watch)
    assert lab.Run(away).status().state == "interrupted"
    assert len(run.history()) == len(lab.Run(away).history()) == 2
    assert run.status().state == "interrupted"


def test_a_training_whose_folder_is_deleted_ends_and_makes_none(run, tiny, monkeypatch):
    monkeypatch.setattr(recording, "STATUS_SECONDS", 0)
    with pytest.raises(lab.RunError, match="renamed or deleted while it was trained"):
        lab.resume(run, tiny, lambda status: shutil.rmtree(run.path) if status.epoch == 2 else None)
    assert not run.path.exists()


def test_runs_that_come_and_go_do_not_break_the_list(run, tiny):
    for number in range(4):
        shutil.copytree(run.path, run.path.with_name(f"copy{number}"))
    is_over = threading.Event()

    def churn():
        while not is_over.is_set():
            for number in range(4):
                path, away = run.path.with_name(f"copy{number}"), run.path.with_name(f".away{number}")
                path.rename(away)
                away.rename(path)

    mover = threading.Thread(target=churn)
    mover.start()
    try:
        for _ in range(60):
            assert run.name in [each.name for each in managing.list_runs(run.path.parent)]
    finally:
        is_over.set()
        mover.join()


def test_what_killed_processes_left_is_swept(run, tiny):
    hour = 3600 * 10**9
    old, new = (run.path.parent / f".new-x-{time.time_ns() - age}" for age in (2 * hour, 0))
    for folder in (old, new):
        folder.mkdir()
    (run.path / ".status.json.abcd1234").write_text("{")
    lab.Run.create(run.path.parent, "other", tiny, "lightgcn", MODEL, TRAIN)
    assert (old.exists(), new.exists()) == (False, True)
    lab.resume(run, tiny)
    assert not (run.path / ".status.json.abcd1234").exists()


def test_a_home_folder_is_meant_by_its_sign(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run = lab.Run.create("~/mine", "run", tiny, "lightgcn", MODEL, TRAIN)
    assert run.path == tmp_path / "mine" / "run"
    assert [each.path for each in lab.list_runs("~/mine")] == [lab.Run.open("~/mine/run").path] == [run.path]


def cut(content, share):
    return content[: int(len(content) * share)]


LOSSES = {
    "empty": lambda history: b"",
    "cut": lambda history: cut(history, 0.6),
    "NULs at its end": lambda history: cut(history, 0.6) + bytes(len(history) - len(cut(history, 0.6))),
    "gone": None,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_history_that_a_power_cut_shortened_is_said_and_the_training_goes_on(run, tiny, loss):
    lab.resume(run, tiny, lambda status: run.request_stop() if status.epoch == 4 else None)
    path, act = run.path / "history.jsonl", LOSSES[loss]
    kept = cut(path.read_bytes(), 0.6)
    path.unlink() if act is None else path.write_bytes(act(path.read_bytes()))
    assert main(["train", "--resume", str(run.path)]) == 0
    content, status = path.read_bytes(), lab.Run.open(run.path).status()
    assert b"\0" not in content
    assert status.state == "finished"
    assert "the history after epoch" in status.message
    assert list(run.history()["epoch"])[-2:] == [5, 6]
    assert loss in ("empty", "gone") or content.startswith(kept[: kept.rindex(b"\n") + 1])


@pytest.mark.parametrize("name", ["best", "latest"])
@pytest.mark.parametrize("left", [None, 0, 100])
def test_lost_weights_come_with_advice_that_helps(run, tiny, name, left):
    lab.resume(run, tiny)
    unbroken, path = lines(run), run.weights_path(name)
    path.unlink() if left is None else path.write_bytes(path.read_bytes()[:left])
    if name == "best" or left is not None:
        with pytest.raises(lab.RunError, match=r"delete latest\.safetensors and resume the run"):
            fitting.resume(run, tiny)
        run.weights_path("latest").unlink()
    lab.resume(run, tiny)
    assert run.status().state == "finished"
    assert lines(run) == unbroken


@pytest.mark.parametrize("left", [None, b"", b"{"])
def test_a_lost_status_is_written_anew_by_resuming_as_its_message_says(run, tiny, left):
    lab.resume(run, tiny, lambda status: run.request_stop() if status.epoch == 4 else None)
    path = run.path / "status.json"
    path.unlink() if left is None else path.write_bytes(left)
    if left is not None:
        with pytest.raises(lab.RunError, match="resume the run, which writes it anew"):
            lab.Run.open(run.path)
    assert main(["train", "--resume", str(run.path)]) == 0
    assert (lab.Run.open(run.path).status().state, list(run.history()["epoch"])) == ("finished", list(range(1, TRAIN.epochs + 1)))


def test_the_history_is_on_the_disk_before_the_weights_that_count_it(run, tiny, monkeypatch):
    order, sync = [], os.fsync

    def record(descriptor):
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink().name.lstrip(".").split(".")[0])
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    lab.resume(run, tiny)
    assert {order[place + 1] for place, name in enumerate(order) if name in ("best", "latest")} == {"run"}  # and so are their names
    synced = [name for name in order if name in ("history", "best", "latest")]
    assert synced[:3] == ["history", "best", "latest"]
    assert [synced[place - 1] != "latest" for place, name in enumerate(synced) if name == "latest"] == [True] * TRAIN.epochs


def test_a_lock_is_handed_on_only_as_what_it_is(run, tmp_path):
    with (tmp_path / "other").open("w") as other:
        assert Lock.inherited(run.lock_path, other.fileno()) is None
    assert Lock.inherited(run.lock_path, 9999) is None


def test_a_run_names_the_metric_that_chose_its_best_epoch_and_old_runs_mean_recall(tmp_path):
    small = shop(n_users=12, n_items=8)
    model = lab.LightGCN(small, MODEL)
    run = lab.fit(model, small, TRAIN, tmp_path, "small")
    metric = run.config.selection_metric
    assert metric.startswith("ndcg@")
    assert f"valid {metric} " in repr(run)
    assert run.status().metric == metric
    history = run.history()
    assert run.status().best_metric == history[metric].max() == history.set_index("epoch")[metric][run.status().best_epoch]
    assert metric in run.test_metrics()
    content = json.loads((run.path / "config.json").read_text())
    del content["selection_metric"]
    (run.path / "config.json").write_text(json.dumps(content))
    run.weights_path("latest").unlink()
    lab.resume(lab.Run.open(run.path), small)
    assert run.config.selection_metric == run.status().metric == "recall@20"
    assert run.status().best_epoch == 1  # every list holds everything


def test_a_stop_as_version_0_1_0_asks_is_heard_while_a_training_runs(run):
    inbox = requests.Inbox(run.path)
    assert inbox.news() == []
    (run.path / "stop").write_bytes(b"")
    assert [request.kind for request in inbox.news()] == ["stop"]
    requests.drop(inbox.news())
    assert inbox.news() == []
