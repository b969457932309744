#include <algorithm>
#include <chrono>
#include <vector>

#include "core/aligned_memory.h"
#include "core/parallel.h"
#include "cpu/gemm.h"
#include "signatures/tensor/runtime.h"

using namespace scmoe;

/// Read and written where they are, for that is what an optimizer does, and the most that one core gets: what is only
/// written is fetched first.
SCMOE_EXPORT_UNCAPTURED(benchmarkMemory) {
  const auto count = static_cast<int64_t>(args.bytes / sizeof(float));
  float* const numbers = static_cast<float*>(alignedAllocate(static_cast<size_t>(count) * sizeof(float)));
  std::fill(numbers, numbers + count, 1.0f);
  double best = 0;
  for (int64_t i = 0; i < args.repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    parallelFor(count, grainFor(8), [&](int64_t first, int64_t last) {
#pragma omp simd
      for (int64_t j = first; j < last; ++j) numbers[j] = 1.0f - numbers[j];
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    best = std::max(best, 2.0 * static_cast<double>(count) * sizeof(float) / seconds);
  }
  alignedFree(numbers);
  return toJs(call.env(), best);
}

/// Warm, and without JavaScript between the calls: what the products of the backend are compared with.
SCMOE_EXPORT_UNCAPTURED(benchmarkProduct) {
  const int64_t m = args.m, n = args.n, k = args.k;
  const auto repeats = static_cast<size_t>(args.repeats);
  const size_t bytes = static_cast<size_t>(m * k + k * n + m * n) * sizeof(float);
  float* a = static_cast<float*>(alignedAllocate(bytes));
  float* b = a + m * k;
  float* c = b + k * n;
  std::fill(a, c, 0.5f);
  std::vector<double> seconds;
  for (size_t i = 0; i < repeats + 2; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    gemm(false, false, m, n, k, 1.0f, a, k, b, n, 0.0f, c, n);
    if (i >= 2) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  alignedFree(a);
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return toJs(call.env(), seconds[seconds.size() / 2]);
}
