"""Which compiled functions a task calls besides the usual ones."""

import numpy as np

from skreg._kernels import job as slots
from skreg._kernels import sparse
from skreg._kernels.adversary import perturb
from skreg._kernels.augment import program_for
from skreg._kernels.clipping import clip
from skreg._kernels.dropout import drop_inputs, drop_units
from skreg._kernels.gather import gather_soft_labels
from skreg._kernels.losses import SOFT_LOG_LOSS
from skreg._kernels.network import soft_loss_rows
from skreg._kernels.solvers import Step
from skreg._kernels.structure import add_penalty_gradients, finish, update_structured
from skreg._kernels.tiles import Panels


def plug_in(table, task, penalties, job, team):
    """Enter the addresses of the functions that this task calls besides the usual ones."""
    n, step = 1, Step(1.0, 1.0, 1.0, 1.0, 1.0)
    if task.augmentation is not None:
        augment = program_for(task.augmentation.transforms)
        table.plug(slots.AUGMENT_PLUG, augment, n, team, job, n, n)
    if task.is_adversarial:
        table.plug(slots.PERTURB_PLUG, perturb, job, n, n, n, n)
    index = table.arrays[slots.ORDER]
    if task.network.loss == SOFT_LOG_LOSS:
        table.plug(slots.SOFT_LOSS_ROWS_PLUG, soft_loss_rows, job, job.train, n, n)
        table.plug(slots.GATHER_SOFT_LABELS_PLUG, gather_soft_labels, job, job.train, index, n, n)
    if task.rule.clip_norm > 0:
        table.plug(slots.CLIP_PLUG, clip, n, team, job, step)
    if job.layout[slots.THRESHOLD].any():
        table.plug(slots.DROP_INPUTS_PLUG, drop_inputs, job, job.train, n, n, n)
        table.plug(slots.DROP_UNITS_PLUG, drop_units, job, n, n, n, n)
    if job.train.is_sparse or job.valid.is_sparse:
        _plug_in_sparse(table, job, index)
    if penalties.is_structured:
        table.plug(slots.ADD_PENALTY_GRADIENTS_PLUG, add_penalty_gradients, job, n, (n, n), step)
        table.plug(slots.UPDATE_STRUCTURED_PLUG, update_structured, job, n, (n, n), step)
    if penalties.is_structured or task.rule.averaging > 0:
        table.plug(slots.FINISH_PLUG, finish, n, team, job)


def _plug_in_sparse(table, job, index):
    """Enter the addresses of the functions for sparse rows."""
    n = 1
    panels = Panels(table.arrays[slots.WEIGHTS], n, n, n)
    table.plug(slots.GATHER_SPARSE_PLUG, sparse.gather_sparse, job, job.train, index, n, n)
    table.plug(slots.SPARSE_PRODUCT_PLUG, sparse.sparse_product, job, panels, panels, n, n, n)
    table.plug(slots.SPARSE_GRADIENT_PLUG, sparse.sparse_gradient, job, panels, (n, n), (n, n), n)
    if job.layout[slots.THRESHOLD, 0]:
        dropout = np.uint64(n), np.uint32(n), table.dtype.type(n)  # key, threshold, factor
        table.plug(slots.DROP_SPARSE_INPUTS_PLUG, sparse.drop_sparse_inputs, job, *dropout, n, n)
