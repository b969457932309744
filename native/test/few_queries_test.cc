#include "cpu/few_queries.h"

#include <vector>

#include "core/parallel.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::normal;

namespace {

constexpr int64_t kHeads = 6, kKeyHeads = 2, kSize = 32, kKeys = 700;

AttentionShape shapeOf(int64_t queries, int64_t keys, bool causal = true) {
  return {1, queries, keys, kHeads, kKeyHeads, kSize, causal, RopeStyle::kNone, 1e4, 0.2f};
}

struct Result {
  std::vector<float> out, logsumexp;
};

Result run(const AttentionShape& shape, const float* q, const float* k, const float* v, const uint8_t* mask = nullptr) {
  Result result{std::vector<float>(shape.queries * kHeads * kSize), std::vector<float>(kHeads * shape.queries)};
  CHECK(hasFewQueries(shape));
  attentionOfFewQueries(shape, nullptr, q, k, v, mask, result.out.data(), result.logsumexp.data());
  return result;
}

const std::vector<float> q = normal(4 * kHeads * kSize, 1), k = normal(kKeys * kKeyHeads * kSize, 2),
                         v = normal(kKeys * kKeyHeads * kSize, 3);

}  // namespace

TEST(bits_do_not_depend_on_the_threads) {
  setThreads(1);
  const Result alone = run(shapeOf(3, kKeys), q.data(), k.data(), v.data());
  for (int count : {2, 3, 7}) {
    setThreads(count);
    const Result shared = run(shapeOf(3, kKeys), q.data(), k.data(), v.data());
    CHECK(shared.out == alone.out);
    CHECK(shared.logsumexp == alone.logsumexp);
  }
}

TEST(bits_do_not_depend_on_the_queries_beside) {
  setThreads(1);
  const Result alone = run(shapeOf(3, kKeys), q.data(), k.data(), v.data());
  for (int64_t i = 0; i < 3; ++i) {
    const Result single = run(shapeOf(1, kKeys - 2 + i), q.data() + i * kHeads * kSize, k.data(), v.data());
    for (int64_t column = 0; column < kHeads * kSize; ++column)
      CHECK(single.out[column] == alone.out[i * kHeads * kSize + column]);
    for (int64_t head = 0; head < kHeads; ++head) CHECK(single.logsumexp[head] == alone.logsumexp[head * 3 + i]);
  }
}

TEST(keys_that_nobody_sees_change_nothing) {
  setThreads(2);
  std::vector<uint8_t> mask(kKeys, 1);
  std::fill(mask.begin(), mask.begin() + 256, 0);
  const Result masked = run(shapeOf(1, kKeys, false), q.data(), k.data(), v.data(), mask.data());
  const int64_t seen = 256 * kKeyHeads * kSize;
  CHECK(masked.out == run(shapeOf(1, kKeys - 256, false), q.data(), k.data() + seen, v.data() + seen).out);
  std::fill(mask.begin(), mask.end(), 0);
  const Result nothing = run(shapeOf(1, kKeys, false), q.data(), k.data(), v.data(), mask.data());
  for (float value : nothing.out) CHECK(value == 0);
  for (float value : nothing.logsumexp) CHECK(std::isinf(value) && value > 0);
}
