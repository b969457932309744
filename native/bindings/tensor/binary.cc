#include "cpu/binary.h"

#include "bindings/tensor/elements.h"
#include "signatures/tensor/binary.h"

using namespace scmoe;

#define SCMOE_BIND(Op)                                                                   \
  SCMOE_EXPORT(binary##Op) {                                                             \
    binary##Op(elementType(args.a), args.a.data, args.b.data, args.out.data, args.walk); \
    return nullptr;                                                                      \
  }
SCMOE_ARITHMETIC_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                              \
  SCMOE_EXPORT(binary##Op) {                                                        \
    binary##Op(elementType(args.a), args.a.data, args.b.data, args.out, args.walk); \
    return nullptr;                                                                 \
  }
SCMOE_FLOOR_DIV_OPS(SCMOE_BIND)
SCMOE_COMPARISON_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                      \
  SCMOE_EXPORT(binary##Op) {                                                \
    binary##Op(ElementType::kFloat32, args.a, args.b, args.out, args.walk); \
    return nullptr;                                                         \
  }
SCMOE_FLOAT_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                   \
  SCMOE_EXPORT(binary##Op) {                                             \
    binary##Op(ElementType::kBool, args.a, args.b, args.out, args.walk); \
    return nullptr;                                                      \
  }
SCMOE_LOGICAL_OPS(SCMOE_BIND)
#undef SCMOE_BIND
