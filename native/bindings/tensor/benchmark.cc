#include <algorithm>
#include <chrono>
#include <vector>

#include "bindings/args.h"
#include "core/scratch.h"
#include "cpu/gemm.h"

using namespace scmoe;

/// (m, n, k, repeats) -> median seconds of one product called from C++ in the current precision, warm, without
/// JavaScript between the calls: what the products of the backend are compared with.
SCMOE_EXPORT(benchmarkProduct) {
  const int64_t m = args.i(0), n = args.i(1), k = args.i(2);
  const size_t repeats = static_cast<size_t>(args.i(3));
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
  alignedFree(a, bytes);
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return toJs(args.env(), seconds[seconds.size() / 2]);
}
