#include "cpu/blocked_gemm.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "test/check.h"
#include "test/numbers.h"
#include "test/with_threads.h"

using namespace scmoe;
using testing::skip;
using testing::values;
using testing::WithThreads;

namespace {

void needBlockedGemm() {
  if (!hasBlockedGemm()) skip("this build has no products of its own");
}

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
    blockedGemm(false, transposeB, m, n, k, 1.0f, a.data(), lda, b.data(), transposeB ? k : n, beta, c.data(), ldc);
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

// Around tiles of six, the rows for which B is read in place (two, twelve), and blocks of 96.
const std::vector<int64_t> kCounts = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 18, 31, 97, 194};

}  // namespace

TEST(a_row_has_the_same_bits_however_many_rows_there_are) {
  needBlockedGemm();
  for (const int count : {1, 2, 3}) {
    const WithThreads team(count);
    for (const bool transposeB : {false, true})
      for (const int64_t k : {1, 7, 16, 383, 384, 385, 769, 900})
        for (const int64_t n : {1, 8, 15, 16, 17, 33, 100}) expectSameBits(SameRows(transposeB, n, k, 0.0f), kCounts);
  }
}

TEST(and_on_what_was_there_before) {
  needBlockedGemm();
  const WithThreads team(2);
  for (const float beta : {1.0f, 0.5f})
    for (const bool transposeB : {false, true})
      for (const int64_t n : {1, 16, 33}) expectSameBits(SameRows(transposeB, n, 300, beta), {1, 2, 3, 7, 8, 9, 50});
}

TEST(and_in_wide_products) {
  needBlockedGemm();
  for (const int count : {1, 2}) {
    const WithThreads team(count);
    for (const bool transposeB : {false, true})
      for (const int64_t n : {4031, 4033, 5000, 12345})
        expectSameBits(SameRows(transposeB, n, 40, 0.0f), {1, 2, 9, 200});
  }
}

TEST(and_of_matrices_too_large_for_the_caches) {
  needBlockedGemm();
  for (const int count : {1, 2}) {
    const WithThreads team(count);
    for (const float beta : {0.0f, 1.0f})
      expectSameBits(SameRows(false, 2117, 601, beta), {1, 2, 3, 4, 5, 7, 8, 9, 13, 20});
  }
}

TEST(packed_columns_give_the_same_bits) {
  needBlockedGemm();
  const WithThreads team(2);
  for (const bool transposeB : {false, true})
    for (const int64_t k : {1, 40, 384, 385, 1000})
      for (const int64_t n : {1, 15, 16, 200}) {
        const SameRows product(transposeB, n, k, 0.0f);
        const std::vector<float> expected = product.of(1);
        Arena::Scope scope;
        const PackedColumns packed(scope, transposeB, n, k, product.b.data(), transposeB ? k : n);
        for (const int64_t m : {1, 5, 97, 200}) {
          std::vector<float> a, c(m * n, NAN);
          for (int64_t i = 0; i < m; ++i) a.insert(a.end(), product.row.begin(), product.row.end());
          packed.multiply(m, a.data(), k, c.data(), n);
          for (int64_t i = 0; i < m; ++i) CHECK(std::memcmp(c.data() + i * n, expected.data(), n * sizeof(float)) == 0);
        }
      }
}

TEST(every_orientation_equals_the_naive_product_at_the_edges_of_blocks) {
  needBlockedGemm();
  struct Shape {
    int64_t m, n, k;
  };
  // Rows by 6 and 96, columns by 16 and 1,024, depths by 384 and 768.
  const Shape shapes[] = {{1, 1, 1},   {2, 16, 768},   {4, 33, 385},    {5, 15, 8},     {6, 17, 767},
                          {7, 48, 40}, {95, 31, 1000}, {103, 1040, 12}, {200, 40, 400}, {13, 1025, 769}};
  for (const int count : {1, 3}) {
    const WithThreads team(count);
    for (const auto& [m, n, k] : shapes)
      for (int flags = 0; flags < 4; ++flags) {
        const bool transposeA = flags & 1, transposeB = flags & 2;
        const int64_t lda = (transposeA ? m : k) + 3, ldb = (transposeB ? k : n) + 1, ldc = n + 2;
        const std::vector<float> a = values((transposeA ? k : m) * lda, 1), b = values((transposeB ? n : k) * ldb, 2);
        const std::vector<float> before = values(m * ldc, 3);
        std::vector<double> sums(m * n);
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j)
            for (int64_t p = 0; p < k; ++p)
              sums[i * n + j] +=
                  double{transposeA ? a[p * lda + i] : a[i * lda + p]} * (transposeB ? b[j * ldb + p] : b[p * ldb + j]);
        for (const float beta : {0.0f, 1.0f, 2.0f})
          for (const float alpha : {1.0f, 0.5f}) {
            std::vector<float> c = before;
            blockedGemm(transposeA, transposeB, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
            for (int64_t i = 0; i < m; ++i)
              for (int64_t j = 0; j < ldc; ++j) {
                const double old = before[i * ldc + j];
                // Half a unit in the last place of a float32 below 1.
                if (j < n)
                  CHECK_CLOSE(c[i * ldc + j], alpha * sums[i * n + j] + beta * old, k * 6e-8 + 1e-6);
                else
                  CHECK(c[i * ldc + j] == before[i * ldc + j]);
              }
          }
      }
  }
}

TEST(what_was_there_before_is_gone_with_beta_0) {
  needBlockedGemm();
  for (const int64_t m : {1, 7}) {
    const std::vector<float> a = values(m * 5, 1), b = values(5 * 19, 2);
    std::vector<float> c(m * 19, NAN);
    blockedGemm(false, false, m, 19, 5, 1.0f, a.data(), 5, b.data(), 19, 0.0f, c.data(), 19);
    for (const float value : c) CHECK(std::isfinite(value));
  }
}

TEST(and_in_long_ones) {
  needBlockedGemm();
  const WithThreads team(2);
  for (const bool transposeB : {false, true}) {
    expectSameBits(SameRows(transposeB, 96, 700, 0.0f), {1, 3000});
    for (const int64_t n : {592, 593, 600}) expectSameBits(SameRows(transposeB, n, 384, 0.0f), {1, 400, 1001});
  }
}

TEST(the_sum_of_a_row_is_that_of_its_definition) {
  needBlockedGemm();
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
