#include "cpu/dropout.h"

#include <algorithm>

#include "core/parallel.h"

namespace scmoe {

namespace {

inline void philox(uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t* words) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xd2511f53} * c0, product1 = uint64_t{0xcd9e8d57} * c2;
    const uint32_t next0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ k0;
    const uint32_t next2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(product1);
    c3 = static_cast<uint32_t>(product0);
    c0 = next0;
    c2 = next2;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

}  // namespace

void dropout(int64_t count, const float* x, float rate, uint64_t seed, uint64_t stream, float* y) {
  const float scale = 1.0f / (1.0f - rate);
  const uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  const uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
  constexpr int64_t kBlocks = 64;  // a run of blocks at a time: the loop over blocks vectorises
  const int64_t blocks = (count + 3) / 4;
  parallelFor((blocks + kBlocks - 1) / kBlocks, 32, [&](int64_t begin, int64_t end) {
    uint32_t words[4 * kBlocks];
    for (int64_t run = begin; run < end; ++run) {
      const uint64_t first = static_cast<uint64_t>(run) * kBlocks;
#pragma omp simd
      for (int64_t b = 0; b < kBlocks; ++b)
        philox(k0, k1, static_cast<uint32_t>(first + b), static_cast<uint32_t>((first + b) >> 32), c2, c3,
               words + 4 * b);
      const int64_t start = run * kBlocks * 4, length = std::min<int64_t>(4 * kBlocks, count - start);
#pragma omp simd
      for (int64_t i = 0; i < length; ++i) {
        const float uniform = static_cast<float>(static_cast<int32_t>(words[i] >> 8)) * 5.9604644775390625e-8f;
        y[start + i] = uniform >= rate ? x[start + i] * scale : 0.0f;
      }
    }
  });
}

}  // namespace scmoe
