#include "cpu/adamw.h"

#include "bindings/args.h"

using namespace scmoe;

/// (parameters, gradients, m, v, newParameters, newM, newV: arrays of Float32Array, keep: Float32Array,
///  gradScale?: Float32Array, beta1, beta2, epsilon, stepSize, rootCorrection)
SCMOE_EXPORT(adamW) {
  std::vector<int64_t> counts;
  const auto parameters = args.floatArrays(0, &counts), gradients = args.floatArrays(1), m = args.floatArrays(2),
             v = args.floatArrays(3), newParameters = args.floatArrays(4), newM = args.floatArrays(5),
             newV = args.floatArrays(6);
  const float* keep = args.floats(7);
  std::vector<AdamWParameter> all;
  for (size_t i = 0; i < parameters.size(); ++i)
    all.push_back(
        {counts[i], keep[i], parameters[i], gradients[i], m[i], v[i], newParameters[i], newM[i], newV[i]});
  const float gradScale = args.has(8) ? args.floats(8)[0] : 1.0f;
  adamW({args.f(9), args.f(10), args.f(11), args.f(12), args.f(13), gradScale}, all);
  return nullptr;
}

/// (arrays of Float32Array, result: Float32Array)
SCMOE_EXPORT(globalNorm) {
  std::vector<int64_t> counts;
  const auto arrays = args.floatArrays(0, &counts);
  args.floats(1)[0] = static_cast<float>(globalNorm(arrays, counts));
  return nullptr;
}
