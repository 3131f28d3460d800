"""The one spelling of ``njit``: quick compilation, kept on disk, with safe flags.

Every compiled function of the package is written ``@jit``, or as one of its kinds ``@outlined``
and ``@inlined``. Four things are decided here, once:

* **A kernel is optimized once.** Numba makes machine code, wrappers and a cache file of every
  function that a compiled function calls, each time optimizing all that it calls in turn. Nobody
  calls those from Python. Here, a function called from compiled code is only translated; the
  whole program is linked, optimized and cached with the function that Python called. (Compiling
  an epoch takes a third of the time.)
* **Functions are translated by what they need.** Kernels make no arrays, so references to arrays
  are not counted, which would be a fifth of the code; nor are functions searched for expressions
  of whole arrays and for closures. The type of an operation on numbers is looked for once.
* **A program is kept on disk where that can be** (`skreg._kernel_cache`). Read-only installs
  compile once per process.
* **Only flags that keep results independent of block boundaries.** ``contract`` lets a product
  and a sum fuse and ``nsz`` forgets the sign of zero. ``fastmath=True`` would drop the checks
  for NaN and use approximate reciprocals whose values depend on where a vector loop ends.
"""

import copy
import functools

import llvmlite
import numba
import numpy as np
from numba.core import compiler, errors, ir, types, typing
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NativeLowering

from skreg._garbage import no_garbage_collection
from skreg._kernel_cache import kernel_cache

SAFE_FLAGS = {"contract", "nsz"}
# Older llvmlite puts an attribute on the return value instead (seen with 0.44): there, functions
# that should stay apart are inlined, which costs compile time only.
CAN_MARK_FUNCTIONS = tuple(map(int, llvmlite.__version__.split(".")[:2])) >= (0, 50)

OPTIONS = {"nopython": True, "nogil": True, "error_model": "numpy", "fastmath": SAFE_FLAGS}


class _Part(JITCodeLibrary):
    """The code of one function, neither linked nor optimized: a part of a whole program."""

    def _optimize_functions(self, ll_module):
        """Leave that to the program, which optimizes all of its functions together."""

    def finalize(self):
        self._raise_if_finalized()
        self._finalized = True

    def module(self):
        """Return the module of this function alone."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self):
        """Return one module with all that the function reaches, for code that is no program."""
        whole = self.module().clone()
        for library in _reached_from(self):
            is_part = isinstance(library, _Part)
            linked = library.module() if is_part else library._get_module_for_linking()
            whole.link_in(linked, preserve=True)
        return whole


class _Program(JITCodeLibrary):
    """The code of a function called from Python, with all parts that it reaches."""

    def finalize(self):
        reached = _reached_from(self)
        for library in reached:
            if isinstance(library, _Part):
                # What a program runs once it is loaded from disk; Numba 0.61 does not know of it.
                if hasattr(self, "_reload_init"):
                    self._reload_init.update(library._reload_init)
                self._final_module.link_in(library.module(), preserve=True)
        self._linking_libraries = [one for one in reached if not isinstance(one, _Part)]
        super().finalize()


def _reached_from(library):
    """Return the libraries that ``library`` needs, each once, through all parts."""
    reached, pending = {}, list(library._linking_libraries)
    while pending:
        inner = pending.pop(0)
        if inner not in reached:
            reached[inner] = True
            if isinstance(inner, _Part):
                pending += inner._linking_libraries
    return list(reached)


class _Flags(compiler.Flags):
    """Numba's flags, hashed once: otherwise every look-up of an operator reads them all."""

    __slots__ = ("_hash",)

    def __hash__(self):
        try:
            return self._hash
        except AttributeError:
            self._hash = super().__hash__()
            return self._hash

    def __eq__(self, other):
        if isinstance(other, _Flags):
            return self._values == other._values
        return super().__eq__(other)


@functools.cache
def _with_memory(typing_context):
    """Return a twin of a typing context that looks for the type of an operation on numbers once.

    Numba would try all overloads, those of arrays, lists and strings included, in every place.
    """

    class Remembering(type(typing_context)):
        def resolve_function_type(self, func, args, kws):
            find, key = super().resolve_function_type, (func, tuple(args))
            are_numbers = all(isinstance(arg, types.Number | types.Boolean) for arg in args)
            if kws or not are_numbers or not isinstance(func, types.Function):
                return find(func, args, kws)
            if key not in self.known:
                self.known[key] = find(func, args, kws)
            return self.known[key]

    twin = copy.copy(typing_context)  # what Numba knows of functions is shared
    twin.__class__, twin.known = Remembering, {}
    return twin


@register_pass(mutates_CFG=True, analysis_only=False)
class UncountedLowering(NativeLowering):
    """Numba's translation to LLVM's language, without the counting of references to arrays.

    A kernel keeps no array beyond its call: those of its arguments are kept alive by the caller,
    and the room that it works in comes from `skreg._kernels.scratch`.
    """

    _name = "uncounted_lowering"

    def run_pass(self, state):
        for call, signature in state.calltypes.items():
            if _makes_array(call, signature, state.typemap):
                message = "A kernel makes no array; take heap_array of skreg._kernels.scratch."
                raise errors.UnsupportedError(message, loc=call.loc)
        state.targetctx = state.targetctx.subtarget(enable_nrt=False)
        return super().run_pass(state)


def _makes_array(call, signature, kinds):
    """Return whether a function of NumPy makes an array, which nobody would give back."""
    if not isinstance(call, ir.Expr) or call.op != "call":
        return False
    function = getattr(kinds[call.func.name], "typing_key", None)
    is_numpy = getattr(function, "__module__", None) == "numpy"
    return is_numpy and isinstance(signature.return_type, types.Array)


class KernelCompiler(compiler.CompilerBase):
    """Numba's compiler with only those passes over a function that kernels have a use for."""

    # Loops for expressions of whole arrays; closures and comprehensions, copied into place.
    UNUSED = {"NopythonRewrites", "InlineClosureLikes"}

    def define_pipelines(self):
        whole = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state, "kernel")
        pipeline = compiler.PassManager("kernel")
        for one, description in whole.passes:
            if one.__name__ not in self.UNUSED:
                one = UncountedLowering if one is NativeLowering else one
                pipeline.add_pass(one, description)
        pipeline.finalize()
        return [pipeline]


class KernelDispatcher(CPUDispatcher):
    """Numba's dispatcher, but what compiled code calls becomes a part of the caller's program."""

    stays_apart = False  # whether the compiler may not copy the function into its callers

    def __init__(self, function):
        super().__init__(py_func=function, targetoptions=dict(OPTIONS))
        del self._cache  # Numba's: none
        self._parts = {}
        self._compiler._compile_core = self._compile_program

    @functools.cached_property
    def _cache(self):
        """The programs on disk, looked for when Python calls: most kernels have none."""
        return kernel_cache(self.py_func)

    def _compile(self, args, return_type, kind):
        flags = _Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        flags.no_cfunc_wrapper = True
        # Numba would hand this flag down from the caller that happens to come first.
        flags.forceinline = self.targetoptions.get("forceinline", False)
        if kind is _Part:
            flags.no_cpython_wrapper = flags.no_compile = True
        library = kind(self.targetctx.codegen(), self.py_func.__qualname__)
        library.enable_object_caching()
        return compiler.compile_extra(
            _with_memory(self.typingctx), self.targetctx, self.py_func, args=args,
            return_type=return_type,
            flags=flags, locals=self.locals, library=library, pipeline_class=KernelCompiler,
        )  # fmt: skip

    def _compile_program(self, args, return_type):
        with no_garbage_collection():
            return self._compile(args, return_type, _Program)

    @global_compiler_lock
    def _compile_part(self, args):
        if args not in self._parts:
            part = self._compile(args, None, _Part)
            if self.stays_apart and CAN_MARK_FUNCTIONS:
                code = part.library.get_function(part.fndesc.mangled_name)
                code.add_function_attribute("noinline")
            self._parts[args] = part
            self.targetctx.insert_user_function(part.library, part.fndesc, [part.library])
        return self._parts[args]

    def get_call_template(self, args, kws):
        """Return the template by which a caller's types are inferred: a part is made for it."""
        pysig, args = self._compiler.fold_argument_types(args, kws)
        part = self._compile_part(tuple(types.unliteral(kind) for kind in args))
        name = self.py_func.__name__
        template = typing.make_concrete_template(name, key=name, signatures=[part.signature])
        return template, pysig, args, {}

    def get_overload(self, sig):
        """Return the key by which the caller's code finds what it calls."""
        args, _ = numba.core.sigutils.normalize_signature(sig)
        part = self._parts.get(tuple(types.unliteral(kind) for kind in args))
        return super().get_overload(sig) if part is None else part.library


def jit(function):
    """Compile ``function`` at its first call, without the GIL, and keep it on disk if possible."""
    if numba.config.DISABLE_JIT:
        return function
    try:
        return KernelDispatcher(function)
    except (AttributeError, TypeError):  # a Numba that is built differently: compile slowly
        dispatcher = numba.jit(**OPTIONS)(function)
        dispatcher._cache = kernel_cache(function)
        return dispatcher


def outlined(function):
    """Compile ``function`` so that its code exists once, however many places call it.

    For long functions whose calls are rare: copies of them cost seconds of compilation.
    """
    function = jit(function)
    if not numba.config.DISABLE_JIT:
        function.stays_apart = True
    return function


def inlined(function):
    """Compile ``function`` so that it melts into its callers, however long it is.

    A call would pass lanes through memory, and what depends on constant arguments would stay.
    """
    function = jit(function)
    if numba.config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)  # as compiled code does
    function.targetoptions = {**function.targetoptions, "forceinline": True}
    return function
