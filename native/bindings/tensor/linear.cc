#include "cpu/linear.h"

#include "bindings/args.h"

using namespace scmoe;

/// (rows, dIn, dOut, x, weight, bias?, activation, float32, y, pre?)
SCMOE_EXPORT(linearForward) {
  linearForward(args.i(0), args.i(1), args.i(2), args.floats(3), args.floats(4), args.floats(5),
                static_cast<Activation>(args.i(6)), args.flag(7), args.floats(8), args.floats(9));
  return nullptr;
}

/// (rows, dIn, dOut, dy, x, weight, pre?, activation, float32, dx, dWeight, dBias)
SCMOE_EXPORT(linearBackward) {
  linearBackward(args.i(0), args.i(1), args.i(2), args.floats(3), args.floats(4), args.floats(5), args.floats(6),
                 static_cast<Activation>(args.i(7)), args.flag(8), args.floats(9), args.floats(10), args.floats(11));
  return nullptr;
}
