#include "cpu/cross_entropy.h"

#include "bindings/args.h"

using namespace scmoe;

/// (rows, classes, logits, targets, ignoreIndex, labelSmoothing, loss, logsumexp, counted)
SCMOE_EXPORT(crossEntropyForward) {
  *args.floats(8) = static_cast<float>(crossEntropyForward(args.i(0), args.i(1), args.floats(2), args.ints(3),
                                                           static_cast<int32_t>(args.i(4)), args.f(5), args.floats(6),
                                                           args.floats(7)));
  return nullptr;
}

/// (rows, classes, logits, targets, ignoreIndex, labelSmoothing, logsumexp, counted, dLoss, dLogits)
SCMOE_EXPORT(crossEntropyBackward) {
  crossEntropyBackward(args.i(0), args.i(1), args.floats(2), args.ints(3), static_cast<int32_t>(args.i(4)), args.f(5),
                       args.floats(6), *args.floats(7), *args.floats(8), args.floats(9));
  return nullptr;
}
