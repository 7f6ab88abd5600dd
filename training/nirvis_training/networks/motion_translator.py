"""From the motion of one domain to that of another."""

from __future__ import annotations

from torch import Tensor, nn

_SCALE_PX = 10.0


class MotionTranslator(nn.Module):
    """Flow in pixels ``(N, 2, H, W)`` → flow in pixels of the same shape; at first the same flow.

    Nothing is normalised, because the length of a displacement matters.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(2, width, 7, padding=3),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2, 3, padding=1),
        )
        nn.init.zeros_(self.change[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.change[-1].bias)  # type: ignore[arg-type]

    def forward(self, flow_px: Tensor) -> Tensor:
        changed: Tensor = flow_px + _SCALE_PX * self.change(flow_px / _SCALE_PX)
        return changed
