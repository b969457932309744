#pragma once
#include <cstdint>

namespace scmoe {

/// Blocks of four words that are made at a time: the loop over them vectorises.
constexpr int64_t kPhiloxBlocks = 64;
constexpr int64_t kPhiloxWords = 4 * kPhiloxBlocks;

/// Which words: those of random/philox.ts.
struct PhiloxSequence {
  uint64_t seed, stream;
};

/// One block of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
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

/// The words of kPhiloxBlocks blocks from `first` on.
inline void philoxWords(PhiloxSequence sequence, uint64_t first, uint32_t* words) {
  const uint32_t k0 = static_cast<uint32_t>(sequence.seed), k1 = static_cast<uint32_t>(sequence.seed >> 32);
  const uint32_t c2 = static_cast<uint32_t>(sequence.stream), c3 = static_cast<uint32_t>(sequence.stream >> 32);
#pragma omp simd
  for (int64_t b = 0; b < kPhiloxBlocks; ++b)
    philox(k0, k1, static_cast<uint32_t>(first + b), static_cast<uint32_t>((first + b) >> 32), c2, c3, words + 4 * b);
}

/// A word as a number in [0, 1), a multiple of 2^-24.
inline float uniformOf(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 5.9604644775390625e-8f;
}

}  // namespace scmoe
