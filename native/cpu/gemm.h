#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "cpu/blocked_gemm.h"

namespace scmoe {

enum class Precision { kFloat32, kBf16 };

/// Opens oneDNN (SCMOE_ONEDNN_LIB, then libdnnl.so.3, .2, libdnnl.so). Returns an empty string or why it can't.
std::string openOneDnn();
/// Has oneDNN use no more than some instruction sets, in its own words, e.g. "AVX2"; what the environment says stays.
/// Before it is opened.
void holdOneDnn(const std::string& isa);
/// An empty string, or why there are no products at all: neither oneDNN nor kernels of our own for this CPU.
std::string gemmProblem();
/// Whether float32 products are our own here: without oneDNN, and where its kernels would be those for AVX2, which are
/// slower, and whose last bits depend on the number of rows (docs/decisions.md#rows).
bool usesBlockedGemm();
/// Whose float32 products these are, e.g. "oneDNN 2.6.3", or "AVX2" or "NEON" where they are our own.
std::string gemmName();
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

/// op(B) (k, n) for float32 products with several blocks of rows of A, on the calling thread each.
class SharedOperand {
 public:
  /// B must stay as it is. `rows` of all the blocks say whether a copy in a better order, taken from `scope`, pays.
  SharedOperand(Arena::Scope& scope, int64_t rows, bool transposeB, int64_t n, int64_t k, const float* b, int64_t ldb);

  /// Rows in a block: so many that the product is fast, so few that rows of this many columns stay in the second-level
  /// cache.
  int64_t blockRows(int64_t columns) const;
  /// C (m, n) = A (m, k) op(B), as gemmFloat32().
  void multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc) const;

 private:
  const bool transposeB_;
  const int64_t n_, k_;
  const float* const b_;
  const int64_t ldb_;
  std::optional<PackedColumns> packed_;
};

/// C = op(A) op(B) + beta * C with operands that are bf16 already (uint16_t), summed in float32.
void gemmBf16(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, const uint16_t* a, int64_t lda,
              const uint16_t* b, int64_t ldb, float beta, float* c, int64_t ldc);

}  // namespace scmoe
