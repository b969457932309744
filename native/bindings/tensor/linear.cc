#include "cpu/linear.h"

#include "signatures/tensor/linear.h"

using namespace scmoe;

SCMOE_EXPORT(linearForward) {
  linearForward(args.rows, args.dIn, args.dOut, args.x, args.weight, args.bias, args.activation, args.float32, args.y,
                args.pre);
  return nullptr;
}

SCMOE_EXPORT(linearBackward) {
  if (args.activation != Activation::kNone && !args.pre) call.reject("pre", "a Float32Array", "none for an activation");
  linearBackward(args.rows, args.dIn, args.dOut, args.dy, args.x, args.weight, args.pre, args.activation, args.float32,
                 args.dx, args.dWeight, args.dBias);
  return nullptr;
}
