#include "cpu/adamw.h"

#include <cstring>

#include "signatures/tensor/adamw.h"

using namespace scmoe;

SCMOE_EXPORT(adamW) {
  std::vector<AdamWParameter> all;
  all.reserve(static_cast<size_t>(args.count));
  for (int64_t i = 0; i < args.count; ++i)
    all.push_back({args.parameters.lengths[i], args.keep[i], args.parameters.data[i], args.gradients.data[i],
                   args.m.data[i], args.v.data[i], args.newParameters.data[i], args.newM.data[i], args.newV.data[i]});
  const auto number = [](double value) { return static_cast<float>(value); };
  adamW({number(args.beta1), number(args.beta2), number(args.epsilon), number(args.stepSize),
         number(args.rootCorrection), args.gradScale ? *args.gradScale : 1.0f},
        all);
  return nullptr;
}

SCMOE_EXPORT(globalNorm) {
  constexpr int64_t kBytes = sizeof(double);
  std::vector<double> known(args.known.data.size());
  for (size_t i = 0; i < known.size(); ++i) {
    call.expect(args.known.lengths[i] >= kBytes, "known", "8 bytes each", args.known.lengths[i]);
    std::memcpy(&known[i], args.known.data[i], kBytes);
  }
  *args.result = static_cast<float>(globalNorm(args.arrays.data, args.arrays.lengths, known));
  return nullptr;
}
