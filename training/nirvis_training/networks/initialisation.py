"""How the adversarial methods initialise their convolutions and linear layers."""

from __future__ import annotations

from typing import Literal

from torch import nn

Initialisation = Literal["normal", "xavier"]
_DEVIATION = 0.02


def initialise(network: nn.Module, initialisation: Initialisation) -> None:
    """N(0, 0.02²) as in CycleGAN, or Xavier-normal with gain 0.02 as in CUT; biases 0, affine norms N(1, 0.02²)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if initialisation == "normal":
                nn.init.normal_(module.weight, 0.0, _DEVIATION)
            else:
                nn.init.xavier_normal_(module.weight, gain=_DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, _DEVIATION)
            nn.init.zeros_(module.bias)
