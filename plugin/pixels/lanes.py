"""Sixteen values side by side, for kernels: what a few instructions do at once, and numba's loops do not come to.

A kernel holds `Lanes` in its variables only, as numba's cache could not find their type again under another name of the
plugin: what takes or returns lanes is an intrinsic, and not a kernel.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, register_model

#: Values side by side
LANES = 16
#: What an intrinsic gives numba: its signature, and what writes its instructions
_Intrinsic = tuple[Any, Callable[..., Any]]
_INDEX = ir.IntType(32)


def _instructions(function: Callable[..., _Intrinsic]) -> Callable[..., Any]:
    """numba's `intrinsic`, of which kernels leave the first argument out."""
    return intrinsic(function)  # type: ignore[no-any-return]


class Lanes(types.Type):  # type: ignore[misc]
    """The type of sixteen values, or of sixteen answers where ``element`` is boolean."""

    def __init__(self, element: types.Type) -> None:
        self.element = element
        super().__init__(f"Lanes({element})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        answers = isinstance(lanes.element, types.Boolean)
        element = ir.IntType(1) if answers else manager.lookup(lanes.element).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(element, LANES))


@_instructions
def load(_: Any, array: Any, index: Any) -> _Intrinsic:
    """Reads ``array[index : index + 16]`` of an array (N,); nothing looks whether it is within."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place, size = _place(context, builder, signature, arguments, LANES)
        return builder.load(place, align=size)

    return Lanes(array.dtype)(array, types.intp), generate


@_instructions
def load_to_change(_: Any, array: Any, index: Any) -> _Intrinsic:
    """As `load`, of what is stored again with some lanes as they were.

    LLVM would make a store of some lanes of that, which takes AMD's processors with AVX2 some twenty cycles; it does
    not where it takes the old ones for frozen.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place, size = _place(context, builder, signature, arguments, LANES)
        line = builder.load(place, align=size)
        frozen = ir.Instruction(builder.block, line.type, "freeze", [line])
        # The builder has no word for it
        builder.block.instructions.append(frozen)
        builder.position_at_end(builder.block)
        return frozen

    return Lanes(array.dtype)(array, types.intp), generate


@_instructions
def store(_: Any, array: Any, index: Any, lanes: Any) -> _Intrinsic:
    """Writes ``array[index : index + 16]``; see `load`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place, size = _place(context, builder, signature, arguments, LANES)
        builder.store(arguments[2], place, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@_instructions
def prefetch(_: Any, array: Any, index: Any) -> _Intrinsic:
    """Has ``array[index]`` brought to the first-level cache; the index may lie beyond the array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.bitcast(_place(context, builder, signature, arguments, 1)[0], ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, _INDEX, _INDEX, _INDEX])
        reading, to_first_level, data = (ir.Constant(_INDEX, number) for number in (0, 3, 1))
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(fetch, [place, reading, to_first_level, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@_instructions
def fill(_: Any, value: Any) -> _Intrinsic:
    """The value in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        nothing = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
        one = builder.insert_element(nothing, arguments[0], ir.Constant(_INDEX, 0))
        return builder.shuffle_vector(one, nothing, _places([0] * LANES))

    return Lanes(value)(value), generate


@_instructions
def above(_: Any, one: Any, other: Any) -> _Intrinsic:
    """Where one is above the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _above(builder, signature.args[0], *arguments)

    return Lanes(types.boolean)(one, other), generate


@_instructions
def equal(_: Any, one: Any, other: Any) -> _Intrinsic:
    """Where integers are equal."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.icmp_signed("==", *arguments)

    return Lanes(types.boolean)(one, other), generate


@_instructions
def choose(_: Any, where: Any, one: Any, other: Any) -> _Intrinsic:
    """One where the answer is yes, else the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return one(where, one, other), generate


@_instructions
def anywhere(_: Any, answers: Any) -> _Intrinsic:
    """Whether any answer is yes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _reduce(builder, "or", arguments[0])

    return types.boolean(answers), generate


@_instructions
def everywhere(_: Any, answers: Any) -> _Intrinsic:
    """Whether all answers are yes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _reduce(builder, "and", arguments[0])

    return types.boolean(answers), generate


@_instructions
def total(_: Any, lanes: Any) -> _Intrinsic:
    """The sum of integers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _reduce(builder, "add", arguments[0])

    return lanes.element(lanes), generate


@_instructions
def largest_of_four(_: Any, a: Any, b: Any, c: Any, d: Any) -> _Intrinsic:
    """The largest of four in each lane; one of them where any is NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def larger(one: Any, other: Any) -> Any:
            return builder.select(_above(builder, signature.args[0], one, other), one, other)

        one, other, third, fourth = arguments
        return larger(larger(one, other), larger(third, fourth))

    return a(a, b, c, d), generate


@_instructions
def sum_of_four(_: Any, a: Any, b: Any, c: Any, d: Any) -> _Intrinsic:
    """(a + b) + (c + d) of class values, as the numbers that `value_kernels.number` makes of each."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element, single = signature.args[0].element, context.get_value_type(signature.return_type)
        if element == types.uint8:
            # Whole numbers, of which no order of the summation changes the sum
            wide = [builder.zext(line, ir.VectorType(ir.IntType(16), LANES)) for line in arguments]
            return builder.uitofp(functools.reduce(builder.add, wide), single)
        one, other, third, fourth = (_numbers(builder, element, line, single) for line in arguments)
        return builder.fadd(builder.fadd(one, other), builder.fadd(third, fourth))

    return Lanes(types.float32)(a, b, c, d), generate


@_instructions
def store_sums_of_four(_: Any, array: Any, index: Any, lanes: Any) -> _Intrinsic:
    """Writes to ``array[index : index + 4]`` the sums of lanes 0 to 3, 4 to 7 and so on, each taken by twos."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = arguments[2]
        for count in (LANES // 2, LANES // 4):
            even, odd = (
                builder.shuffle_vector(sums, sums, _places([2 * i + first for i in range(count)])) for first in (0, 1)
            )
            sums = builder.fadd(even, odd)
        place, size = _place(context, builder, signature, arguments, LANES // 4)
        builder.store(sums, place, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@_instructions
def count_above(_: Any, array: Any, index: Any, a: Any, b: Any, c: Any, d: Any, limit: Any) -> _Intrinsic:
    """Adds to ``array[index : index + 16]`` of int32, in each lane, how many of four are above a limit."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, limit = signature.args[2], arguments[6]
        integers = ir.VectorType(ir.IntType(lanes.element.bitwidth), LANES)
        # Minus one where it is: as wide as the values, as that is how comparisons answer
        counts = [builder.sext(_above(builder, lanes, line, limit), integers) for line in arguments[2:6]]
        count = functools.reduce(builder.add, counts)
        place, size = _place(context, builder, signature, arguments, LANES)
        before = builder.load(place, align=size)
        count = count if count.type == before.type else builder.sext(count, before.type)
        builder.store(builder.sub(before, count), place, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, a, b, c, d, limit), generate


def _place(context: Any, builder: Any, signature: Any, arguments: Any, count: int) -> tuple[Any, int]:
    """Where so many elements of the first argument begin, the second being the index, and the bytes of one."""
    array = signature.args[0]
    data = context.make_array(array)(context, builder, arguments[0]).data
    place = builder.gep(data, [arguments[1]])
    return builder.bitcast(place, ir.VectorType(data.type.pointee, count).as_pointer()), array.dtype.bitwidth // 8


def _places(lanes: list[int]) -> Any:
    return ir.Constant(ir.VectorType(_INDEX, len(lanes)), lanes)


def _above(builder: Any, lanes: Lanes, one: Any, other: Any) -> Any:
    element: Any = lanes.element
    if isinstance(element, types.Float):
        return builder.fcmp_ordered(">", one, other)
    return (builder.icmp_signed if element.signed else builder.icmp_unsigned)(">", one, other)


def _reduce(builder: Any, name: str, lanes: Any) -> Any:
    element = lanes.type.element
    kind = ir.FunctionType(element, [lanes.type])
    name = f"llvm.vector.reduce.{name}.v{LANES}i{element.width}"
    return builder.call(get_or_insert_function(builder.module, kind, name), [lanes])


def _numbers(builder: Any, element: types.Type, lanes: Any, single: Any) -> Any:
    if isinstance(element, types.Float):
        return lanes
    # As `value_kernels.number` does with the bits of float16
    wide = ir.VectorType(_INDEX, LANES)
    bits = builder.zext(builder.and_(lanes, ir.Constant(lanes.type, [0x7FFF] * LANES)), wide)
    return builder.bitcast(builder.shl(bits, ir.Constant(wide, [13] * LANES)), single)
