#include "cpu/binary.h"

#include "bindings/args.h"
#include "bindings/tensor/strided.h"

using namespace scmoe;

/// (a, b, out, walk | undefined): without a walk all three have the same length.
template <void (*Kernel)(ElementType, const void*, const void*, void*, Strided<2>)>
static napi_value call(Args& args) {
  Strided<2> walk;
  if (args.has(3)) {
    walk = readWalk<2>(args, 3);
  } else {
    walk.rank = 1;
    walk.size[0] = args.length(2);
    walk.stride[0][0] = walk.stride[1][0] = 1;
  }
  Kernel(elementType(args, 0), args.data(0), args.data(1), args.data(2), walk);
  return nullptr;
}

#define SCMOE_BIND(Op) SCMOE_EXPORT(binary##Op) { return call<binary##Op>(args); }
SCMOE_BINARY_OPS(SCMOE_BIND)
