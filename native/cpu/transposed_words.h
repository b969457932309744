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
      : next_(column + 2 * kLanes <= last ? reinterpret_cast<const char*>(weight + (column + kLanes) * dIn) : nullptr) {
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

  /// What is to be asked for while numbers from p on are turned: a piece of the panel after this one, in the order of
  /// memory, which processors foresee. Null where there is none.
  const char* ahead(int64_t p) const { return next_ ? next_ + p * kLanes * int64_t{sizeof(Element)} : nullptr; }

 private:
  const Element* rows_[kLanes];
  const char* next_;
};

/// Asks for as many bytes as a step of a panel has. @returns what comes next
[[gnu::always_inline]] inline const char* askFor(const char* ahead) {
  constexpr int64_t kLine = 64, kBytes = int64_t{4} * kLanes * kLanes;
  if (!ahead) return nullptr;
#pragma GCC unroll 16
  for (int64_t at = 0; at < kBytes; at += kLine) __builtin_prefetch(ahead + at, 0, 2);
  return ahead + kBytes;
}

}  // namespace scmoe
