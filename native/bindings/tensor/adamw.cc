#include "cpu/adamw.h"

#include <cstring>

#include "signatures/tensor/adamw.h"

using namespace scmoe;

namespace {

float number(double value) { return static_cast<float>(value); }

/// @param keepOf what is kept of parameter i
template <typename Arguments, typename KeepOf>
void update(const Arguments& args, float stepSize, float rootCorrection, const KeepOf& keepOf) {
  std::vector<AdamWParameter> all;
  all.reserve(static_cast<size_t>(args.count));
  for (int64_t i = 0; i < args.count; ++i)
    all.push_back({args.parameters.lengths[i], keepOf(i), args.parameters.data[i], args.gradients.data[i],
                   args.m.data[i], args.v.data[i], args.newParameters.data[i], args.newM.data[i], args.newV.data[i]});
  adamW({number(args.beta1), number(args.beta2), number(args.epsilon), stepSize, rootCorrection,
         args.gradScale ? *args.gradScale : 1.0f},
        all);
}

}  // namespace

SCMOE_EXPORT(adamW) {
  update(args, static_cast<float>(args.stepSize), static_cast<float>(args.rootCorrection),
         [&](int64_t i) { return args.keep[i]; });
  return nullptr;
}

SCMOE_EXPORT(adamWRounded) {
  std::vector<RoundedAdamWParameter> all;
  all.reserve(static_cast<size_t>(args.count));
  const auto key = [&](int64_t i) { return static_cast<uint32_t>(args.keys[i]); };
  for (int64_t i = 0; i < args.count; ++i)
    all.push_back({args.parameters.lengths[i],
                   args.keep[i],
                   args.parameters.data[i],
                   args.gradients.data[i],
                   args.m.data[i],
                   args.v.data[i],
                   args.newParameters.data[i],
                   args.newM.data[i],
                   args.newV.data[i],
                   {key(2 * i), key(2 * i + 1)},
                   args.firsts[i]});
  adamWRounded({number(args.beta1), number(args.beta2), number(args.epsilon), number(args.stepSize),
                number(args.rootCorrection), args.gradScale ? *args.gradScale : 1.0f},
               all);
  return nullptr;
}

SCMOE_EXPORT(adamWByRates) {
  const float decayed = 1.0f - args.rates[0] * static_cast<float>(args.weightDecay);
  update(args, args.rates[1], args.rates[2], [&](int64_t i) { return args.decays[i] != 0 ? decayed : 1.0f; });
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
