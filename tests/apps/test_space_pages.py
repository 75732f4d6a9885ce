"""The pages on alignment and reports say what the package computed, and carry what was chosen."""

import io
import re
import zipfile

import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import backend, cli
from tests.shops import resolve


def test_the_alignment_page_tells_the_packages_numbers(page, shop):
    shown, names = page("alignment", shop)
    trace = names["scene"].trace
    for value in lab.geometry(trace)["value"]:
        assert f"<dd>{lab.plots.measured(value)}</dd>" in shown
    drawn = lab.project(trace, names["scene"].data, ("image", "text", "fused"))
    assert names["drawn"].points.equals(drawn.points)


def test_items_of_the_link_are_kept_and_shown_until_others_are_circled(page, shop):
    items = backend.SESSION.dataset(shop).item_ids[:3]
    chosen = shop.change(items=tuple(items))
    for name in ("alignment", "report"):
        shown, names = page(name, chosen)
        assert chosen.change(**names["picked"]) == chosen
        assert "3 items chosen" in shown


def test_points_name_their_items_once_whatever_space_they_are_of(shop):
    space = backend.Alignment.of(backend.SESSION.open(shop))
    drawn = space.projection()
    n = space.scene.data.n_items
    assert space.items_at(drawn, [1, n + 1, 0, 2 * n + 1]) == [drawn.points["id"][place] for place in (1, 0)]


def test_what_training_changed_is_computed_from_both_ends(shop):
    scene = backend.SESSION.open(shop)
    space, first = (backend.Alignment.of(each) for each in (scene, scene.at(epoch=0)))
    assert first.since_training() == ""
    ends = [other.recall().query("k == k.max()")["recall"].mean() for other in (first, space)]
    pd.testing.assert_series_equal(space.recall()["untrained"], first.recall()["recall"], check_names=False)
    pd.testing.assert_series_equal(space.geometry()["untrained"], first.geometry()["value"], check_names=False)
    shares = [float(share) for share in re.findall(r"([\d.]+)\s%", space.since_training())]
    assert shares == pytest.approx([100 * end for end in ends][-len(shares) :], abs=0.06)


def test_a_model_with_one_modality_is_not_asked_whether_two_agree(page, shop_root, shop, monkeypatch):
    data = backend.SESSION.dataset(shop)
    config = lab.ModelConfig(embedding_dim=8, n_heads=2, modalities=("image",))
    lab.fit(lab.SRGFormer(data, config), data, lab.TrainConfig(epochs=1), shop_root / "runs", "pictures-alone")
    alone = shop.change(run="pictures-alone")
    shown, _ = page("alignment", alone)
    assert "there is no second one that it could agree with" in shown
    assert "alignment" not in backend.sections_of(backend.SESSION.open(alone))


@pytest.fixture(scope="module")
def report(request):
    scene = backend.SESSION.open(resolve(backend.Link(cohort="cold", items=("i3", "i4")))[0])
    return backend.Report(scene)


def test_a_report_holds_the_numbers_of_the_package(report):
    scene, written = report.scene, report.html()
    why = lab.explain(scene.trace, scene.data, scene.link.user, scene.link.item)
    assert f"its score is {why.score:.6f}" in written
    assert f"{backend.health(scene).recall:.3g}" in written
    assert len(written.encode()) < 8_000_000
    outside_script = re.sub(r"<script.*?</script>", "", written, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", outside_script)


def test_tables_read_back_are_the_frames(report):
    with zipfile.ZipFile(io.BytesIO(report.tables())) as archive:
        readme = archive.read("README.txt").decode()
        assert set(archive.namelist()) == {"README.txt", *(f"{name}.csv" for name in report.frames())}
        for name, (about, frame) in report.frames().items():
            assert f"{name}.csv: {about}" in readme
            read = pd.read_csv(io.BytesIO(archive.read(f"{name}.csv")), keep_default_na=False, na_values=[""])
            assert list(read.columns) == list(frame.columns)
            numbers = frame.select_dtypes("number")
            pd.testing.assert_frame_equal(read[numbers.columns].astype(float), numbers.astype(float), check_exact=False, rtol=1e-6)


def test_only_what_is_ticked_goes_in(report):
    chosen = backend.Report(report.scene, ["list"])
    assert [section.block.title for section in chosen.sections] == ["What is looked at", "What is recommended to this person"]
    with pytest.raises(lab.ConfigError, match="no section 'weather'"):
        backend.Report(report.scene, ["weather"])


def test_the_cohorts_metrics_are_the_means_of_its_users(report):
    frames = report.frames()
    users = lab.evaluate_users(report.scene.trace, report.scene.data, "valid", beyond=True).set_index("user_id")
    inside = [user for user in backend.cohort_users(report.scene.data, "cold") if user in users.index]
    told = frames["cohort"][1].set_index("metric")["cohort"]
    pd.testing.assert_series_equal(told, users.loc[inside].mean(), check_names=False)
    cells = re.findall(r"<td>([^<]*)</td>", report.html())
    for metric, name in (("recall@20", "Recall@20"), ("novelty@20", "novelty@20")):  # the one in percent, the other in bits
        assert lab.plots.metric_value(metric, told[metric]) in cells[cells.index(name) + 1 : cells.index(name) + 3]


def test_a_report_is_written_from_the_command_line(shop_root, tmp_path, capsys):
    run = shop_root / "runs" / "first"
    data = lab.Run.open(run).open_data()
    assert cli.main(["report", str(run), "--user", data.user_ids[1], "--output", str(tmp_path / "r.html")]) == 0
    best = lab.recommend(lab.Run.open(run).model(data), data, data.user_ids[1], k=1)
    assert str(best["title"].iloc[0]) in (tmp_path / "r.html").read_text()
    assert cli.main(["report", str(run), "--user", "nobody", "--output", str(tmp_path / "s.html")]) == 2
    assert "nobody" in capsys.readouterr().err
    assert cli.main(["report", str(run), "--output", str(tmp_path / "t.zip")]) == 0
    assert zipfile.is_zipfile(tmp_path / "t.zip")
