import numpy as np
import pytest
from PIL import Image

from srgformer_lab.data.encoders import CHUNK, DENSE_SIDE, PICTURE_WIDTH, TEXT_WIDTH, encode_pictures, encode_texts
from srgformer_lab.data.pictures import OpenedPictures, flatten, open_picture

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "HSV", "I;16", "I", "F")


def noise_picture(seed, size=(40, 60)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def plain(color):
    return Image.new("RGB", (30, 45), color)


def norms(features):
    return np.linalg.norm(features, axis=1)


def test_rows_have_norm_one_and_a_missing_picture_is_a_row_of_zeros():
    features = encode_pictures([plain("red"), None, plain("blue"), noise_picture(0)])
    assert features.shape == (4, PICTURE_WIDTH)
    assert features.dtype == np.float32
    np.testing.assert_allclose(norms(features), [1, 0, 1, 1], atol=1e-6)


def test_like_colours_are_nearer_than_unlike_ones():
    features = encode_pictures([plain("#c02020"), plain("#d03030"), plain("#2020c0"), plain("#20c020")])
    near = features @ features.T
    assert near[0, 1] > max(near[0, 2], near[0, 3])


def test_stripes_of_one_direction_are_nearer_than_across():
    def striped(axis, shift):
        place = np.indices((90, 60))[axis] + shift
        return Image.fromarray(np.where(place % 12 < 6, 220, 40).astype(np.uint8))

    features = encode_pictures([striped(0, 0), striped(0, 3), striped(1, 0), striped(1, 3)])
    near = features @ features.T
    assert near[0, 1] > near[0, 2]
    assert near[2, 3] > near[1, 2]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_picture_is_read(mode):
    features = encode_pictures([Image.new(mode, (7, 5)), noise_picture(1)])
    np.testing.assert_allclose(norms(features), 1, atol=1e-6)


def test_what_is_transparent_counts_as_white():
    clear = Image.new("RGBA", (30, 45), (255, 0, 0, 0))
    features = encode_pictures([clear, plain("white"), plain("red"), plain("black")])
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (500, 333)])
def test_pictures_of_any_size_are_read(size):
    assert np.isfinite(encode_pictures([noise_picture(2, size), plain("green")])).all()


def test_pictures_that_can_not_be_told_apart_are_alike():
    assert not encode_pictures([plain("red")]).any()
    assert not encode_pictures([plain("red")] * 5).any()
    assert not encode_pictures([None, None]).any()
    assert encode_pictures([]).shape == (0, PICTURE_WIDTH)


def test_the_end_of_a_chunk_loses_no_picture():
    few = [noise_picture(seed, (6, 9)) for seed in range(4)]
    features = encode_pictures([few[row % 4] for row in range(CHUNK + 1)])
    np.testing.assert_allclose(features[CHUNK], features[CHUNK % 4], atol=1e-5)


def test_pictures_and_texts_are_encoded_alike_every_time():
    pictures = [noise_picture(seed) for seed in range(6)]
    texts = [f"word{chr(97 + k)} tea cup {'red' * (k % 2)}" for k in range(6)]
    np.testing.assert_array_equal(encode_pictures(pictures), encode_pictures(pictures))
    np.testing.assert_array_equal(encode_texts(texts), encode_texts(texts))


def test_texts_on_one_subject_are_nearer():
    features = encode_texts(["the tent and the trail", "a trail to the tent", "the oven and the dough", "a dough for the oven"])
    near = features @ features.T
    assert features.shape == (4, TEXT_WIDTH)
    assert near[0, 1] > near[0, 2] + 0.3
    assert near[2, 3] > near[1, 3] + 0.3


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["1 2 3", "!?"]])
def test_texts_without_a_word_are_rows_of_zeros(texts):
    features = encode_texts(texts)
    assert features.shape == (len(texts), TEXT_WIDTH)
    assert not features.any()


def test_a_single_text_and_texts_all_alike_have_equal_rows_of_norm_one():
    np.testing.assert_allclose(norms(encode_texts(["one red mug"])), 1, atol=1e-6)
    features = encode_texts(["one red mug"] * 4)
    np.testing.assert_allclose(features, features[:1].repeat(4, axis=0), atol=1e-6)
    np.testing.assert_allclose(norms(features), 1, atol=1e-6)


def test_case_and_the_form_of_accents_do_not_matter():
    features = encode_texts(["CAF\u00c9 cr\u00e8me", "cafe\u0301 cre\u0300me", "th\u00e9 vert", "th\u00e9 noir"])
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)


def test_scripts_without_spaces_share_pairs_of_characters():
    features = encode_texts(["青い陶器のマグカップ", "白い陶器のマグカップ", "木製の掛け時計", "静かな掛け時計"])
    near = features @ features.T
    assert near[0, 1] > near[0, 2]
    assert near[2, 3] > near[0, 3]


def test_large_vocabularies_take_the_iterative_way_to_the_same_angles(monkeypatch):
    rng = np.random.default_rng(0)
    vocabulary = ["".join(chr(97 + int(c)) for c in rng.integers(0, 26, 7)) for _ in range(90)]
    texts = [" ".join(rng.choice(vocabulary[30 * (k % 3) : 30 * (k % 3) + 30], 12)) for k in range(80)]
    exact = encode_texts(texts)
    assert DENSE_SIDE > 80
    monkeypatch.setattr("srgformer_lab.data.encoders.DENSE_SIDE", 10)
    iterative = encode_texts(texts)
    np.testing.assert_allclose(iterative @ iterative.T, exact @ exact.T, atol=1e-4)


# -------------------------------------------------------------------------------------------- one path from a file to features


def waves(count, top=60_000):
    """Grey pictures of sixteen bits, each of another period."""
    x = np.mgrid[0:64, 0:96][1]
    return [Image.fromarray(((np.sin(x / (2 + number)) + 1) / 2 * top + 3000).astype(np.uint16)) for number in range(count)]


def test_greys_of_sixteen_bits_are_told_apart_whichever_way_they_come(tmp_path):
    pictures, paths, encoded = waves(12), [], []
    for number, picture in enumerate(pictures):
        paths.append(tmp_path / f"{number}.png")
        picture.save(paths[-1])
        encoded.append(paths[-1].read_bytes())
    direct = encode_pictures(pictures)
    np.testing.assert_array_equal(encode_pictures(OpenedPictures(paths)), direct)
    np.testing.assert_array_equal(encode_pictures(OpenedPictures(encoded)), direct)
    np.testing.assert_array_equal(encode_pictures([open_picture(path) for path in paths]), direct)
    assert len(np.unique(direct.round(3), axis=0)) == 12


def test_a_grey_of_sixteen_bits_looks_like_its_eight_bit_copy():
    fine = waves(1)[0]
    coarse = Image.fromarray((np.asarray(fine) // 257).astype(np.uint8))
    difference = np.asarray(flatten(fine), int) - np.asarray(flatten(coarse), int)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_photograph_is_set_upright(turn, tmp_path):
    upright = Image.new("RGB", (32, 16), "white")
    upright.paste("red", (0, 0, 16, 8))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what a camera held so would store
    stored = upright.transpose(Image.Transpose(back[turn])) if turn > 1 else upright
    notes = Image.Exif()
    notes[0x0112] = turn
    stored.save(tmp_path / "a.png", exif=notes)
    assert open_picture(tmp_path / "a.png").size == (32, 16)
    np.testing.assert_array_equal(np.asarray(open_picture(tmp_path / "a.png")), np.asarray(upright))
    stored.save(tmp_path / "a.jpg", exif=notes)
    np.testing.assert_allclose(np.asarray(open_picture(tmp_path / "a.jpg"))[2:6, 2:14, 1], 0, atol=40)


def test_damaged_notes_of_a_photograph_do_no_harm(tmp_path):
    Image.new("RGB", (8, 4), "red").save(tmp_path / "a.jpg", exif=b"Exif\0\0" + b"nonsense")
    assert open_picture(tmp_path / "a.jpg").size == (8, 4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "La", "RGBa", "PA"])
def test_what_is_transparent_is_white_in_every_mode(mode):
    assert flatten(Image.new(mode, (3, 3), 0)).getpixel((1, 1)) == (255, 255, 255)
