#include "cpu/dropout.h"

#include "signatures/tensor/dropout.h"

using namespace scmoe;

SCMOE_EXPORT(dropout) {
  const uint64_t low = static_cast<uint32_t>(args.seed[0]);
  const uint64_t high = static_cast<uint32_t>(args.seed[1]);
  dropout(args.count, args.x, static_cast<float>(args.rate), high << 32 | low, static_cast<uint64_t>(args.stream),
          args.y);
  return nullptr;
}
