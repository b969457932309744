#include "cpu/swiglu.h"

#include "signatures/tensor/swiglu.h"

using namespace scmoe;

SCMOE_EXPORT(swigluForward) {
  swigluForward(args.rows, args.d, args.f, args.x, args.gate, args.up, args.down, args.y, args.gated, args.raised);
  return nullptr;
}

SCMOE_EXPORT(swigluBackward) {
  swigluBackward(args.rows, args.d, args.f, args.dy, args.x, args.gate, args.up, args.down, args.gated, args.raised,
                 args.dx, args.dGate, args.dUp, args.dDown);
  return nullptr;
}
