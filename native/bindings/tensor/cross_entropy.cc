#include "cpu/cross_entropy.h"
#include "cpu/linear_cross_entropy.h"

#include "signatures/tensor/cross_entropy.h"

using namespace scmoe;

SCMOE_EXPORT(crossEntropyForward) {
  *args.counted = static_cast<float>(
      crossEntropyForward(args.rows, args.classes, args.logits, args.targets, static_cast<int32_t>(args.ignoreIndex),
                          static_cast<float>(args.labelSmoothing), args.loss, args.logsumexp));
  return nullptr;
}

SCMOE_EXPORT(crossEntropyBackward) {
  crossEntropyBackward(args.rows, args.classes, args.logits, args.targets, static_cast<int32_t>(args.ignoreIndex),
                       static_cast<float>(args.labelSmoothing), args.logsumexp, *args.counted, *args.dLoss,
                       args.dLogits);
  return nullptr;
}

SCMOE_EXPORT(scaleGradient) {
  scaleGradient(args.count, *args.factor, args.gradient);
  return nullptr;
}

SCMOE_EXPORT(linearCrossEntropy) {
  const LinearCrossEntropy shape{args.rows,
                                 args.dIn,
                                 args.classes,
                                 args.transposed,
                                 static_cast<int32_t>(args.ignoreIndex),
                                 static_cast<float>(args.labelSmoothing)};
  linearCrossEntropy(shape, args.x, args.weight, args.bias, args.targets, args.loss, args.dx, args.dWeight, args.dBias);
  return nullptr;
}
