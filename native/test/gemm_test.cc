#include "cpu/gemm.h"

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <pthread.h>
#include <sys/time.h>

#include "core/error.h"
#include "core/parallel.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::skip;
using testing::values;

namespace {

void needOneDnn() {
  const std::string problem = openOneDnn();
  if (!problem.empty()) skip(problem);
}

// What a signal handler may touch. The stack of the test's thread, and how often a handler ran on it and elsewhere.
uintptr_t stackBegin, stackEnd;
volatile sig_atomic_t onStack, offStack;

void countTick(int) {
  const char here = 0;
  const uintptr_t address = reinterpret_cast<uintptr_t>(&here);
  if (address >= stackBegin && address < stackEnd)
    onStack = onStack + 1;
  else
    offStack = offStack + 1;
}

/// A tick of processor time every millisecond while it lives.
struct Ticking {
  Ticking() {
    pthread_attr_t attributes;
    void* lowest;
    size_t size;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    stackBegin = reinterpret_cast<uintptr_t>(lowest);
    stackEnd = stackBegin + size;
    onStack = offStack = 0;
    before = std::signal(SIGPROF, countTick);
    set(1000);
  }
  ~Ticking() {
    set(0);
    std::signal(SIGPROF, before);
  }
  static void set(int microseconds) {
    const itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_PROF, &timer, nullptr);
  }
  void (*before)(int);
};

struct Shape {
  int64_t m, n, k;
};
// One row, one column, odd sizes on both sides of the vector width, and one large enough for several threads.
const Shape kShapes[] = {{1, 1, 1}, {1, 33, 17}, {31, 1, 65}, {17, 19, 23}, {64, 64, 64}, {130, 257, 96}};

/// |op(A) op(B)| entries are sums of k products below 1: the bound on an entry's error is k * unit.
void compareWithNaive(const Shape& shape, bool transposeA, bool transposeB, double unit) {
  const auto [m, n, k] = shape;
  const float alpha = 0.5f, beta = 2.0f;
  const int64_t lda = (transposeA ? m : k) + 3, ldb = (transposeB ? k : n) + 1, ldc = n + 2;
  const std::vector<float> a = values((transposeA ? k : m) * lda, 1), b = values((transposeB ? n : k) * ldb, 2);
  const std::vector<float> before = values(m * ldc, 3);
  std::vector<float> c = before;
  gemm(transposeA, transposeB, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < ldc; ++j) {
      double expected = before[i * ldc + j];
      if (j < n) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p)
          sum += double{transposeA ? a[p * lda + i] : a[i * lda + p]} * (transposeB ? b[j * ldb + p] : b[p * ldb + j]);
        expected = alpha * sum + beta * expected;
      }
      CHECK_CLOSE(c[i * ldc + j], expected, j < n ? k * unit + 1e-6 : 0.0);
    }
  }
}

void compareAll(double unit) {
  for (const Shape& shape : kShapes)
    for (int flags = 0; flags < 4; ++flags) compareWithNaive(shape, flags & 1, flags & 2, unit);
}

/// Restores the process-wide precision however the test ends.
struct WithPrecision {
  explicit WithPrecision(Precision value) : before(precision()) { setPrecision(value); }
  ~WithPrecision() { setPrecision(before); }
  const Precision before;
};

}  // namespace

TEST(float32_equals_the_naive_product_in_every_orientation) {
  needOneDnn();
  // Half a unit in the last place of a float32 below 1.
  compareAll(6e-8);
}

TEST(bf16_equals_the_naive_product_within_the_rounding_of_its_operands) {
  needOneDnn();
  if (!hasBf16()) skip("this CPU has no bf16 products");
  const WithPrecision bf16(Precision::kBf16);
  // Eight bits of significand: each operand is off by up to 2^-9 of itself, their product by 2^-8.
  compareAll(1.0 / 256);
}

TEST(the_float32_product_stays_float32_in_bf16_mode) {
  needOneDnn();
  const WithPrecision bf16(Precision::kBf16);
  const float a = 1.0f + 1.0f / 1024, b = 1.0f;  // 2^-10 is lost in bf16
  float c = 0;
  gemmFloat32(false, false, 1, 1, 1, 1.0f, &a, 1, &b, 1, 0.0f, &c, 1);
  CHECK(c == a);
}

TEST(an_empty_inner_dimension_only_scales) {
  needOneDnn();
  float c[] = {1, 2, 3, 4};
  gemm(false, false, 2, 2, 0, 1.0f, nullptr, 1, nullptr, 2, 0.5f, c, 2);
  CHECK(c[0] == 0.5f && c[3] == 2.0f);
  // With beta 0 whatever was there is gone, NaN too.
  c[0] = NAN;
  gemm(false, false, 2, 2, 0, 1.0f, nullptr, 1, nullptr, 2, 0.0f, c, 2);
  CHECK(c[0] == 0.0f && c[3] == 0.0f);
}

TEST(empty_outputs_are_left_alone) {
  needOneDnn();
  gemm(false, false, 0, 4, 4, 1.0f, nullptr, 4, nullptr, 4, 0.0f, nullptr, 4);
  gemm(false, false, 4, 0, 4, 1.0f, nullptr, 4, nullptr, 1, 0.0f, nullptr, 1);
}

TEST(a_product_repeats_bit_for_bit) {
  needOneDnn();
  const std::vector<float> a = values(96 * 200, 4), b = values(200 * 64, 5);
  std::vector<float> first(96 * 64), second(96 * 64);
  gemm(false, false, 96, 64, 200, 1.0f, a.data(), 200, b.data(), 64, 0.0f, first.data(), 64);
  gemm(false, false, 96, 64, 200, 1.0f, a.data(), 200, b.data(), 64, 0.0f, second.data(), 64);
  CHECK(first == second);
}

TEST(a_signal_never_runs_on_the_borrowed_stack_of_a_product) {
  needOneDnn();
  const int64_t n = 256;
  const std::vector<float> a = values(n * n, 6), b = values(n * n, 7);
  std::vector<float> c(n * n);
  const int teamBefore = threads();
  setThreads(1);
  {
    const Ticking ticking;
    for (int i = 0; i < 100000 && onStack + offStack < 100; ++i)
      gemm(false, false, n, n, n, 1.0f, a.data(), n, b.data(), n, 0.0f, c.data(), n);
  }
  setThreads(teamBefore);
  CHECK(onStack >= 100);
  CHECK(offStack == 0);
}
