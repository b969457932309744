#include "cpu/batch_matmul.h"

#include "core/parallel.h"
#include "cpu/gemm.h"

namespace scmoe {

namespace {

/// Products of this many multiplications or fewer are done before others have looked at their arguments. No more than
/// kDepth, so that each element is summed in one piece as in the others.
constexpr int64_t kTiny = 384;

void tiny(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, const float* a, const float* b,
          float* out) {
  const int64_t rowA = transposeA ? 1 : k, stepA = transposeA ? m : 1;
  const int64_t columnB = transposeB ? k : 1, stepB = transposeB ? 1 : n;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      float sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += a[i * rowA + p * stepA] * b[j * columnB + p * stepB];
      out[i * n + j] = sum;
    }
  }
}

}  // namespace

void batchMatMul(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, const float* a, const float* b,
                 float* out, Strided<2> batches) {
  const int64_t count = batches.elements();
  if (count == 0) return;
  batches.collapse();
  // One product for all batches where b is the same for all: their rows of a follow each other.
  if (count > 1 && batches.rank == 1 && batches.stride[0][0] == 1 && batches.stride[1][0] == 0 && !transposeA) {
    gemm(transposeA, transposeB, m * count, n, k, 1, a, k, b, transposeB ? k : n, 0, out, n);
    return;
  }
  const bool isTiny = m * n * k <= kTiny && precision() == Precision::kFloat32;
  const auto one = [&](int64_t indexA, int64_t indexB, int64_t index) {
    const float* left = a + indexA * m * k;
    const float* right = b + indexB * k * n;
    float* target = out + index * m * n;
    if (isTiny)
      tiny(transposeA, transposeB, m, n, k, left, right, target);
    else
      gemm(transposeA, transposeB, m, n, k, 1, left, transposeA ? m : k, right, transposeB ? k : n, 0, target, n);
  };
  // forRows leaves out the innermost dimension: one of size 1 is added for it.
  batches.size[batches.rank++] = 1;
  // Matrices that are too small to be worth several threads each are shared out whole.
  const int64_t work = m * n * k;
  const int64_t grain = work >= 2000000 ? count : 500000 / (work + 1) + 1;
  parallelFor(count, grain, [&](int64_t begin, int64_t end) {
    int64_t index = begin;
    batches.forRows(begin, end, [&](const std::array<int64_t, 2>& offset) { one(offset[0], offset[1], index++); });
  });
}

}  // namespace scmoe
