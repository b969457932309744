#include "core/cpu_features.h"
#include "signatures/tensor/runtime.h"

using namespace scmoe;

/// Empty string, or which instruction sets the kernels use that this CPU lacks. Bindings are compiled without -march,
/// so this runs where a kernel would end the process with an illegal instruction.
SCMOE_EXPORT_UNCAPTURED(cpuProblem) {
  std::string missing;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const auto need = [&](unsigned feature, const char* name, bool has) {
    if ((compiledCpuFeatures & feature) && !has) missing += std::string(missing.empty() ? "" : ", ") + name;
  };
  need(kAvx2, "AVX2", __builtin_cpu_supports("avx2"));
  need(kFma, "FMA", __builtin_cpu_supports("fma"));
  need(kAvx512F, "AVX512F", __builtin_cpu_supports("avx512f"));
  need(kAvx512Bw, "AVX512BW", __builtin_cpu_supports("avx512bw"));
  need(kAvx512Dq, "AVX512DQ", __builtin_cpu_supports("avx512dq"));
  need(kAvx512Vl, "AVX512VL", __builtin_cpu_supports("avx512vl"));
  need(kAvx512Bf16, "AVX512_BF16", __builtin_cpu_supports("avx512bf16"));
  need(kAvx512Vnni, "AVX512_VNNI", __builtin_cpu_supports("avx512vnni"));
#endif
  if (!missing.empty()) missing = "the native addon was compiled for a CPU with " + missing + ", which this one lacks";
  return toJs(call.env(), missing);
}
