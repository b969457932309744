#include "cpu/norm.h"

#include "bindings/args.h"

using namespace scmoe;

/// (rows, d, x, weight, bias, epsilon, y, mean, rstd)
SCMOE_EXPORT(layerNormForward) {
  layerNormForward(args.i(0), args.i(1), args.floats(2), args.floats(3), args.floats(4), args.f(5), args.floats(6),
                   args.floats(7), args.floats(8));
  return nullptr;
}

/// (rows, d, dy, x, weight, mean, rstd, dx, dWeight, dBias)
SCMOE_EXPORT(layerNormBackward) {
  layerNormBackward(args.i(0), args.i(1), args.floats(2), args.floats(3), args.floats(4), args.floats(5),
                    args.floats(6), args.floats(7), args.floats(8), args.floats(9));
  return nullptr;
}

/// (rows, d, x, weight, epsilon, y, rstd)
SCMOE_EXPORT(rmsNormForward) {
  rmsNormForward(args.i(0), args.i(1), args.floats(2), args.floats(3), args.f(4), args.floats(5), args.floats(6));
  return nullptr;
}

/// (rows, d, dy, x, weight, rstd, dx, dWeight)
SCMOE_EXPORT(rmsNormBackward) {
  rmsNormBackward(args.i(0), args.i(1), args.floats(2), args.floats(3), args.floats(4), args.floats(5), args.floats(6),
                  args.floats(7));
  return nullptr;
}
