#pragma once
#include <cstdint>

namespace scmoe {

/// Depths up to this one are summed in one piece.
constexpr int64_t kDepth = 384;

/// Calls body(begin, size) for the depths that are summed each by itself: kDepth, and the last two of equal size. They
/// depend on k alone, so every way of making a product of our own gives the same bits.
template <typename Body>
void forDepths(int64_t k, const Body& body) {
  for (int64_t begin = 0, size; begin < k; begin += size) {
    const int64_t rest = k - begin;
    size = rest >= 2 * kDepth ? kDepth : rest > kDepth ? (rest + 1) / 2 : rest;
    body(begin, size);
  }
}

/// The same for the depths that oneDNN sums each by itself with AVX-512, of what operand_kinds.h calls a kind: in bf16
/// they are others, and even but for the last.
template <typename Kind, typename Body>
void forLibraryDepths(int64_t k, const Body& body) {
  if (Kind::kDepths == 1) return forDepths(k, body);
  constexpr int64_t kWhole = 384, kBlock = 768;
  for (int64_t begin = 0, size; begin < k; begin += size) {
    const int64_t rest = k - begin;
    const bool halves = rest < 2 * kBlock && (rest > kBlock || (begin == 0 && rest > kWhole));
    size = rest >= 2 * kBlock ? kBlock : halves ? (rest / 2 + 1) / 2 * 2 : rest;
    body(begin, size);
  }
}

}  // namespace scmoe
