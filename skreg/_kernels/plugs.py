"""Plugs: compiled functions that a job calls by their address.

What few fits use (augmentation, penalties on groups, averaging, ...) would make the program that
every fit compiles seconds longer. Such parts are programs of their own, compiled when a fit first
asks for them. The job's table holds their addresses, 0 where nothing is plugged in; a call costs
five nanoseconds. All plugs return False where the team was aborted and True otherwise.
"""

import numba
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from skreg._jit import jit
from skreg._kernels.reference import traits_of

_addresses = {}  # by function and traits of its arguments
_missing = set()  # those that the disk cache did not have when this process looked for them
_plain = []  # plugs without the JIT; their address is their place in this list, from 1


def address_of(function, *examples, compiles=True):
    """Return the address of a compiled function for arguments of the types of ``examples``.

    Where ``compiles`` is false and it is neither in this process nor in the disk cache, 0.
    """
    if numba.config.DISABLE_JIT:
        if function not in _plain:
            _plain.append(function)
        return 1 + _plain.index(function)
    key = function, traits_of(examples)
    if key not in _addresses:
        if not compiles and key in _missing:
            return 0
        kinds = tuple(numba.typeof(example) for example in examples)
        if not compiles and not _is_at_hand(function, kinds):
            _missing.add(key)
            return 0
        function.compile(kinds)
        program = function.overloads[kinds]
        name = program.fndesc.llvm_func_name
        _addresses[key] = program.library.get_pointer_to_function(name)
    return _addresses[key]


def _is_at_hand(function, kinds):
    """Return whether ``function`` need not be compiled for arguments of these types."""
    if kinds in function.overloads:
        return True
    with global_compiler_lock:
        return function._cache.load_overload(kinds, function.targetctx) is not None


@jit
def plug(job, slot):
    """Return the address of what is plugged into ``slot``, 0 for nothing."""
    return job.table[slot, 0]


@intrinsic
def call(typingctx, address, arguments):
    """Call the function at ``address``, which returns a bool, with a tuple of arguments."""

    def codegen(context, builder, signature, given):
        kinds, convention = tuple(arguments), context.call_conv
        function_type = convention.get_function_type(types.boolean, kinds)
        function = builder.inttoptr(given[0], function_type.as_pointer())
        unpacked = [builder.extract_value(given[1], i) for i in range(len(kinds))]
        status, result = convention.call_function(builder, function, types.boolean, kinds, unpacked)
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return result

    return types.boolean(address, arguments), codegen


if numba.config.DISABLE_JIT:

    def call(address, arguments):
        """Call the function at ``address`` with a tuple of arguments."""
        return _plain[address - 1](*arguments)
