"""Records by reference: what a kernel reads in memory instead of taking field by field.

A tuple that goes to a compiled function goes there as all of its numbers, and arrays are seven
numbers or more: sixty arguments for a job, in every call on the way down. A `Referenced` tuple is
passed as one address. There its fields are laid out in words of eight bytes: a number is a word,
an array its address and its shape, a named tuple its fields in turn. Fields never change; what
arrays hold may.
"""

from functools import cached_property

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox
from numba.np.numpy_support import from_dtype

from skreg._kernels.arrays import array_at

WORD_BYTES = 8
_FLOATS = float, np.floating
_references = {}  # Numba's types of referenced tuples, by their traits


def traits_of(value):
    """Return what Numba's type of a value follows from, in a tenth of the time."""
    if isinstance(value, Referenced):
        return value.traits
    if isinstance(value, tuple):
        return type(value), *map(traits_of, value)
    if isinstance(value, np.ndarray):
        return value.dtype, value.ndim, value.flags.num
    return type(value)


class Referenced:
    """For tuples with named fields that kernels take by reference; a base beside the tuple."""

    @property
    def address(self):
        """Where the fields lie as kernels read them; they stay there as long as the tuple."""
        known = vars(self)
        if "_laid_out" not in known:
            words = np.array([word for field in self for word in _words(field)], dtype=np.int64)
            # Threads that ask at once get the same address: what came first stays.
            known.setdefault("_laid_out", (words, words.ctypes.data))
        return known["_laid_out"][1]

    @cached_property
    def traits(self):
        """What its type follows from, as of any other tuple: every call asks for the type."""
        return type(self), *map(traits_of, self)


def _words(value):
    if isinstance(value, tuple):
        return [word for field in value for word in _words(field)]
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("Kernels read C-contiguous arrays; copy the array first.")
        return [value.ctypes.data, *value.shape]
    return [np.float64(value).view(np.int64) if isinstance(value, _FLOATS) else int(value)]


def _kind_of(value):
    """Return Numba's type of a field: numbers of all kinds are float64 or int64."""
    if isinstance(value, tuple):
        return types.NamedTuple(list(map(_kind_of, value)), type(value))
    if isinstance(value, np.ndarray):
        return types.Array(from_dtype(value.dtype), value.ndim, "C")
    return types.float64 if isinstance(value, _FLOATS) else types.int64


class Reference(types.Type):
    """Numba's type of a `Referenced` tuple."""

    def __init__(self, name, fields):
        self.fields = fields
        super().__init__(f"{name}({', '.join(map(str, fields.values()))})")


@typeof_impl.register(Referenced)
def _typeof(value, context):
    if value.traits not in _references:
        kinds = {name: _kind_of(field) for name, field in value._asdict().items()}
        _references[value.traits] = Reference(type(value).__name__, kinds)
    return _references[value.traits]


@register_model(Reference)
class _Address(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.IntType(8 * WORD_BYTES))


@unbox(Reference)
def _unbox(kind, value, c):
    address = c.pyapi.object_getattr_string(value, "address")
    word = cgutils.alloca_once(c.builder, c.context.get_value_type(kind))
    with cgutils.if_likely(c.builder, cgutils.is_not_null(c.builder, address)):
        c.builder.store(c.pyapi.long_as_longlong(address), word)
        c.pyapi.decref(address)
    return NativeValue(c.builder.load(word), is_error=c.pyapi.c_api_error())


@infer_getattr
class _Fields(AttributeTemplate):
    key = Reference

    def generic_resolve(self, reference, name):
        return reference.fields.get(name)


@lower_getattr_generic(Reference)
def read_field(context, builder, reference, address, name):
    """Emit the code that reads the field of that name."""
    at = 0
    for other, kind in reference.fields.items():
        if other == name:
            break
        at += _count_words(kind)
    start = builder.inttoptr(address, ir.IntType(8 * WORD_BYTES).as_pointer())
    return _read(context, builder, kind, cgutils.gep_inbounds(builder, start, at))


def _count_words(kind):
    if isinstance(kind, types.BaseTuple):
        return sum(map(_count_words, kind))
    return 1 + kind.ndim if isinstance(kind, types.Array) else 1


def _read(context, builder, kind, start):
    if isinstance(kind, types.BaseTuple):
        values, at = [], 0
        for one in kind:
            values.append(_read(context, builder, one, cgutils.gep_inbounds(builder, start, at)))
            at += _count_words(one)
        return context.make_tuple(builder, kind, values)
    if isinstance(kind, types.Array):
        return _read_array(context, builder, kind, start)
    pointer = builder.bitcast(start, context.get_value_type(kind).as_pointer())
    return _load(builder, pointer)


def _read_array(context, builder, kind, start):
    address, *shape = (
        _load(builder, cgutils.gep_inbounds(builder, start, i)) for i in range(1 + kind.ndim)
    )
    data = builder.inttoptr(address, context.get_value_type(kind.dtype).as_pointer())
    return array_at(context, builder, kind, data, shape)


def _load(builder, pointer):
    """Load a word that never changes, so that it need not be loaded again after a store."""
    word = builder.load(pointer)
    word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return word
