"""Draw the README's picture: python docs/make_pictures.py, with Graphviz's program `dot` installed."""

from pathlib import Path

import numpy as np

import tensorgrad as tg

rng = np.random.default_rng(0)
model = tg.nn.MLP([784, 7, 1], rng=rng)
loss = tg.nn.binary_cross_entropy(model(rng.random((128, 784))), rng.integers(0, 2, 128))
tg.draw(loss).save(Path(__file__).with_name("mnist_3v7.png"))
