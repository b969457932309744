#include "cpu/gemm.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstdlib>

#include "core/arena.h"
#include "core/parallel.h"
#include "core/signals.h"
#include "cpu/bf16.h"
#include "cpu/few_rows.h"
#include "cpu/onednn.h"

namespace scmoe {

namespace {

Precision currentPrecision = Precision::kFloat32;

void scaleOnly(int64_t m, int64_t n, float beta, float* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = beta == 0.0f ? 0.0f : beta * c[i * ldc + j];
}

}  // namespace

std::string openOneDnn() { return oneDnn().problem; }
void holdOneDnn(const std::string& isa) { setenv("DNNL_MAX_CPU_ISA", isa.c_str(), 0); }
std::string gemmProblem() { return hasBlockedGemm() ? "" : openOneDnn(); }
std::string oneDnnVersion() { return oneDnn().version; }

bool hasBf16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  return oneDnn().usesBf16();
}

bool usesBlockedGemm() {
  static const bool result = hasBlockedGemm() && (oneDnn().sgemm == nullptr || !oneDnn().usesAvx512());
  return result;
}

std::string gemmName() {
#if defined(__aarch64__)
  const char* const own = "NEON";
#else
  const char* const own = "AVX2";
#endif
  return usesBlockedGemm() ? own : oneDnnVersion();
}

void setPrecision(Precision value) { currentPrecision = value; }
Precision precision() { return currentPrecision; }

void convertToBf16(const float* source, int64_t rows, int64_t columns, int64_t stride, uint16_t* target) {
  parallelFor(rows, grainFor(columns * 6), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* from = source + i * stride;
      uint16_t* to = target + i * columns;
      int64_t j = 0;
#if defined(__AVX512BF16__)
      for (; j + 32 <= columns; j += 32) {
        const __m512bh pair = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + j + 16), _mm512_loadu_ps(from + j));
        _mm512_storeu_si512(to + j, reinterpret_cast<__m512i>(pair));
      }
#endif
      for (; j < columns; ++j) to[j] = toBf16(from[j]);
    }
  });
}

float* widened(Arena::Scope& scope, int64_t count, const uint16_t* from) {
  auto* const to = scope.take<float>(count);
  parallelFor(count, grainFor(6), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = fromBf16(from[i]);
  });
  return to;
}

void gemmFloat32(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scaleOnly(m, n, beta, c, ldc);
  // oneDNN's kernels for AVX-512 wait longer for the weight of a few rows.
  const bool areFew =
      m <= kFewRowsOfLarge && n % 16 == 0 && !transposeA && !transposeB && alpha == 1.0f && hasBlockedGemm();
  if (areFew || usesBlockedGemm())
    return blockedGemm(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  oneDnnSgemm(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

SharedOperand::SharedOperand(Arena::Scope& scope, int64_t rows, bool transposeB, int64_t n, int64_t k, const float* b,
                             int64_t ldb)
    : transposeB_(transposeB), n_(n), k_(k), b_(b), ldb_(ldb) {
  // A block of few rows packs as it goes, and more than 16 MiB are not copied as a whole.
  constexpr int64_t kFewestRows = 2 * PackedColumns::kBlockRows, kLargest = int64_t{4} << 20;
  if (usesBlockedGemm() && rows >= kFewestRows && n > 0 && k > 0 && n * k <= kLargest)
    packed_.emplace(scope, transposeB, n, k, b, ldb);
}

int64_t SharedOperand::blockRows(int64_t columns) const {
  return packed_ ? PackedColumns::kBlockRows : std::clamp<int64_t>((1 << 18) / std::max<int64_t>(columns, 1), 64, 1024);
}

void SharedOperand::multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc) const {
  if (packed_) return packed_->multiply(m, a, lda, c, ldc);
  gemmFloat32(false, transposeB_, m, n_, k_, 1.0f, a, lda, b_, ldb_, 0.0f, c, ldc);
}

void gemm(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
          const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  if (currentPrecision == Precision::kFloat32 || m == 0 || n == 0 || k == 0)
    return gemmFloat32(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  const int64_t rowsA = transposeA ? k : m, columnsA = transposeA ? m : k;
  const int64_t rowsB = transposeB ? n : k, columnsB = transposeB ? k : n;
  Arena::Scope scope;
  auto* const a16 = scope.take<uint16_t>(rowsA * columnsA);
  auto* const b16 = scope.take<uint16_t>(rowsB * columnsB);
  convertToBf16(a, rowsA, columnsA, lda, a16);
  convertToBf16(b, rowsB, columnsB, ldb, b16);
  const SignalsHeld held;
  checkOneDnn(oneDnn().bf16(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, alpha, a16, columnsA, b16,
                            columnsB, beta, c, ldc),
              "dnnl_gemm_bf16bf16f32", m, n, k);
}

void gemmBf16(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, const uint16_t* a, int64_t lda,
              const uint16_t* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scaleOnly(m, n, beta, c, ldc);
  const SignalsHeld held;
  checkOneDnn(
      oneDnn().bf16(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc),
      "dnnl_gemm_bf16bf16f32", m, n, k);
}

}  // namespace scmoe
