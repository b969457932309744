#pragma once

namespace scmoe {

/// Instruction sets that matter for whether a binary runs at all, as bits.
enum CpuFeature : unsigned {
  kAvx2 = 1u << 0,
  kFma = 1u << 1,
  kAvx512F = 1u << 2,
  kAvx512Bw = 1u << 3,
  kAvx512Dq = 1u << 4,
  kAvx512Vl = 1u << 5,
  kAvx512Bf16 = 1u << 6,
  kAvx512Vnni = 1u << 7,
};

/// What the kernels were compiled for (SCMOE_MARCH). Data, not code: it can be read on a CPU that can't run them.
extern const unsigned compiledCpuFeatures;

}  // namespace scmoe
