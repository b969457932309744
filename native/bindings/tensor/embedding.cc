#include "cpu/embedding.h"

#include "signatures/tensor/embedding.h"

using namespace scmoe;

SCMOE_EXPORT(embeddingForward) {
  embeddingForward(args.count, args.d, args.vocabSize, args.ids, args.table, args.out);
  return nullptr;
}

SCMOE_EXPORT(embeddingBackward) {
  const auto run = args.adds ? addEmbeddingGradient : embeddingBackward;
  run(args.count, args.d, args.vocabSize, args.ids, args.dOut, args.dTable);
  return nullptr;
}
