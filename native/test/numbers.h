#pragma once
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

// Numbers for tests: the same ones on every machine and in every run.
namespace scmoe::testing {

/// In [-1, 1): a linear congruential generator. The sequence begins alike whatever its length.
inline std::vector<float> values(int64_t count, uint32_t seed) {
  std::vector<float> result(count);
  for (float& value : result) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return result;
}

/// Of a normal distribution.
inline std::vector<float> normal(int64_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> result(count);
  for (float& value : result) value = distribution(engine);
  return result;
}

/// Unlike ==, which takes -0 for 0 and no NaN for another.
inline bool haveSameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace scmoe::testing
