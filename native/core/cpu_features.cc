#include "core/cpu_features.h"

namespace scmoe {

extern const unsigned compiledCpuFeatures = 0u
#if defined(__AVX2__)
                                            | kAvx2
#endif
#if defined(__FMA__)
                                            | kFma
#endif
#if defined(__AVX512F__)
                                            | kAvx512F
#endif
#if defined(__AVX512BW__)
                                            | kAvx512Bw
#endif
#if defined(__AVX512DQ__)
                                            | kAvx512Dq
#endif
#if defined(__AVX512VL__)
                                            | kAvx512Vl
#endif
#if defined(__AVX512BF16__)
                                            | kAvx512Bf16
#endif
#if defined(__AVX512VNNI__)
                                            | kAvx512Vnni
#endif
    ;

}  // namespace scmoe
