#include "signatures/tensor/sampling.h"

#include <cmath>

#include "cpu/draw_token.h"
#include "cpu/multinomial.h"

using namespace scmoe;

SCMOE_EXPORT_UNCAPTURED(drawToken) {
  if (!(args.temperature >= 0) || std::isinf(args.temperature))
    call.reject("temperature", "a finite number >= 0", std::to_string(args.temperature));
  call.expect(args.count <= INT32_MAX, "count", "at most 2147483647 scores", args.count);
  const DrawOptions options{args.temperature, args.topK, args.topP, args.minP, args.typicalP};
  return toJs(call.env(), static_cast<double>(drawToken(args.scores, args.count, options, args.uniform)));
}

SCMOE_EXPORT_UNCAPTURED(multinomial) {
  multinomial({args.rows, args.columns, args.samples}, args.areProbabilities, args.seed, args.x, args.out);
  return nullptr;
}
