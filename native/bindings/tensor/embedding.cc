#include "cpu/embedding.h"

#include "bindings/args.h"

using namespace scmoe;

/// (count, d, vocabSize, ids, table, out)
SCMOE_EXPORT(embeddingForward) {
  embeddingForward(args.i(0), args.i(1), args.i(2), args.ints(3), args.floats(4), args.floats(5));
  return nullptr;
}

/// (count, d, vocabSize, ids, dOut, dTable)
SCMOE_EXPORT(embeddingBackward) {
  embeddingBackward(args.i(0), args.i(1), args.i(2), args.ints(3), args.floats(4), args.floats(5));
  return nullptr;
}
