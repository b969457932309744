#include "cpu/random.h"

#include "cpu/dropout.h"

#include "signatures/tensor/random.h"

using namespace scmoe;

namespace {

uint64_t seedOf(const int32_t* words) {
  return uint64_t{static_cast<uint32_t>(words[1])} << 32 | static_cast<uint32_t>(words[0]);
}

}  // namespace

SCMOE_EXPORT(dropout) {
  dropout(args.count, args.x, static_cast<float>(args.rate), seedOf(args.seed), static_cast<uint64_t>(args.stream),
          args.y);
  return nullptr;
}

SCMOE_EXPORT(randomUniform) {
  randomUniform({seedOf(args.seed), static_cast<uint64_t>(args.stream)}, static_cast<uint64_t>(args.offset), args.count,
                args.out);
  return nullptr;
}

SCMOE_EXPORT(randomNormal) {
  randomNormal({seedOf(args.seed), static_cast<uint64_t>(args.stream)}, static_cast<uint64_t>(args.offset), args.count,
               args.mean, args.deviation, args.out);
  return nullptr;
}
