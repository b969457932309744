#pragma once
#include <cstdint>
#include <string>

namespace scmoe {

enum class Precision { kFloat32, kBf16 };

/// Opens oneDNN (SCMOE_ONEDNN_LIB, then libdnnl.so.3, .2, libdnnl.so). Returns an empty string or why it can't.
std::string openOneDnn();
/// Path and version of the library in use, e.g. "oneDNN 2.6.3".
std::string oneDnnVersion();
/// Whether this CPU multiplies bf16 in hardware (AVX512_BF16 or AMX) and oneDNN offers the product.
bool hasBf16();

/// Precision of the products that gemm() makes; float32 until set.
void setPrecision(Precision precision);
Precision precision();

/// C (m, n) = alpha * op(A) (m, k) op(B) (k, n) + beta * C, row-major; lda, ldb, ldc are row lengths in elements.
/// In bf16 the operands are rounded to bf16 on the way in and summed in float32. Inside a parallel region it runs on
/// the calling thread.
void gemm(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
          const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

/// As gemm(), always float32: the router, and whatever must not be rounded.
void gemmFloat32(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

/// C = op(A) op(B) + beta * C with operands that are bf16 already (uint16_t), summed in float32.
void gemmBf16(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, const uint16_t* a, int64_t lda,
              const uint16_t* b, int64_t ldb, float beta, float* c, int64_t ldc);

}  // namespace scmoe
