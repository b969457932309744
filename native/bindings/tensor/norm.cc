#include "cpu/norm.h"

#include "signatures/tensor/norm.h"

using namespace scmoe;

SCMOE_EXPORT(layerNormForward) {
  layerNormForward(args.rows, args.d, args.x, args.weight, args.bias, static_cast<float>(args.epsilon), args.y,
                   args.mean, args.rstd);
  return nullptr;
}

SCMOE_EXPORT(layerNormBackward) {
  layerNormBackward(args.rows, args.d, args.dy, args.x, args.weight, args.mean, args.rstd, args.adds, args.dx,
                    args.dWeight, args.dBias);
  return nullptr;
}

SCMOE_EXPORT(rmsNormForward) {
  rmsNormForward(args.rows, args.d, args.x, args.weight, static_cast<float>(args.epsilon), args.y, args.rstd);
  return nullptr;
}

SCMOE_EXPORT(rmsNormBackward) {
  rmsNormBackward(args.rows, args.d, args.dy, args.x, args.weight, args.rstd, args.adds, args.dx, args.dWeight);
  return nullptr;
}
