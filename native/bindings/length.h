#pragma once
#include <cstdint>
#include <limits>

namespace scmoe {

/// No array has more elements than this: sizes beyond it are mistakes, and products of two sizes within it are told
/// apart from small numbers by Length.
constexpr int64_t kMaxSize = int64_t{1} << 40;

/// A number of elements that is worked out without overflow: what is too large stays too large.
struct Length {
  int64_t value;
};

inline Length operator*(Length a, Length b) {
  int64_t result;
  return {__builtin_mul_overflow(a.value, b.value, &result) ? std::numeric_limits<int64_t>::max() : result};
}

inline Length operator+(Length a, Length b) {
  int64_t result;
  return {__builtin_add_overflow(a.value, b.value, &result) ? std::numeric_limits<int64_t>::max() : result};
}

}  // namespace scmoe
