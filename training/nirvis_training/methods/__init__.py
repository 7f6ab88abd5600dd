"""The methods of nirvis by name, and how a trained one comes back from its run folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nirvis_datasets.transforms import LUMA
from nirvis_training.checkpoint import newest, read_checkpoint
from nirvis_training.config import TrainingConfig
from nirvis_training.errors import NotARun
from nirvis_training.methods.base import Method
from nirvis_training.methods.berg import Berg
from nirvis_training.methods.colour_bins import ColourBins
from nirvis_training.methods.compact import Compact
from nirvis_training.methods.cptrans import Cptrans
from nirvis_training.methods.cut import Cut
from nirvis_training.methods.cyclegan import CycleGan
from nirvis_training.methods.i2vgan import I2vGan
from nirvis_training.methods.iizuka import Iizuka
from nirvis_training.methods.mocyclegan import MocycleGan
from nirvis_training.methods.pcsgan import PcsGan
from nirvis_training.methods.pix2pix import Pix2Pix
from nirvis_training.methods.pix2pixhd import Pix2PixHd
from nirvis_training.methods.recyclegan import RecycleGan
from nirvis_training.methods.roma import Roma
from nirvis_training.methods.sesim import Sesim
from nirvis_training.methods.ssn import Ssn
from nirvis_training.methods.unsup_recycle import UnsupRecycle
from nirvis_training.networks.image_pool import ImagePool
from nirvis_training.run_folder import RunFolder

METHODS: dict[str, Callable[[Any, float], Method]] = {
    "berg": Berg,
    "compact": Compact,
    "cptrans": Cptrans,
    "cut": Cut,
    "cyclegan": CycleGan,
    "i2vgan": I2vGan,
    "iizuka": Iizuka,
    "mehri_sappa": CycleGan,
    "mocyclegan": MocycleGan,
    "nyberg": CycleGan,
    "pcsgan": PcsGan,
    "pix2pix": Pix2Pix,
    "pix2pixhd": Pix2PixHd,
    "recyclegan": RecycleGan,
    "roma": Roma,
    "sesim": Sesim,
    "ssn": Ssn,
    "unsup_recycle": UnsupRecycle,
    "yao_xia": ColourBins,
    "zhang": ColourBins,
}
"""By the name of their settings, which they are made of together with a learning rate."""


def make_method(config: TrainingConfig) -> Method:
    """A new method, its networks initialised by ``config.seed``; the random state of torch is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        method = METHODS[config.method.name](config.method, config.learning_rate)
    if config.data.source == "grey":
        method.register_forward_pre_hook(_sees_luma)
    for pool in (module for module in method.modules() if isinstance(module, ImagePool)):
        pool.resize(config.crop)
    return method


def _sees_luma(method: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Whatever a method predicts from is grey, as its training was; part of an exported model too."""
    del method
    (source,) = inputs
    luma = (source * source.new_tensor(LUMA).reshape(3, 1, 1)).sum(-3, keepdim=True)
    return (luma.expand_as(source),)


def load_method(run: RunFolder, weights: Literal["best", "last"] = "best") -> Method:
    """A trained method in eval mode on the CPU, ready to predict; it needs no pretrained features.

    weights
        ``best`` by validation, of the networks that predict; or those of the ``last`` checkpoint, of all.

    Raises `NotARun` when the run has no such weights or they do not fit its method.
    """
    config = run.config.model_copy(update={"method": run.config.method.without_losses()})
    method = make_method(config)
    state = _best(run) if weights == "best" else _last(run)
    try:
        absent, unknown = method.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise NotARun(run.path, f"its weights do not fit its method ({str(error).splitlines()[0]})") from None
    if unknown or any(method.predicts(name) for name in absent):
        raise NotARun(run.path, f"its weights do not fit its method ({', '.join((*unknown, *absent)[:3])})")
    return method.eval()


def _best(run: RunFolder) -> dict[str, Tensor]:
    if not run.best_weights.is_file():
        raise NotARun(run.path, "it has no weights yet; wait for the first validation")
    try:
        state: dict[str, Tensor] = load_file(run.best_weights)
        return state
    except SafetensorError as error:
        raise NotARun(run.path, f"{run.best_weights.name} cannot be read ({error})") from None


def _last(run: RunFolder) -> dict[str, Tensor]:
    checkpoint = read_checkpoint(newest(run))
    return checkpoint.averaged or checkpoint.method
