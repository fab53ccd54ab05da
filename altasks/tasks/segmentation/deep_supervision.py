"""A segmentation model with a light head on each of some stages of its decoder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks._internal.random import isolated
from altasks.committees.modes import eager, evaluating
from altasks.errors import InvalidInputError, invalid

#: Where segmentation-models-pytorch keeps the stages of its decoders.
_LISTS = ("blocks", "seg_blocks", "fusion_blocks", "fpn_conv_blocks", "mlp_stage")
_SINGLE = ("aspp", "psp", "fpa", "gau3", "gau2", "gau1")
SUPPORTED = (
    "Unet, UnetPlusPlus, MAnet, Linknet, FPN, PAN, PSPNet, UPerNet, Segformer, DPT, DeepLabV3 and "
    "DeepLabV3Plus of segmentation-models-pytorch"
)


class DeepSupervised(nn.Module):
    """A model, and a 1x1 convolution to class logits on each of some layers inside it.

    Lee, Xie, Gallagher, Zhang and Tu (2015), "Deeply-Supervised Nets". The model itself is not
    changed: its layers are listened to while it runs.

    Args:
        model: images `[n, channels, H, W]` to logits `[n, C, h, w]`, or a tuple or mapping with
            them first or under `logits` or `out`.
        stages: dotted names of the layers, each giving maps `[n, c, h, w]`, deepest first.
        widths: how many channels each of them has.
        classes: C.
        binary: whether the model has one output z for two classes. Its probability of the second
            is sigmoid(z), which is the softmax of (0, z): those are its logits.
    """

    def __init__(
        self,
        model: nn.Module,
        stages: Sequence[str],
        widths: Sequence[int],
        classes: int,
        *,
        binary: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.binary = binary
        self.stages = tuple(stages)
        self.heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in widths)
        self._heads_only = False

    @property
    def dtype(self) -> torch.dtype:
        """The type of the model's numbers, which its images have to have."""
        return dtype_of(self.model)

    def forward(self, pixel_values: Tensor, weights: Tensor | None = None) -> dict[str, Any]:
        """Return `{"logits": K maps [n, C, h, w], the model's own last, "weights": weights}`.

        Images may be of any floating type.
        """
        found: dict[int, Tensor] = {}
        learns = torch.is_grad_enabled()
        handles = [
            self.model.get_submodule(name).register_forward_hook(
                partial(self._listen, found, place, learns)
            )
            for place, name in enumerate(self.stages)
        ]
        try:
            # A compiled model may run without calling the hooks.
            with eager(self.model), torch.set_grad_enabled(learns and not self._heads_only):
                output = self.model(pixel_values.to(self.dtype))
        finally:
            for handle in handles:
                handle.remove()
        silent = [name for place, name in enumerate(self.stages) if place not in found]
        if silent:
            raise invalid("stages", "layers that run in a pass", f"{silent[0]!r}, which did not")
        maps = [found[place] for place in range(len(self.stages))]
        own = logits_of(output)
        if self.binary:
            own = torch.cat([torch.zeros_like(own), own], 1)
        return {"logits": [*maps, own], "weights": weights}

    def _listen(
        self, found: dict[int, Tensor], place: int, learns: bool, _: Any, __: Any, output: Any
    ) -> None:
        # At once: the layer after this one may write over what this one gave.
        with torch.set_grad_enabled(learns):
            found[place] = self.heads[place](output.detach() if self._heads_only else output)

    def train(self, mode: bool = True) -> DeepSupervised:
        """Set the mode; while only the heads are trained, the model's layers stay at rest."""
        super().train(mode)
        if self._heads_only:
            self.model.train(False)
        return self

    @contextmanager
    def only_heads(self, wanted: bool) -> Iterator[None]:
        """Train nothing but the stages' heads; running averages rest too."""
        if not wanted:
            yield
            return
        held = [one for one in self.model.parameters() if one.requires_grad]
        self._heads_only = True
        for parameter in held:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            self._heads_only = False
            for parameter in held:
                parameter.requires_grad_(True)


def logits_of(output: Any) -> Tensor:
    """Return the map of logits in what a model returned.

    Raises:
        InvalidInputError: if there is none.
    """
    found = output
    if isinstance(output, Mapping):
        found = output.get("logits", output.get("out"))
    elif isinstance(output, tuple | list) and output:  # aux_params adds a second one
        found = output[0]
    if not isinstance(found, Tensor) or found.ndim != 4:
        shown = f"shape {list(found.shape)}" if isinstance(found, Tensor) else type(output).__name__
        raise invalid("model", "one that returns maps of logits [n, C, H, W]", shown)
    return found


def dtype_of(model: nn.Module) -> torch.dtype:
    """Return the type of a model's first floating parameter; float32 if it has none."""
    kinds = (one.dtype for one in model.parameters() if one.is_floating_point())
    return next(kinds, torch.float32)


def build(spec: Mapping[str, Any], classes: int) -> nn.Module:
    """Return the model of segmentation-models-pytorch that a mapping describes.

    Weights are drawn the same in every process; nothing is downloaded unless the mapping names
    `encoder_weights`.

    Raises:
        InvalidInputError: for a mapping that the library refuses.
    """
    smp = require("segmentation_models_pytorch", "segmentation", "A segmentation model by name")
    outputs = 1 if classes == 2 and spec.get("classes") == 1 else classes
    settings = {"encoder_weights": None, **spec, "classes": outputs}
    if "arch" not in spec:
        raise invalid("model", "a mapping with 'arch', such as {'arch': 'Unet'}", f"{dict(spec)!r}")
    try:
        with isolated(0):
            made: nn.Module = smp.create_model(**settings)
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(
            "model", "settings of segmentation_models_pytorch.create_model", f"{error}"
        ) from error
    return made


def spec_of(model: nn.Module) -> dict[str, Any] | None:
    """Return the mapping from which `build` makes such a model again; None if it can't."""
    config = getattr(model, "_hub_mixin_config", None)
    if not isinstance(config, Mapping) or not hasattr(model, "decoder"):
        return None
    kept = {name: v for name, v in config.items() if name != "classes" or v == 1}
    return {**kept, "arch": type(model).__name__.lower(), "encoder_weights": None}


def decoder_stages(model: nn.Module) -> list[str]:
    """Return the dotted names of the stages of a decoder that is known, as they are listed there.

    Empty for a model whose decoder isn't known.
    """
    decoder = getattr(model, "decoder", None)
    if decoder is None:
        return []
    for name in _LISTS:
        part = getattr(decoder, name, None)
        if isinstance(part, nn.ModuleDict):  # UNet++: the x_0_n have been through n stages
            keys = [key for key in part if re.fullmatch(r"x_0_\d+", key)]
            return [f"decoder.{name}.{key}" for key in sorted(keys, key=lambda k: int(k[4:]))]
        if isinstance(part, nn.ModuleList):
            return [f"decoder.{name}.{i}" for i in range(len(part))]
    if isinstance(decoder, nn.Sequential) and len(decoder):  # DeepLabV3: ASPP comes first
        return ["decoder.0"]
    return [f"decoder.{name}" for name in _SINGLE if hasattr(decoder, name)]


class Probe:
    """Facts about a model from one pass over an empty image.

    Args:
        model: any.
        channels: of an image.
        side: of the image, in pixels.
        names: the layers to listen to.

    Attributes:
        classes: how many classes the logits have.
        widths: name -> channels, of the layers that give maps.
        sides: name -> rows of the map.
        last: the names of layers whose map is what the model's own head reads.
        ends_in: the activation that the output comes out of, or None.
    """

    def __init__(self, model: nn.Module, channels: int, side: int, names: Sequence[str]) -> None:
        outputs: dict[str, Any] = {}

        def note(name: str, _: Any, __: Any, output: Any) -> None:
            outputs[name] = output

        decoder = ["decoder"] if hasattr(model, "decoder") else []
        parameter = next(model.parameters())
        image = torch.zeros(1, channels, side, side, device=parameter.device, dtype=dtype_of(model))
        handles = []
        activations: list[tuple[str, Tensor]] = []

        def note_activation(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                activations[:] = [(type(module).__name__, output)]

        try:
            for name in {*names, *decoder}:
                layer = _layer(model, name)
                handles.append(layer.register_forward_hook(partial(note, name)))
            for module in model.modules():
                if isinstance(module, nn.Softmax | nn.Softmax2d | nn.Sigmoid):
                    handles.append(module.register_forward_hook(note_activation))
            with evaluating(model), eager(model), torch.no_grad():
                logits = logits_of(model(image))
            self.classes = logits.shape[1]
            self.ends_in = _ends_in(logits, activations)
        except InvalidInputError:
            raise
        except Exception as error:  # whatever a user's module raises
            raise invalid(
                "model",
                f"one that reads images [n, {channels}, {side}, {side}]",
                f"{type(error).__name__}: {error}",
            ) from error
        finally:
            for handle in handles:
                handle.remove()
        maps = {
            name: output
            for name, output in outputs.items()
            if isinstance(output, Tensor) and output.ndim == 4
        }
        end = maps.get("decoder")
        self.widths = {name: one.shape[1] for name, one in maps.items() if name in names}
        self.sides = {name: one.shape[2] for name, one in maps.items() if name in names}
        self.last = {
            name
            for name, one in maps.items()
            if name in names and end is not None and one.data_ptr() == end.data_ptr()
        }


def _ends_in(logits: Tensor, activations: Sequence[tuple[str, Tensor]]) -> str | None:
    """Return the activation that made an output of probabilities; None if it is one of logits.

    That of a module is known by its output. A softmax that is a call shows in what it gives: at
    each pixel numbers of at least 0 that sum to 1. Log probabilities are fine: their softmax is
    what they are the logarithms of.
    """
    for name, output in activations:
        if output.data_ptr() == logits.data_ptr():
            return name
    values = logits.float()
    sums = values.sum(1)
    one = torch.ones_like(sums)
    # In half precision C probabilities sum to 1 to within about C roundings.
    if values.shape[1] > 1 and bool((values >= 0).all()) and torch.allclose(sums, one, atol=5e-3):
        return "a softmax"
    return None


def _layer(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        some = ", ".join(repr(one) for one in decoder_stages(model))
        known = some or "see [name for name, _ in model.named_modules()]"
        raise invalid("stages", f"the dotted name of a layer: {known}", repr(name)) from None


def image_channels(model: nn.Module) -> int:
    """Return how many channels the model reads: those of its first convolution."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    raise invalid("channels", "how many channels an image has", "a model without a convolution")


def supervise(
    model: nn.Module,
    stages: int | Sequence[int | str] | None,
    classes: int,
    *,
    channels: int,
    stride: int,
) -> DeepSupervised:
    """Return the model with heads on the stages asked for.

    Args:
        model: any.
        stages: None: all that are known before the last; a number: that many of them, those
            nearest to the output; or numbers (0 is the deepest) and dotted names of layers.
        classes: how many classes there are.
        channels: of an image.
        stride: what an image's sides must be multiples of.

    Raises:
        InvalidInputError: for a model of other classes, or stages it doesn't have.
    """
    known = decoder_stages(model)
    named = [] if stages is None or isinstance(stages, int) else list(stages)
    own = [name for name in named if isinstance(name, str)]
    probe = Probe(model, channels, 8 * stride, [*known, *own])
    binary = probe.classes == 1 and classes == 2
    if probe.classes != classes and not binary:
        raise invalid(
            "labels",
            f"{probe.classes} classes, as the model has",
            f"{classes}",
            hint="One output (a sigmoid's logit) is read as two classes."
            if probe.classes == 1
            else "",
        )
    if probe.ends_in is not None:
        raise invalid(
            "model",
            "one that returns logits",
            f"one that ends in {probe.ends_in}",
            hint="Make it with activation=None, or without its last layer: losses and averages "
            "need logits.",
        )
    early = [name for name in known if name in probe.widths and name not in probe.last]
    early.sort(key=lambda name: probe.sides[name])
    if stages is None:
        chosen = early
    elif isinstance(stages, int):
        _require_known(stages and not early, model, named=f"{stages}")
        if not 0 <= stages <= len(early):
            raise invalid("stages", f"0 to {len(early)}, which the decoder has", f"{stages}")
        chosen = early[len(early) - stages :]
    else:
        _require_known(len(own) < len(named) and not early, model, named=f"{stages!r}")
        chosen = [_choose(one, early, probe) for one in named]
    if len(set(chosen)) != len(chosen):
        raise invalid("stages", "different stages", f"{stages!r}")
    widths = [probe.widths[name] for name in chosen]
    parameter = next(model.parameters())
    with isolated(0):
        made = DeepSupervised(model, chosen, widths, classes, binary=binary)
    made.heads.to(parameter.device, dtype_of(model))
    return made


def _require_known(unknown: Any, model: nn.Module, *, named: str) -> None:
    if unknown:
        raise invalid(
            "stages",
            f"dotted names of layers that give maps, for a {type(model).__name__}",
            named,
            hint=f"Stages are found by themselves in {SUPPORTED}.",
        )


def _choose(one: int | str, early: Sequence[str], probe: Probe) -> str:
    if isinstance(one, str):
        if one not in probe.widths:
            raise invalid("stages", "layers that give maps [n, c, h, w]", f"{one!r}, another kind")
        return one
    if not -len(early) <= one < len(early):
        raise invalid("stages", f"numbers from 0 to {len(early) - 1}", f"{one}")
    return early[one]
