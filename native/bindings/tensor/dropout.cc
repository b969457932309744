#include "cpu/dropout.h"

#include "signatures/tensor/dropout.h"

using namespace scmoe;

SCMOE_EXPORT(dropout) {
  dropout(args.count, args.x, static_cast<float>(args.rate), static_cast<uint64_t>(args.seed),
          static_cast<uint64_t>(args.stream), args.y);
  return nullptr;
}
