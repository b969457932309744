#pragma once
#include <cstdint>
#include <string>

/// oneDNN's C entry points, opened at run time: building needs no headers, and one binary serves machines without it.
namespace scmoe {

struct OneDnn {
  using Dim = int64_t;
  using Sgemm = int (*)(char, char, Dim, Dim, Dim, float, const float*, Dim, const float*, Dim, float, float*, Dim);
  using Bf16Gemm = int (*)(char, char, Dim, Dim, Dim, float, const uint16_t*, Dim, const uint16_t*, Dim, float, float*,
                           Dim);

  std::string problem;  // empty, or why it can't be used
  Sgemm sgemm = nullptr;
  Bf16Gemm bf16 = nullptr;
  std::string version;
  /// The instruction sets that its kernels use here, in its own bits; 0 where it does not say.
  int instructionSets = 0;

  /// Whether its kernels here are those for AVX-512; without its word, whether the CPU has it.
  bool usesAvx512() const;
  /// The same for its products of bf16, which it also makes without such instructions, a hundred times as slowly.
  bool usesBf16() const;
};

/// The library in use: SCMOE_ONEDNN_LIB, then libdnnl.so.3, .2, libdnnl.so.
const OneDnn& oneDnn();

/// Throws where `status` says that the product failed.
void checkOneDnn(int status, const char* name, int64_t m, int64_t n, int64_t k);

/// dnnl_sgemm as it is; the arguments are those of gemm(), and no size is 0.
void oneDnnSgemm(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

}  // namespace scmoe
