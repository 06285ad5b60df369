"""The two losses of the fused image, degraded both ways, with their gradient."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from udaln.methods.training.losses import Loss, mean_error
from udaln.methods.udaln.model import UdalnModel
from udaln.methods.udaln.speunet import SLOPE, PaperSpeUnet
from udaln.physics.blocks import Blocks

STRIP = 1 << 18  # values of X̂ at a time: about what stays in a core's cache


def consistency_losses(model: UdalnModel, blocks: Blocks, error: Loss = mean_error) -> tuple[Tensor, Tensor]:
    """|SpeDnet(X̂) − Z| and |SpaDnet(X̂) − Y| with X̂ = SpeUnet(Z), to be minimised as a sum.

    Errors are measured by ``error``, in the paper by the mean absolute error. For it and the paper's SpeUnet, the sums
    are taken strip by strip on a CPU at full precision: X̂ and its gradient are the largest arrays of all, and passing
    them through memory takes longer than to compute them.
    """
    speu = model.speu
    on_cpu = blocks.lr.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    plain = error is mean_error and blocks.lr_weight is None and model.sped.same_units
    if type(speu) is PaperSpeUnet and on_cpu and plain:  # not one of its subclasses, which may compute otherwise
        layers = [p for layer in speu.layers for p in layer.parameters()]
        srf = model.sped.srf.to(blocks.windows).T.contiguous()
        both: tuple[Tensor, Tensor] = _Strips.apply(  # type: ignore[no-untyped-call]
            blocks.windows, blocks.lr, model.spad.weight.to(blocks.windows), srf, *layers
        )
        return both
    pixels = blocks.windows.transpose(0, 1)
    fused = speu(pixels)
    hr_msi = error(model.sped(fused), pixels, blocks.msi_weight)
    return hr_msi, error(model.spad(fused.transpose(0, 1)), blocks.lr, blocks.lr_weight)


class _Strips(torch.autograd.Function):
    """Both losses and, at once, the gradient of their sum: the graph hangs on the first, the second has none."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, lr: Tensor, psf: Tensor, srf: Tensor, *layers: Tensor) -> tuple[Tensor, ...]:
        """Windows (N, K, c), LR-HSI pixels (N, C), PSF (K), SRF (c, C), weight and bias of each of SpeUnet's layers."""
        gradients = [torch.zeros_like(parameter) for parameter in (psf, srf, *layers)]
        d_psf, d_srf, *d_layers = gradients
        hr_msi, lr_hsi = lr.new_zeros(2)
        step = max(1, STRIP // (len(psf) * lr.shape[1]))
        for z, y in zip(torch.split(windows, step), torch.split(lr, step), strict=True):
            signals = [z.transpose(0, 1).reshape(-1, z.shape[2])]  # a row an HR pixel, (K·n, c)
            for weight, bias in zip(layers[::2], layers[1::2], strict=True):
                signals.append(F.leaky_relu_(F.linear(signals[-1], weight, bias), SLOPE))
            fused = signals[-1]
            by_window = fused.view(len(psf), -1)  # the same, (K, n·C)
            msi_error = F.linear(fused, srf).sub_(signals[0])
            hsi_error = (psf @ by_window).sub_(y.flatten())
            hr_msi += msi_error.abs().sum()
            lr_hsi += hsi_error.abs().sum()

            msi_error.sgn_().div_(windows.numel())  # from here on the losses' gradients
            hsi_error.sgn_().div_(lr.numel())
            d_psf.addmv_(by_window, hsi_error)
            d_srf.addmm_(msi_error.T, fused)
            back = msi_error @ srf
            back.view(len(psf), -1).addr_(psf, hsi_error)
            for i in reversed(range(0, len(layers), 2)):
                signal, output = signals[i // 2 : i // 2 + 2]
                torch.ops.aten.leaky_relu_backward(back, output, SLOPE, True, grad_input=back)
                d_layers[i].addmm_(back.T, signal)
                d_layers[i + 1].add_(back.sum(0))
                if i:
                    back = back @ layers[i]
        ctx.save_for_backward(*gradients)
        hr_msi, lr_hsi = hr_msi / windows.numel(), lr_hsi / lr.numel()
        ctx.mark_non_differentiable(lr_hsi)
        return hr_msi, lr_hsi

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the sum times what the first loss is multiplied with."""
        return None, None, *(gradient * outer[0] for gradient in ctx.saved_tensors)
