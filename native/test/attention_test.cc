#include "cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/cpu_features.h"
#include "core/parallel.h"
#include "cpu/gemm.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::skip;
using testing::values;

namespace {

struct Results {
  std::vector<float> out, logsumexp, dQ, dK, dV;
};

Results run(const AttentionShape& shape, bool masked, Precision chosen) {
  const int64_t width = shape.heads * shape.size, keyWidth = shape.kvHeads * shape.size;
  const int64_t numQueries = shape.batch * shape.queries * width, numKeys = shape.batch * shape.keys * keyWidth;
  const auto q = values(numQueries, 1), k = values(numKeys, 2), v = values(numKeys, 3), dOut = values(numQueries, 4);
  std::vector<uint8_t> mask(shape.batch * shape.keys);
  for (size_t i = 0; i < mask.size(); ++i) mask[i] = i % 5 != 2;
  const uint8_t* const seen = masked ? mask.data() : nullptr;
  Results r = {std::vector<float>(numQueries), std::vector<float>(shape.batch * shape.heads * shape.queries),
               std::vector<float>(numQueries), std::vector<float>(numKeys), std::vector<float>(numKeys)};
  const Precision before = precision();
  setPrecision(chosen);
  attention(shape, q.data(), k.data(), v.data(), seen, r.out.data(), r.logsumexp.data());
  attentionBackward(shape, dOut.data(), q.data(), k.data(), v.data(), seen, r.out.data(), r.logsumexp.data(),
                    r.dQ.data(), r.dK.data(), r.dV.data());
  setPrecision(before);
  return r;
}

/// Within `tolerance` of the largest number that is expected.
void checkNear(const std::vector<float>& got, const std::vector<float>& expected, double tolerance) {
  float largest = 0;
  for (const float value : expected)
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == expected[i]) continue;  // infinities as well
    CHECK_CLOSE(got[i], expected[i], tolerance * largest);
  }
}

void needPairs() {
  if ((compiledCpuFeatures & kAvx512Bf16) == 0) skip("this build multiplies no pairs of bf16");
}

AttentionShape shapeOf(int64_t queries, int64_t keys, int64_t heads, int64_t kvHeads, int64_t size, bool causal,
                       RopeStyle rope) {
  return {2, queries, keys, heads, kvHeads, size, causal, rope, 10000.0, 1.0f / std::sqrt(static_cast<float>(size))};
}

// Sizes with and without room to the next vector, odd lengths, several blocks of keys and of queries.
const AttentionShape kShapes[] = {
    shapeOf(33, 33, 2, 2, 32, true, RopeStyle::kNone),   shapeOf(97, 97, 4, 2, 24, true, RopeStyle::kHalf),
    shapeOf(61, 301, 2, 1, 40, true, RopeStyle::kNone),  shapeOf(50, 75, 3, 3, 5, false, RopeStyle::kNone),
    shapeOf(64, 513, 2, 2, 64, false, RopeStyle::kNone),
};

}  // namespace

TEST(attention_in_bf16_is_that_in_float32_within_what_operands_lose) {
  needPairs();
  for (const AttentionShape& shape : kShapes)
    for (const bool masked : {false, true}) {
      const Results exact = run(shape, masked, Precision::kFloat32), got = run(shape, masked, Precision::kBf16);
      // 2^-9 of each operand.
      checkNear(got.out, exact.out, 8e-3);
      checkNear(got.logsumexp, exact.logsumexp, 4e-3);
      checkNear(got.dQ, exact.dQ, 2e-2);
      checkNear(got.dK, exact.dK, 2e-2);
      checkNear(got.dV, exact.dV, 1e-2);
    }
}

TEST(attention_in_bf16_rounds_its_operands) {
  needPairs();
  const Results exact = run(kShapes[0], false, Precision::kFloat32), got = run(kShapes[0], false, Precision::kBf16);
  CHECK(got.out != exact.out);
  CHECK(got.dK != exact.dK);
}

TEST(attention_has_the_same_bits_again_and_with_other_numbers_of_threads_where_heads_are_whole) {
  const int before = threads();
  for (const Precision chosen : {Precision::kFloat32, Precision::kBf16}) {
    setThreads(1);
    const Results one = run(kShapes[1], true, chosen);
    setThreads(2);
    const Results two = run(kShapes[1], true, chosen);
    setThreads(before);
    CHECK(std::memcmp(one.out.data(), two.out.data(), one.out.size() * sizeof(float)) == 0);
    CHECK(std::memcmp(one.dK.data(), two.dK.data(), one.dK.size() * sizeof(float)) == 0);
  }
}

TEST(attention_of_a_query_has_the_same_bits_whatever_follows_it) {
  for (const Precision chosen : {Precision::kFloat32, Precision::kBf16}) {
    // As many numbers before those that follow: one sequence, without rotation, from one head.
    AttentionShape shape = shapeOf(209, 209, 1, 1, 40, true, RopeStyle::kNone);
    shape.batch = 1;
    const Results whole = run(shape, false, chosen);
    for (const int64_t length : {9, 64, 101}) {
      shape.queries = shape.keys = length;
      const Results part = run(shape, false, chosen);
      CHECK(std::memcmp(part.out.data(), whole.out.data(), part.out.size() * sizeof(float)) == 0);
      CHECK(std::memcmp(part.logsumexp.data(), whole.logsumexp.data(), part.logsumexp.size() * sizeof(float)) == 0);
    }
  }
}
