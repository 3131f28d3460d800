"""The slow twin of an engine: one tanh network, every solver and penalty, from the formulas."""

import numpy as np
from scipy.optimize import brentq

from skreg._architecture import views
from skreg._kernels.job import ANCHOR_TERM, GROUP_TERM, L1_TERM, L2_TERM, N_TERMS
from skreg._kernels.solvers import ADAM


def soft(w, threshold):
    """Return ``argmin_v 1/2 (v - w)^2 + threshold |v|``, element by element."""
    return np.sign(w) * np.maximum(abs(w) - threshold, 0)


def shrink_group(w, metric, strength):
    """Return ``argmin_v 1/2 sum (v - w)^2 / metric + strength |v|_2``.

    Either zero, or ``v = w s / (s + strength metric)`` with ``s = |v|_2``, which a bracketing
    root finder looks for.
    """
    if strength == 0:
        return w
    if np.sqrt(((w / metric) ** 2).sum()) <= strength:
        return np.zeros_like(w)

    def excess(s):
        return ((w / (s + strength * metric)) ** 2).sum() - 1.0

    norm = np.sqrt((w**2).sum())
    s = brentq(excess, 0.0, 2 * norm, xtol=1e-16 * norm, rtol=1e-15)
    return w * s / (s + strength * metric)


class Twin:
    """A tanh network with identity outputs under squared error, on plain matrices.

    Parameters
    ----------
    flat : array of shape (n_parameters,)
        Where training starts; what ``l2_anchor`` pulls to, and where the average begins.
    units : sequence of int
    rule : Rule
    penalties : Penalties
        Only its fields are read.
    """

    def __init__(self, flat, units, rule, penalties):
        self.flat, self.units, self.rule, self.penalties = flat.copy(), units, rule, penalties
        self.coefs, self.intercepts = views(self.flat, units)
        self.anchor = [coef.copy() for coef in self.coefs]
        self.average = flat.copy()
        self.first = [np.zeros_like(part) for part in self.coefs + self.intercepts]
        self.second = [np.zeros_like(part) for part in self.first]
        self.t, self.group_values = 0, [0.0] * len(self.coefs)

    # The objective.

    def gradient(self, X, y, s):
        """Return the weighted mean of the loss and its gradients, by the chain rule."""
        levels = [X]
        for coef, intercept in zip(self.coefs, self.intercepts, strict=True):
            levels.append(np.tanh(levels[-1] @ coef + intercept))
        output = levels[-2] @ self.coefs[-1] + self.intercepts[-1]
        delta = (output - y) * (s / s.sum())[:, None]
        loss, gradients = 0.5 * ((output - y) * delta).sum(), []
        for k in reversed(range(len(self.coefs))):
            gradients.insert(0, (levels[k].T @ delta, delta.sum(axis=0)))
            delta = (delta @ self.coefs[k].T) * (1 - levels[k] ** 2)
        return loss, [g for g, _ in gradients] + [g for _, g in gradients]

    def factors(self, k):
        """Return what multiplies the penalties of each row of matrix k, as a column."""
        if k > 0 or self.penalties.factors is None:
            return np.ones((self.coefs[k].shape[0], 1))
        return np.asarray(self.penalties.factors, dtype=np.float64)[:, None]

    def finite_factors(self, k):
        """Return the factors, zero for excluded features, which have no weights to penalize."""
        return np.where(np.isinf(self.factors(k)), 0.0, self.factors(k))

    def groups(self, k):
        """Return the rows of every group of matrix k that are penalized, with their strength."""
        groups = self.penalties.groups if k == 0 else None
        groups = np.arange(self.coefs[k].shape[0])[:, None] if groups is None else groups
        for rows in groups:
            factor = self.factors(k)[rows[0], 0]
            if np.isfinite(factor):
                size = np.sqrt(self.coefs[k][rows].size)
                yield rows, self.penalties.group_l1[k] * factor * size

    def terms(self):
        """Return the values at the weights of all terms but that of groups, which is left 0."""
        p, total = self.penalties, np.zeros(N_TERMS)
        for k, (w, anchor) in enumerate(zip(self.coefs, self.anchor, strict=True)):
            f = self.finite_factors(k)
            total[L1_TERM] += p.l1[k] * (f * abs(w)).sum()
            total[L2_TERM] += p.l2[k] / 2 * (f * w**2).sum()
            total[ANCHOR_TERM] += p.l2_anchor[k] / 2 * ((w - anchor) ** 2).sum()
        return total

    def group_value(self, k, w):
        """Return the group term of matrix k at ``w``."""
        return sum(c * np.sqrt((w[rows] ** 2).sum()) for rows, c in self.groups(k))

    def smooth_gradient(self, k, gradient):
        """Return the gradient of matrix k with those of its smooth penalties."""
        p, w = self.penalties, self.coefs[k]
        pull = p.l2[k] * self.finite_factors(k) * w + p.l2_anchor[k] * (w - self.anchor[k])
        return np.where(np.isinf(self.factors(k)), 0.0, gradient + pull)

    # The step.

    def step(self, gradients, rate):
        """Take one step on the gradients of the data term."""
        n, self.t = len(self.coefs), self.t + 1
        moving = [i for i in range(2 * n) if not self.penalties.frozen[i % n]]
        gradients[:n] = [self.smooth_gradient(k, gradients[k]) for k in range(n)]
        norm = np.sqrt(sum((gradients[i] ** 2).sum() for i in moving))
        clip = self.rule.clip_norm
        shorten = clip / norm if clip and norm > clip else 1.0
        for i in moving:
            keep = 1 - rate * self.rule.weight_decay if i < n else 1.0
            self.move(i, gradients[i] * shorten, rate, keep)
        for k in range(n):
            norms = np.sqrt((self.coefs[k] ** 2).sum(axis=0))
            if not self.penalties.frozen[k]:
                self.coefs[k] *= np.minimum(1, self.penalties.max_norm[k] / norms)
                self.group_values[k] = self.group_value(k, self.coefs[k])
        decay = self.rule.averaging
        self.average = decay * self.average + (1 - decay) * self.flat

    def move(self, i, g, rate, keep):
        """Take the solver's step on one matrix or bias, its proximal operators included."""
        w, p, n = (self.coefs + self.intercepts)[i], self.penalties, len(self.coefs)
        has_kinks = i < n and (p.l1[i] > 0 or p.group_l1[i] > 0)
        if self.rule.solver == ADAM:
            moved, metric = self.adam(i, w, g, rate, keep)
            w[:] = self.prox(i, moved, metric) if has_kinks else moved
        elif has_kinks:
            self.proximal_sgd(i, w, g, rate, keep)
        else:
            momentum = self.rule.momentum
            self.first[i] = velocity = momentum * self.first[i] - rate * g
            w[:] = keep * w + (momentum * velocity - rate * g if self.rule.nesterov else velocity)

    def adam(self, i, w, g, rate, keep):
        """Return where Adam (Kingma & Ba 2015) goes, and its metric."""
        beta_1, beta_2 = self.rule.beta_1, self.rule.beta_2
        self.first[i] = m = beta_1 * self.first[i] + (1 - beta_1) * g
        self.second[i] = v = beta_2 * self.second[i] + (1 - beta_2) * g**2
        metric = rate * np.sqrt(1 - beta_2**self.t) / (np.sqrt(v) + self.rule.epsilon)
        return keep * w - metric * m / (1 - beta_1**self.t), metric

    def proximal_sgd(self, i, w, g, rate, keep):
        """Take a proximal step with momentum: heavy ball, or FISTA (Beck & Teboulle 2009).

        With Nesterov's momentum ``w`` is the extrapolated point. Zeros lose their velocity, which
        never holds weight decay.
        """
        carried = self.rule.momentum * self.first[i]
        start = keep * w - (carried if self.rule.nesterov else 0)
        moved = keep * w - rate * g + (0 if self.rule.nesterov else carried)
        reached = self.prox(i, moved, np.full_like(w, rate))
        self.first[i] = np.where(reached == 0, 0, reached - start)
        w[:] = reached + (self.rule.momentum * self.first[i] if self.rule.nesterov else 0)

    def prox(self, k, w, metric):
        """Apply the proximal operators of matrix k: that of single weights, then of groups."""
        w = soft(w, metric * self.penalties.l1[k] * self.finite_factors(k))
        if self.penalties.group_l1[k] > 0:
            for rows, strength in self.groups(k):
                w[rows] = shrink_group(w[rows], metric[rows], strength)
        return w

    def epoch(self, rows, order, batch_size, rate):
        """Run one epoch; return the means of data loss and of each term over all weights."""
        X, y, s = rows
        totals, weight = np.zeros(1 + N_TERMS), 0.0
        for start in range(0, order.size, batch_size):
            batch = order[start : start + batch_size]
            if s[batch].sum() == 0:
                continue
            loss, gradients = self.gradient(X[batch], y[batch], s[batch])
            terms = self.terms()
            self.step(gradients, rate)  # groups are measured after the step
            terms[GROUP_TERM] = sum(self.group_values)
            totals += s[batch].sum() * np.array([loss, *terms])
            weight += s[batch].sum()
        return totals / weight
