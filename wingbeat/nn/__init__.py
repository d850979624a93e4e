"""Modules, layers, losses and initial values, with PyTorch's habits.

>>> import wingbeat as wb
>>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.Tanh(), wb.nn.Linear(3, 1))
>>> loss = wb.nn.MSELoss()(model(wb.ones((4, 2))), wb.zeros((4, 1)))
>>> loss.backward()
>>> model[0].weight.grad.shape
(3, 2)
"""

from wingbeat.nn import functional, init
from wingbeat.nn._collapse import collapse
from wingbeat.nn._record import Record, record
from wingbeat.nn.activations import (
    ELU,
    GELU,
    Flatten,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from wingbeat.nn.containers import ModuleList, Sequential
from wingbeat.nn.convolution import Conv1d, Conv2d
from wingbeat.nn.embedding import Embedding
from wingbeat.nn.linear import Linear
from wingbeat.nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HalfMSE,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from wingbeat.nn.module import Module
from wingbeat.nn.parameter import Parameter
from wingbeat.nn.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from wingbeat.nn.regular import Dropout, LayerNorm
from wingbeat.nn.summary import Summary

__all__ = [
    "ELU",
    "GELU",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "HalfMSE",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Record",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Summary",
    "Tanh",
    "collapse",
    "functional",
    "init",
    "record",
]
