#pragma once
#include <cstdint>

#include "cpu/element_type.h"

namespace scmoe {

// Element by element, under TF.js's kernel names, by the types that they take and give.
// clang-format off
#define SCMOE_UNARY_FLOAT_OPS(X) /* float32 -> float32 */ \
  X(Exp) X(Expm1) X(Log) X(Log1p) X(Sqrt) X(Rsqrt) X(Reciprocal) X(Sin) X(Cos) X(Tanh) X(Sigmoid) X(Erf) X(Softplus) \
  X(Floor) X(Ceil) X(Round) X(Elu) X(Selu)
#define SCMOE_UNARY_NUMBER_OPS(X) /* float32, int32 -> the same */ \
  X(Neg) X(Abs) X(Square) X(Sign) X(Relu) X(Relu6)
#define SCMOE_UNARY_TEST_OPS(X) /* float32 -> bool */ X(IsNan) X(IsInf) X(IsFinite)
#define SCMOE_UNARY_LOGICAL_OPS(X) /* bool -> bool */ X(LogicalNot)
/* The last three have numbers of their own. */
#define SCMOE_UNARY_OPS(X) \
  SCMOE_UNARY_FLOAT_OPS(X) SCMOE_UNARY_NUMBER_OPS(X) SCMOE_UNARY_TEST_OPS(X) SCMOE_UNARY_LOGICAL_OPS(X) \
  X(ClipByValue) X(Step) X(LeakyRelu)
// clang-format on

/// unary<Op>: out[i] = op(x[i]); in place works. `p` and `q` are the operation's own numbers: ClipByValue takes least
/// and greatest value, Step and LeakyRelu their alpha. Throws Error for a type that the operation does not take.
#define SCMOE_DECLARE(Op) void unary##Op(ElementType type, const void* x, void* out, int64_t count, double p, double q);
SCMOE_UNARY_OPS(SCMOE_DECLARE)
#undef SCMOE_DECLARE

}  // namespace scmoe
