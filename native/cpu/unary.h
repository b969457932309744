#pragma once
#include <cstdint>

#include "cpu/element_type.h"

namespace scmoe {

// Element by element, under TF.js's kernel names, by the types that they take and give.
#define SCMOE_UNARY_FLOAT_OPS(X)                                                                              \
  X(Exp) X(Expm1) X(Log) X(Log1p) X(Sqrt) X(Rsqrt) X(Reciprocal) X(Sin) X(Cos) X(Tanh) X(Sigmoid) X(Erf) X(Softplus) \
  X(Floor) X(Ceil) X(Round) X(Elu) X(Selu)  // float32 -> float32
#define SCMOE_UNARY_NUMBER_OPS(X) \
  X(Neg) X(Abs) X(Square) X(Sign) X(Relu) X(Relu6)  // float32, int32 -> the same
#define SCMOE_UNARY_TEST_OPS(X) X(IsNan) X(IsInf) X(IsFinite)               // float32 -> bool
#define SCMOE_UNARY_LOGICAL_OPS(X) X(LogicalNot)                            // bool -> bool
// With numbers of their own: least and greatest value, alpha.
#define SCMOE_UNARY_OPS(X)                                                                               \
  SCMOE_UNARY_FLOAT_OPS(X) SCMOE_UNARY_NUMBER_OPS(X) SCMOE_UNARY_TEST_OPS(X) SCMOE_UNARY_LOGICAL_OPS(X) \
  X(ClipByValue) X(Step) X(LeakyRelu)

/// unary<Op>: out[i] = op(x[i]); in place works. `p` and `q` are the operation's own numbers: ClipByValue takes least
/// and greatest value, Step and LeakyRelu their alpha. Throws Error for a type that the operation does not take.
#define SCMOE_DECLARE(Op) \
  void unary##Op(ElementType type, const void* x, void* out, int64_t count, double p, double q);
SCMOE_UNARY_OPS(SCMOE_DECLARE)
#undef SCMOE_DECLARE

}  // namespace scmoe
