#include "cpu/unary.h"

#include "bindings/tensor/elements.h"
#include "signatures/tensor/unary.h"

using namespace scmoe;

#define SCMOE_BIND(Op)                                                    \
  SCMOE_EXPORT(unary##Op) {                                               \
    unary##Op(ElementType::kFloat32, args.x, args.out, args.count, 0, 0); \
    return nullptr;                                                       \
  }
SCMOE_UNARY_FLOAT_OPS(SCMOE_BIND)
SCMOE_UNARY_TEST_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                            \
  SCMOE_EXPORT(unary##Op) {                                                       \
    unary##Op(elementType(args.x), args.x.data, args.out.data, args.count, 0, 0); \
    return nullptr;                                                               \
  }
SCMOE_UNARY_NUMBER_OPS(SCMOE_BIND)
#undef SCMOE_BIND

#define SCMOE_BIND(Op)                                                 \
  SCMOE_EXPORT(unary##Op) {                                            \
    unary##Op(ElementType::kBool, args.x, args.out, args.count, 0, 0); \
    return nullptr;                                                    \
  }
SCMOE_UNARY_LOGICAL_OPS(SCMOE_BIND)
#undef SCMOE_BIND

SCMOE_EXPORT(unaryLeakyRelu) {
  unaryLeakyRelu(ElementType::kFloat32, args.x, args.out, args.count, args.alpha, 0);
  return nullptr;
}

SCMOE_EXPORT(unaryStep) {
  unaryStep(elementType(args.x), args.x.data, args.out.data, args.count, args.alpha, 0);
  return nullptr;
}

SCMOE_EXPORT(unaryClipByValue) {
  unaryClipByValue(elementType(args.x), args.x.data, args.out.data, args.count, args.least, args.greatest);
  return nullptr;
}
