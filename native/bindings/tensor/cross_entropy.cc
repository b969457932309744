#include "cpu/cross_entropy.h"

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
