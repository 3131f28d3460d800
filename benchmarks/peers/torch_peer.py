"""PyTorch in eager mode, with the fused Adam."""

from itertools import pairwise

import torch
from torch.nn import functional

from benchmarks.peers import LEARNING_RATE

ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "tanh": torch.nn.Tanh,
    "logistic": torch.nn.Sigmoid,
    "gelu": torch.nn.GELU,
}


def supports(workload):
    """Return whether the activation is in the table above."""
    return workload.activation in ACTIVATIONS


def prepare(workload, dtype, n_threads):
    """Return one fit from tensors on ``n_threads`` threads."""
    torch.set_num_threads(n_threads)
    X, y = map(torch.from_numpy, workload.load(dtype))
    loss = functional.cross_entropy
    if workload.shape.n_outputs == 1:
        y, loss = y.to(X.dtype)[:, None], functional.binary_cross_entropy_with_logits

    def fit():
        torch.manual_seed(0)
        model = network(workload).to(X.dtype)
        adam = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        for _ in range(workload.epochs):
            total = epoch(model, loss, adam, torch.randperm(len(X)).split(workload.batch_size))
        return total.item() / len(X)

    def epoch(model, loss, adam, batches):
        total = torch.zeros((), dtype=X.dtype)
        for rows in batches:
            value = loss(model(X[rows]), y[rows])
            adam.zero_grad()
            value.backward()
            adam.step()
            total += value.detach() * len(rows)
        return total

    return fit


def network(workload):
    """Return the module: dropout behind every hidden unit, raw scores at the end."""
    layers = []
    for fan_in, fan_out in pairwise(workload.units):
        layers += [torch.nn.Linear(fan_in, fan_out), ACTIVATIONS[workload.activation]()]
        if workload.dropout:
            layers.append(torch.nn.Dropout(workload.dropout))
    n_after_output = 2 if workload.dropout else 1
    return torch.nn.Sequential(*layers[:-n_after_output])
