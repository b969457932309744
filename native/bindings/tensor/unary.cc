#include "cpu/unary.h"

#include "bindings/args.h"
#include "bindings/tensor/strided.h"

using namespace scmoe;

/// (x, out, p = 0, q = 0): one operation's own numbers.
#define SCMOE_BIND(Op)                                                                                     \
  SCMOE_EXPORT(unary##Op) {                                                                                \
    const double p = args.has(2) ? args.number(2) : 0, q = args.has(3) ? args.number(3) : 0;               \
    unary##Op(elementType(args, 0), args.data(0), args.data(1), args.length(1), p, q);                     \
    return nullptr;                                                                                        \
  }
SCMOE_UNARY_OPS(SCMOE_BIND)
#undef SCMOE_BIND
