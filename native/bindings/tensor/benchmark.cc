#include <algorithm>
#include <chrono>
#include <vector>

#include "core/aligned_memory.h"
#include "cpu/gemm.h"
#include "signatures/tensor/runtime.h"

using namespace scmoe;

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
