#pragma once
#include <cstdint>

#include "cpu/element_type.h"

namespace scmoe {

// Reductions, under TF.js's kernel names.
#define SCMOE_SUM_OPS(X) X(Sum) X(Prod)      // float32 -> float32; int32, bool -> int32
#define SCMOE_MEAN_OPS(X) X(Mean)            // any -> float32
#define SCMOE_EXTREMUM_OPS(X) X(Max) X(Min)  // T -> T; NaN wins
#define SCMOE_TRUTH_OPS(X) X(All) X(Any)     // bool -> bool
#define SCMOE_REDUCE_OPS(X) SCMOE_SUM_OPS(X) SCMOE_MEAN_OPS(X) SCMOE_EXTREMUM_OPS(X) SCMOE_TRUTH_OPS(X)

/// reduce<Op>: x (outer, count, inner) -> out (outer, inner). Sums are taken in double; the order of summation depends
/// on the shape alone. count is at least 1.
#define SCMOE_DECLARE(Op) \
  void reduce##Op(ElementType type, const void* x, void* out, int64_t outer, int64_t count, int64_t inner);
SCMOE_REDUCE_OPS(SCMOE_DECLARE)
#undef SCMOE_DECLARE

/// Index of the largest (smallest) element along the middle axis of x (outer, count, inner); the first one among
/// equals, and NaN never wins over what came before it.
void argMax(ElementType type, const void* x, int32_t* out, int64_t outer, int64_t count, int64_t inner);
void argMin(ElementType type, const void* x, int32_t* out, int64_t outer, int64_t count, int64_t inner);

}  // namespace scmoe
