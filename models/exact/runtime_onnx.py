"""Runs exact networks with onnxruntime, bit for bit as torch does.

Graphs are built from the same integers. Every step is exact on its own, so nothing that onnxruntime fuses or
reorders can change a bit; only its float16 and bfloat16 modes could, and those are never asked for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from . import system
from .layers import ACTIVATION_LIMIT, ExactConv, ExactNet
from .tiles import Tiled

OPSET = 17
IR_VERSION = 8


def runner() -> Callable[[ExactNet], Tiled]:
    """What makes networks ready to run."""
    return lambda net: Tiled(net, OnnxNet(net), side_by_side=True)


class OnnxNet:
    """One exact network, ready to run, on the thread that calls it."""

    def __init__(self, net: ExactNet):
        self.net = net
        graph = _Graph(net)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what fails raises
        options.intra_op_num_threads = 1  # no pool of its own: tiles run side by side
        options.enable_cpu_mem_arena = False  # each of many sessions would keep its largest working set
        options.enable_mem_pattern = False
        with system.memory_errors():
            self.session = onnxruntime.InferenceSession(
                graph.model().SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )

    def __call__(self, inputs: list[np.ndarray], t: int) -> np.ndarray:
        """inputs: float32 integers (C_i, H, W); t: step in 1/256. Returns float32 integers (O, H', W')."""
        feed = {"x": np.concatenate([np.ascontiguousarray(i, np.float32) for i in inputs])[None]}
        for i, block in enumerate(self.net.blocks):
            if block.gain is not None:
                feed[f"gain{i}"] = (block.gain.at(t) * block.film_scale)[:, None, None]
                feed[f"bias{i}"] = (block.bias.at(t) * block.film_scale)[:, None, None]
        if self.net.head_bias is not None:
            feed["head_bias"] = (self.net.head_bias.at(t) * self.net.head.scale)[:, None, None]
        with system.memory_errors():
            return self.session.run(None, feed)[0][0]


class _Graph:
    """Builds the graph of one network: the steps of TorchNet.

    Scales are powers of two: within weights, biases and gains they change no bit of a sum. What is clamped to integers
    is clamped before it is rounded down, with the same result, since onnxruntime takes a clamp into a convolution.
    """

    def __init__(self, net: ExactNet):
        self.net, self.nodes, self.constants, self.inputs = net, [], [], []
        self._count = 0
        x = self._input("x", [1, len(net.input_limits), "H", "W"])
        limit = float(ACTIVATION_LIMIT)
        stream = self._floor(self._clip(self._conv(net.stem, x), -limit, limit))
        for i, block in enumerate(net.blocks):
            width = len(block.expand.bias)
            h = self._conv(block.expand, stream)
            if block.gain is None:
                h = self._floor(self._clip(h, 0, limit))
            else:
                gain = self._input(f"gain{i}", [width, 1, 1])
                bias = self._input(f"bias{i}", [width, 1, 1])
                h = self._floor(self._clip(h, -limit, limit))
                h = self._floor(self._clip(self._op("Add", self._op("Mul", h, gain), bias), 0, limit))
            h = self._floor(self._clip(self._conv(block.spatial, h), 0, limit))
            stream = self._clip(self._op("Add", stream, self._floor(self._conv(block.project, h))), -limit, limit)
        extra = None if net.head_bias is None else self._input("head_bias", [len(net.head.bias), 1, 1])
        out = self._conv(net.head, stream, extra)
        low, high = self._column(net.head.low), self._column(net.head.high)
        out = self._floor(self._op("Min", self._op("Max", out, low), high))
        if net.upsample:  # mode CRD orders channels as torch.pixel_shuffle does
            out = self._op("DepthToSpace", out, blocksize=2, mode="CRD")
        self.output = out

    def model(self) -> onnx.ModelProto:
        output = helper.make_tensor_value_info(self.output, TensorProto.FLOAT, [1, None, None, None])
        graph = helper.make_graph(self.nodes, self.net.name, self.inputs, [output], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _input(self, name: str, shape: list) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def _constant(self, array: np.ndarray | np.floating) -> str:
        name = self._name()
        self.constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def _column(self, values: np.ndarray) -> str:
        return self._constant(values.reshape(-1, 1, 1))

    def _op(self, kind: str, *inputs: str, **attributes) -> str:
        name = self._name()
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _clip(self, x: str, low: float, high: float) -> str:
        return self._op("Clip", x, self._constant(np.float32(low)), self._constant(np.float32(high)))

    def _floor(self, x: str) -> str:
        return self._op("Floor", x)

    def _conv(self, conv: ExactConv, x: str, extra: str | None = None) -> str:
        """The convolution, scaled, neither floored nor clamped. extra: what is added, scaled as it is."""
        if conv.depthwise:
            weight, options = conv.weight[:, None], {"pads": [1, 1, 1, 1], "group": len(conv.weight)}
        else:
            weight, options = conv.weight[:, :, None, None], {}
        weight = weight * conv.scale[:, None, None, None]
        y = self._op("Conv", x, self._constant(weight), self._constant(conv.bias * conv.scale), **options)
        return y if extra is None else self._op("Add", y, extra)
