#include "cpu/swiglu.h"

#include "bindings/args.h"

using namespace scmoe;

/// (rows, d, f, x, gate, up, down, y, gated, raised)
SCMOE_EXPORT(swigluForward) {
  swigluForward(args.i(0), args.i(1), args.i(2), args.floats(3), args.floats(4), args.floats(5), args.floats(6),
                args.floats(7), args.floats(8), args.floats(9));
  return nullptr;
}

/// (rows, d, f, dy, x, gate, up, down, gated, raised, dx, dGate, dUp, dDown)
SCMOE_EXPORT(swigluBackward) {
  swigluBackward(args.i(0), args.i(1), args.i(2), args.floats(3), args.floats(4), args.floats(5), args.floats(6),
                 args.floats(7), args.floats(8), args.floats(9), args.floats(10), args.floats(11), args.floats(12),
                 args.floats(13));
  return nullptr;
}
