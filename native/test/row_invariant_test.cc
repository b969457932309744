#include "cpu/row_invariant.h"

#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "cpu/gemm.h"
#include "test/check.h"

using namespace scmoe;
using testing::skip;

namespace {

void needInvariance() {
  const std::string problem = openOneDnn();
  if (!problem.empty()) skip(problem);
  if (!rowsDependOnTheirNumber()) skip("oneDNN uses no AVX2 kernels here: gemm() is its product as it is");
}

/// Repeatable values in [-1, 1): a linear congruential generator.
std::vector<float> values(int64_t count, uint32_t seed) {
  std::vector<float> result(count);
  for (float& value : result) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return result;
}

struct WithThreads {
  explicit WithThreads(int count) : before(threads()) { setThreads(count); }
  ~WithThreads() { setThreads(before); }
  const int before;
};

/// The product of `m` rows that are all the same, and of a C before it whose rows are all the same: so are the rows of
/// the result, whatever m is.
struct SameRows {
  SameRows(bool transpose, int64_t columns, int64_t depth, float onto)
      : transposeB(transpose),
        n(columns),
        k(depth),
        beta(onto),
        row(values(k, 1)),
        b(values(n * k, 2)),
        before(values(n, 3)) {}

  std::vector<float> of(int64_t m) const {
    const int64_t lda = k + 3, ldc = n + 2;
    std::vector<float> a(m * lda), c(m * ldc);
    for (int64_t i = 0; i < m; ++i) {
      std::memcpy(a.data() + i * lda, row.data(), k * sizeof(float));
      std::memcpy(c.data() + i * ldc, before.data(), n * sizeof(float));
    }
    gemmFloat32(false, transposeB, m, n, k, 1.0f, a.data(), lda, b.data(), transposeB ? k : n, beta, c.data(), ldc);
    std::vector<float> result;
    for (int64_t i = 0; i < m; ++i) result.insert(result.end(), c.begin() + i * ldc, c.begin() + i * ldc + n);
    return result;
  }

  const bool transposeB;
  const int64_t n, k;
  const float beta;
  const std::vector<float> row, b, before;
};

void expectSameBits(const SameRows& product, const std::vector<int64_t>& counts) {
  const std::vector<float> expected = product.of(6);
  for (const int64_t m : counts) {
    const std::vector<float> actual = product.of(m);
    for (int64_t i = 0; i < m; ++i) {
      if (std::memcmp(actual.data() + i * product.n, expected.data(), product.n * sizeof(float)) == 0) continue;
      std::ostringstream message;
      message << "row " << i << " of " << m << " has other bits, n=" << product.n << " k=" << product.k
              << (product.transposeB ? " transposed" : "") << " beta=" << product.beta << " threads=" << threads();
      throw testing::Failure(message.str());
    }
  }
}

const std::vector<int64_t> kCounts = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 24, 25, 63, 64, 65, 97, 193, 194, 260};

}  // namespace

TEST(a_row_has_the_same_bits_however_many_rows_there_are) {
  needInvariance();
  for (const int count : {1, 2, 3}) {
    const WithThreads team(count);
    for (const bool transposeB : {false, true})
      for (const int64_t k : {1, 7, 16, 255, 256, 257, 400, 511, 513, 900})
        for (const int64_t n : {1, 2, 8, 15, 16, 17, 24, 31, 33, 64, 100})
          expectSameBits(SameRows(transposeB, n, k, 0.0f), kCounts);
  }
}

TEST(and_on_what_was_there_before) {
  needInvariance();
  const WithThreads team(2);
  for (const float beta : {1.0f, 0.5f})
    for (const bool transposeB : {false, true})
      for (const int64_t n : {1, 16, 33}) expectSameBits(SameRows(transposeB, n, 300, beta), {1, 2, 3, 7, 8, 9, 50});
}

TEST(and_in_wide_products) {
  needInvariance();
  for (const int count : {1, 2}) {
    const WithThreads team(count);
    for (const bool transposeB : {false, true})
      for (const int64_t n : {4031, 4033, 5000, 12345})
        expectSameBits(SameRows(transposeB, n, 40, 0.0f), {1, 2, 9, 200});
  }
}

TEST(and_in_long_ones) {
  needInvariance();
  const WithThreads team(2);
  // Few columns, which oneDNN does not copy, and little depth, which it does: with a column left over and without.
  for (const bool transposeB : {false, true}) {
    expectSameBits(SameRows(transposeB, 96, 700, 0.0f), {1, 3000});
    for (const int64_t n : {592, 593, 600}) expectSameBits(SameRows(transposeB, n, 384, 0.0f), {1, 400, 1001});
  }
}

TEST(the_sum_of_a_row_is_that_of_its_definition) {
  needInvariance();
  const int64_t n = 48, k = 777;
  for (const bool transposeB : {false, true}) {
    const SameRows product(transposeB, n, k, 0.0f);
    for (const int64_t m : {1, 2, 7}) {
      const std::vector<float> actual = product.of(m);
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p) sum += double{product.row[p]} * product.b[transposeB ? j * k + p : p * n + j];
        for (int64_t i = 0; i < m; ++i) CHECK_CLOSE(actual[i * n + j], sum, k * 6e-8);
      }
    }
  }
}
