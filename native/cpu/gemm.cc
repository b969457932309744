#include "cpu/gemm.h"

#include <dlfcn.h>

#include <cstdlib>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/signals.h"
#include "cpu/bf16.h"

namespace scmoe {

namespace {

// oneDNN's C entry points, declared here so that building needs no headers and one binary serves machines without it.
using Dim = int64_t;
using Sgemm = int (*)(char, char, Dim, Dim, Dim, float, const float*, Dim, const float*, Dim, float, float*, Dim);
using Bf16Gemm = int (*)(char, char, Dim, Dim, Dim, float, const uint16_t*, Dim, const uint16_t*, Dim, float, float*,
                         Dim);
struct Version {
  int major, minor, patch;
};

struct OneDnn {
  std::string problem;
  Sgemm sgemm = nullptr;
  Bf16Gemm bf16 = nullptr;
  std::string version;
};

OneDnn open() {
  OneDnn result;
  const char* chosen = std::getenv("SCMOE_ONEDNN_LIB");
  const char* names[] = {chosen, "libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"};
  void* handle = nullptr;
  std::string tried;
  for (const char* name : names) {
    if (!name || !*name) continue;
    handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle) break;
    tried += std::string(tried.empty() ? "" : ", ") + name;
    if (name == chosen) break;
  }
  if (!handle) {
    result.problem = "oneDNN was not found (tried " + tried + "); on Debian or Ubuntu: apt-get install libdnnl-dev";
    return result;
  }
  result.sgemm = reinterpret_cast<Sgemm>(dlsym(handle, "dnnl_sgemm"));
  result.bf16 = reinterpret_cast<Bf16Gemm>(dlsym(handle, "dnnl_gemm_bf16bf16f32"));
  auto version = reinterpret_cast<const Version* (*)()>(dlsym(handle, "dnnl_version"));
  if (!result.sgemm) {
    result.problem = "the oneDNN library found lacks dnnl_sgemm";
    return result;
  }
  if (version) {
    const Version* v = version();
    result.version =
        "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  }
  return result;
}

const OneDnn& oneDnn() {
  static const OneDnn instance = open();
  return instance;
}

Precision currentPrecision = Precision::kFloat32;

void check(int status, const char* name, int64_t m, int64_t n, int64_t k) {
  if (status == 0) return;
  throw Error(std::string(name) + " failed with status " + std::to_string(status) + " for m=" + std::to_string(m) +
              " n=" + std::to_string(n) + " k=" + std::to_string(k));
}

void scaleOnly(int64_t m, int64_t n, float beta, float* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = beta == 0.0f ? 0.0f : beta * c[i * ldc + j];
}

}  // namespace

std::string openOneDnn() { return oneDnn().problem; }
std::string oneDnnVersion() { return oneDnn().version; }

bool hasBf16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return oneDnn().bf16 && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
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

void gemmFloat32(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scaleOnly(m, n, beta, c, ldc);
  const SignalsHeld held;
  check(oneDnn().sgemm(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc),
        "dnnl_sgemm", m, n, k);
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
  check(oneDnn().bf16(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, alpha, a16, columnsA, b16, columnsB,
                      beta, c, ldc),
        "dnnl_gemm_bf16bf16f32", m, n, k);
}

void gemmBf16(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, const uint16_t* a, int64_t lda,
              const uint16_t* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scaleOnly(m, n, beta, c, ldc);
  const SignalsHeld held;
  check(oneDnn().bf16(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc),
        "dnnl_gemm_bf16bf16f32", m, n, k);
}

}  // namespace scmoe
