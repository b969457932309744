#include "cpu/reduce.h"

#include "bindings/args.h"
#include "bindings/tensor/strided.h"

using namespace scmoe;

/// (x, out, outer, count, inner)
#define SCMOE_BIND(Op)                                                                                       \
  SCMOE_EXPORT(reduce##Op) {                                                                                 \
    reduce##Op(elementType(args, 0), args.data(0), args.data(1), args.i(2), args.i(3), args.i(4));           \
    return nullptr;                                                                                          \
  }
SCMOE_REDUCE_OPS(SCMOE_BIND)
#undef SCMOE_BIND

/// (x, out, outer, count, inner)
SCMOE_EXPORT(argMax) {
  argMax(elementType(args, 0), args.data(0), args.ints(1), args.i(2), args.i(3), args.i(4));
  return nullptr;
}
SCMOE_EXPORT(argMin) {
  argMin(elementType(args, 0), args.data(0), args.ints(1), args.i(2), args.i(3), args.i(4));
  return nullptr;
}
