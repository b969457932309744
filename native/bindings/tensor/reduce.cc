#include "cpu/reduce.h"

#include "bindings/tensor/elements.h"
#include "signatures/tensor/reduce.h"

using namespace scmoe;

#define SCMOE_BIND(Op)                                                                               \
  SCMOE_EXPORT(reduce##Op) {                                                                         \
    expectSumType(call, args.x, args.out);                                                           \
    reduce##Op(elementType(args.x), args.x.data, args.out.data, args.outer, args.count, args.inner); \
    return nullptr;                                                                                  \
  }
SCMOE_SUM_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                                               \
  SCMOE_EXPORT(reduce##Op) {                                                                         \
    reduce##Op(elementType(args.x), args.x.data, args.out.data, args.outer, args.count, args.inner); \
    return nullptr;                                                                                  \
  }
SCMOE_EXTREMUM_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                                          \
  SCMOE_EXPORT(reduce##Op) {                                                                    \
    reduce##Op(elementType(args.x), args.x.data, args.out, args.outer, args.count, args.inner); \
    return nullptr;                                                                             \
  }
SCMOE_MEAN_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                                    \
  SCMOE_EXPORT(reduce##Op) {                                                              \
    reduce##Op(ElementType::kBool, args.x, args.out, args.outer, args.count, args.inner); \
    return nullptr;                                                                       \
  }
SCMOE_TRUTH_OPS(SCMOE_BIND)
#undef SCMOE_BIND

SCMOE_EXPORT(argMax) {
  argMax(elementType(args.x), args.x.data, args.out, args.outer, args.count, args.inner);
  return nullptr;
}

SCMOE_EXPORT(argMin) {
  argMin(elementType(args.x), args.x.data, args.out, args.outer, args.count, args.inner);
  return nullptr;
}
