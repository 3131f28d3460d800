"""The polish: proximal steps on the gradient of all rows, which follow the last epoch.

A stochastic solver leaves a few weights flickering around zero; the noise-free gradient lets the
proximal operator set them to zero. Where the objective is convex, that is more than tidying up:
the zeros are those of its minimum, and the polish goes on until they are found.
"""

from functools import partial

import numpy as np

# A step of the polish is first tried at ten times the solver's own: that is how far its momentum
# (or the mean of Adam) carries a step, and what it took to restore the zeros of Lasso and of
# LogisticRegression after sgd. It is shortened where it would raise J, lengthened where it holds.
FIRST_TRIAL, SHORTEN, LENGTHEN, TRIALS_PER_STEP = 10.0, 0.25, 2.0, 4
# Momentum is gathered once a step has been too long, and after those that every fit may take.
PLAIN_STEPS = 3
# How far the optimality conditions may be violated, as a share of the largest gradient, which a
# strength of the penalty balances in the minimum. At 1e-2 a zero of LogisticRegression was missing.
SETTLED = 1e-3
# Most fits of 300 epochs need 5 to 40 further steps. At 200 epochs the zeros of 16 data sets and
# solvers were all right with a step for every five epochs, with one for every ten those of 13.
MOST_FURTHER_STEPS, EPOCHS_PER_FURTHER_STEP = 100, 5


def polish(objective, n_steps, metric, n_further=0, only_zeros=False):
    """Take proximal steps on the full-data gradient; none may raise the objective.

    Each trial costs about a third of an epoch, of a linear model most of one. Many steps gather
    momentum, that of the heavy ball (Polyak 1964; Ochs et al. 2014 with proximal steps). It begins
    anew where it has gone too far (O'Donoghue & Candès 2015); all ends where the objective falls
    no more. The gradient is that of the last step, not the one further on that Nesterov's momentum
    takes: for linear models that took three times the evaluations.

    Parameters
    ----------
    objective : Objective
        Its engine holds the weights to start from, and those reached in the end.
    n_steps : int
        Steps that lower the objective.
    metric : float or array of shape (n_parameters,)
        Length of the solver's steps, as of `solver_metric`.
    n_further : int
        How many more there may be of them until all `is_settled`.
    only_zeros : bool
        Whether a step changes no weight but those that it sets to zero.

    Returns
    -------
    n_accepted : int
    """
    engine, kinks = objective.engine, objective.terms.kinks
    best = last = engine.parameters().astype(np.float64)
    smooth, gradient = objective.smooth(best)
    lowest = smooth + kinks(best)
    step, n_accepted, in_row, grows = FIRST_TRIAL * metric, 0, 0, True
    n_most = n_steps + n_further
    for _ in range(n_most * TRIALS_PER_STEP):
        if n_accepted == n_most:
            break
        if n_accepted >= n_steps and is_settled(objective, best, gradient, step):
            break
        start = best + in_row / (in_row + 3.0) * (best - last)
        trial = objective.prox(start - step * gradient, step)
        trial = np.where(trial == 0, 0.0, best) if only_zeros else trial
        trial = trial.astype(engine.dtype).astype(np.float64)
        smooth, trial_gradient = objective.smooth(trial)
        value = smooth + kinks(trial)
        if value == lowest and n_accepted > PLAIN_STEPS:
            break
        if value <= lowest:
            best, last, gradient, lowest = trial, best, trial_gradient, value
            n_accepted += 1
            is_plain = grows or n_accepted <= PLAIN_STEPS
            step, in_row = (step * LENGTHEN, 0) if is_plain else (step, in_row + 1)
        elif in_row:
            in_row = 0
        else:
            step, grows = step * SHORTEN, False
    engine.load(best.astype(engine.dtype))
    return n_accepted


def is_settled(objective, flat, gradient, step):
    """Return whether ``flat`` has the zeros of the minimum, as far as one plain step can tell.

    The step would keep them, add none, and move no weight by more than a small share of what the
    largest gradient moves it. In the minimum ``flat = prox(flat - step * gradient)``, so what a
    weight moves by, over its step, is how far its optimality condition is violated.
    """
    reached = objective.prox(flat - step * gradient, step)
    keeps_zeros = np.array_equal(reached == 0, flat == 0)
    bound = SETTLED * np.abs(gradient).max() * step
    return keeps_zeros and bool((np.abs(reached - flat) <= bound).all())


def further_steps(objective, n_epochs):
    """Return how many steps may settle zeros after ``n_epochs`` epochs: none unless J is convex.

    With hidden layers that move, the nearest minimum is one of many, and no step ends there.
    """
    if not objective.is_convex:
        return 0
    return min(MOST_FURTHER_STEPS, n_epochs // EPOCHS_PER_FURTHER_STEP)


def settle_zeros(objective, n_steps, metric):
    """Set to zero what the first steps of `polish` would, and leave all else where it is.

    For training that comes to rest elsewhere than in a minimum of the objective, because inputs
    or units are noisy or weights decay beside it: whole steps would undo that. A weight that
    flickers around zero feels such regularization hardly, so its gradient says where it belongs.
    Parameters and result are those of `polish`; more than the plain steps are not taken.
    """
    return polish(objective, min(n_steps, PLAIN_STEPS), metric, only_zeros=True)


def solver_metric(engine, rate, epsilon, beta_2):
    """Return how far a unit of gradient moves each parameter at the learning rate ``rate``.

    Adam has learned it, ``rate / (sqrt(v_hat) + epsilon)``; for sgd it is the rate itself.
    """
    moments = engine.moments()
    if "second" not in moments:
        return rate
    corrected = moments["second"].astype(np.float64) / (1.0 - beta_2 ** max(engine.steps, 1))
    return rate / (np.sqrt(corrected) + epsilon)


def polish_within(objective, n_steps, metric, n_epochs, score=None, best=-np.inf):
    """Polish as far as the task lets; return the score, or None where all is as it was.

    Where the objective is not all that training minimizes, or where whole steps lower the score,
    only zeros are settled. A score is for a network that is better short of the minimum, so no
    further steps lead there. An error, or an interrupt, leaves all as it was, too.

    Parameters
    ----------
    objective, n_steps, metric
        As of `polish`.
    n_epochs : int
        Epochs that were trained.
    score : callable, optional
        Returns the validation score of the engine's weights, which must not fall.
    best : float
        The score so far.
    """
    engine = objective.engine
    before = engine.parameters()
    n_further = further_steps(objective, n_epochs) if score is None else 0
    whole = partial(polish, n_further=n_further)
    ways = (whole, settle_zeros) if engine.task.minimizes_objective else (settle_zeros,)
    for way in ways:
        try:
            way(objective, n_steps, metric)
            reached = np.inf if score is None else score()
        except BaseException:
            engine.load(before)
            raise
        if reached >= best:  # not a number is no score
            return reached
        engine.load(before)
    return None
