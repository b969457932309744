#pragma once
#include "cpu/element_type.h"
#include "cpu/strided.h"

namespace scmoe {

// The operations, under TF.js's kernel names, by the types that they take and give.
#define SCMOE_ARITHMETIC_OPS(X) \
  X(Add) X(Sub) X(Multiply) X(RealDiv) X(Maximum) X(Minimum) X(SquaredDifference) X(Pow) X(Mod)       // T, T -> T
#define SCMOE_FLOAT_OPS(X) X(Atan2) X(Prelu) X(EluGrad)                                               // float32 only
#define SCMOE_COMPARISON_OPS(X) X(Equal) X(NotEqual) X(Less) X(LessEqual) X(Greater) X(GreaterEqual)  // T, T -> bool
#define SCMOE_LOGICAL_OPS(X) X(LogicalAnd) X(LogicalOr)  // bool, bool -> bool
#define SCMOE_FLOOR_DIV_OPS(X) X(FloorDiv)               // T, T -> int32
#define SCMOE_BINARY_OPS(X) \
  SCMOE_ARITHMETIC_OPS(X) SCMOE_FLOAT_OPS(X) SCMOE_COMPARISON_OPS(X) SCMOE_LOGICAL_OPS(X) SCMOE_FLOOR_DIV_OPS(X)

/// binary<Op>: out[i] = op(a[...], b[...]) for every element of the contiguous `out`. `walk` has the strides of a (0)
/// and b (1) over out's dimensions, 0 where an operand is broadcast. In place (out == a or b) works where that operand
/// is not broadcast. Throws Error for a type that the operation does not take.
#define SCMOE_DECLARE(Op) void binary##Op(ElementType type, const void* a, const void* b, void* out, Strided<2> walk);
SCMOE_BINARY_OPS(SCMOE_DECLARE)
#undef SCMOE_DECLARE

}  // namespace scmoe
