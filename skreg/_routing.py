"""Metadata of the searching estimators: what goes where, under whose names."""

from sklearn.utils.metadata_routing import process_routing


def route(router, method, given, params):
    """Return what ``process_routing`` makes of metadata.

    Parameters
    ----------
    router : estimator
        Its own requests may rename what its method is given.
    method : str
    given : dict
        The named arguments; None is none.
    params : dict
        All others.
    """
    given = {name: value for name, value in given.items() if value is not None}
    requests = getattr(router._get_metadata_request(), method).requests
    # Consumers that ask for the same under the same other name would not find it.
    others = {
        alias: given[name]
        for name, alias in requests.items()
        if name in given and isinstance(alias, str) and alias.isidentifier()
    }
    return process_routing(router, method, **(others | given | params))


def refuse_extra(router, method, params):
    """Refuse arguments of other names, which only routing has a use for."""
    for name in params:
        raise TypeError(
            f"{type(router).__name__}.{method}() got an unexpected keyword argument {name!r}; "
            "metadata of other names needs sklearn.set_config(enable_metadata_routing=True)."
        )
