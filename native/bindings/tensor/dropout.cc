#include "cpu/dropout.h"

#include "bindings/args.h"

using namespace scmoe;

/// (count, x, rate, seed, stream, y)
SCMOE_EXPORT(dropout) {
  dropout(args.i(0), args.floats(1), args.f(2), static_cast<uint64_t>(args.i(3)), static_cast<uint64_t>(args.i(4)),
          args.floats(5));
  return nullptr;
}
