"""The page of an audit shows what the package finds, and says so where there is nothing to ask."""

import shutil
import threading

import pandas as pd

import srgformer_lab as lab
from srgformer_lab import backend

KEYS = ["modality", "intervention", "cohort"]


def test_an_audit_is_shown_as_the_package_finds_it(page, shop):
    scene = backend.SESSION.open(shop)
    found = backend.audited(scene).value()
    by_hand = lab.audit(scene.run.model(scene.data), split="valid")
    pd.testing.assert_frame_equal(found.table.sort_values(KEYS, ignore_index=True), by_hand.table.sort_values(KEYS, ignore_index=True))
    shown, names = page("audit", shop)
    row = found.table[(found.table["modality"] == "image") & (found.table["intervention"] == "permuted")].iloc[0]
    assert f"{lab.plots.signed(100 * row['change'])} points of Recall@20" in shown
    lost = by_hand.items[(by_hand.items["modality"] == "image") & (by_hand.items["intervention"] == "permuted")]
    lost = lost[lost["after"] < lost["before"]].head(12)
    assert all(f"found by {each.before:g} of {each.held}, then by {each.after:g}" in shown for each in lost.itertuples())
    assert not names["jump"]


def test_an_audit_of_a_model_without_modalities_says_so(page, shop, shop_root):
    scene = backend.SESSION.open(shop)
    lab.fit(lab.LightGCN(scene.data), scene.data, lab.TrainConfig(epochs=1), shop_root / "runs", "plain")
    try:
        link = shop.change(run="plain")
        page("audit", link)
        for thread in [thread for thread in threading.enumerate() if "background task" in thread.name]:
            thread.join()
        shown, _ = page("audit", link)
        assert "LightGCN uses no modality" in shown
    finally:
        shutil.rmtree(shop_root / "runs" / "plain")
