#pragma once
#include <cstdint>
#include <cstring>

namespace scmoe {

/// By which numbers are rounded at random: a pair of words of Philox's for each array and step.
struct RoundingKeys {
  uint32_t first, second;
};

/// 32 bits for the number at a place: a mixer of integers (two rounds of multiply and shift), for Philox itself takes
/// longer than an update waits for memory, and rounding asks for no more than that neighbours and steps have nothing to
/// do with each other.
inline uint32_t drawFor(RoundingKeys keys, uint32_t place) {
  uint32_t x = place + keys.first;
  x = (x ^ (x >> 16)) * 0x7feb352d;
  x = ((x ^ (x >> 15)) + keys.second) * 0x846ca68b;
  return x ^ (x >> 16);
}

/// One of the two bf16 neighbours of a number: the farther from 0 where its lower half and `draw` (16 bits) carry,
/// which they do as often as it is near that one. What is no number stays none.
inline uint16_t roundedBy(uint32_t draw, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const bool isNan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>((isNan ? (bits | 0x400000) : bits + draw) >> 16);
}

}  // namespace scmoe
