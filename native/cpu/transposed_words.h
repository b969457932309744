#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cpu/bf16.h"
#include "cpu/simd.h"

/// How kernels read transposed matrices: kLanes rows side by side, turned in registers.
namespace scmoe {

/// Numbers of a row as words of 32 bits: one float, or two of bf16, the first in the lower half.
struct FloatWords {
  using Element = float;
  static constexpr int kPerWord = 1;
  static float number(float element) { return element; }
  template <int Which>
  static Vec numbers(Vec words) {
    return words;
  }
};

struct Bf16Words {
  using Element = uint16_t;
  static constexpr int kPerWord = 2;
  static float number(uint16_t element) { return fromBf16(element); }
  template <int Which>
  static Vec numbers(Vec words) {
    constexpr int32_t kUpper = -65536;
    return Which == 0 ? (Vec)((IntVec)words << 16) : (Vec)((IntVec)words & kUpper);
  }
};

/// Rows of bf16 begin at any even byte.
inline Vec loadWords(const void* from) {
  Vec words;
  std::memcpy(&words, from, sizeof words);
  return words;
}

/// kLanes rows of a matrix (dOut, dIn), columns of the weight from `column` on; where there are fewer before `last` the
/// last one takes the other places.
template <typename Words>
class Panel {
 public:
  using Element = typename Words::Element;
  /// Numbers of a row that are turned at a time.
  static constexpr int64_t kStep = kLanes * Words::kPerWord;

  Panel(const Element* weight, int64_t dIn, int64_t column, int64_t last)
      : next_(column + 2 * kLanes <= last ? weight + (column + kLanes) * dIn : nullptr), dIn_(dIn) {
    for (int lane = 0; lane < kLanes; ++lane) rows_[lane] = weight + std::min(column + lane, last - 1) * dIn;
  }

  /// Numbers from p on of every row.
  [[gnu::always_inline]] void load(int64_t p, Vec (&words)[kLanes]) const {
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; ++lane) words[lane] = loadWords(rows_[lane] + p);
  }

  /// Number p of every row.
  Vec numbers(int64_t p) const {
    Vec result;
    for (int lane = 0; lane < kLanes; ++lane) result[lane] = Words::number(rows_[lane][p]);
    return result;
  }

  /// Numbers before the first that begins a vector's own piece of a cache line: where rows lie so that all of them have
  /// it at the same place, reading from there on crosses no line, which costs a quarter of the speed; 0 elsewhere.
  int64_t head(int64_t p) const {
    constexpr int64_t kBytes = sizeof(Vec), kSize = sizeof(Element);
    const int64_t beyond = static_cast<int64_t>(reinterpret_cast<uintptr_t>(rows_[0] + p) % kBytes);
    return beyond % kSize != 0 || dIn_ * kSize % kBytes != 0 ? 0 : (kBytes - beyond) % kBytes / kSize;
  }

  /// Asks for what of the panel after this one will be read when numbers from p on are: in the order of reading, so
  /// that all of it has the time of one panel to come. Into the second-level cache.
  [[gnu::always_inline]] void askForNext(int64_t p) const {
    constexpr uintptr_t kLine = 64, kBytes = kStep * sizeof(Element);
    if (!next_ || (kBytes < kLine && reinterpret_cast<uintptr_t>(next_ + p) % kLine >= kBytes)) return;
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; ++lane) __builtin_prefetch(next_ + lane * dIn_ + p, 0, 2);
  }

 private:
  const Element* rows_[kLanes];
  const Element* next_;
  const int64_t dIn_;
};

}  // namespace scmoe
