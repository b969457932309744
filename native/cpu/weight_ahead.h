#pragma once
#include <algorithm>
#include <cstdint>

namespace scmoe {

/// What a run of products tells each other of weights that follow in memory's time: while one multiplies, it asks for
/// the next one's weight, of as many numbers as its own.
struct WeightAhead {
  /// The weight that the next product reads, null where nobody knows.
  const float* next = nullptr;
  /// The weight that a product has asked for.
  const float* near = nullptr;
};

/// What is asked for while a product is made, in the order of memory, so many lines at each depth of a tile: a core has
/// only so many misses under way.
class Asking {
 public:
  Asking() = default;
  /// @param steps depths of all tiles to come
  Asking(const float* from, int64_t count, int64_t steps) {
    const int64_t lines = count / kLine;
    if (from == nullptr || lines == 0 || steps == 0) return;
    at_ = from;
    last_ = from + (lines - 1) * kLine;
    perStep_ = static_cast<int>(std::min<int64_t>((lines + steps - 1) / steps, 4));
  }

  [[gnu::always_inline]] void step() {
    for (int line = 0; line < perStep_; ++line) {
      __builtin_prefetch(at_, 0, 2);
      at_ += at_ < last_ ? kLine : 0;
    }
  }

 private:
  static constexpr int64_t kLine = 16;  // numbers of a cache line
  const float *at_ = nullptr, *last_ = nullptr;
  int perStep_ = 0;
};

/// The part of the next product's weight that stands for columns [first, last) of `columns`: nothing where there is
/// none, or where it would not stay in the second-level cache.
struct PartAhead {
  const float* from = nullptr;
  int64_t count = 0;

  PartAhead(const WeightAhead* ahead, int64_t numbers, int64_t first, int64_t last, int64_t columns) {
    constexpr int64_t kMost = (int64_t{1} << 19) / sizeof(float);
    if (ahead == nullptr || ahead->next == nullptr || numbers > kMost) return;
    const int64_t begin = numbers * first / columns, end = numbers * last / columns;
    from = ahead->next + begin;
    count = end - begin;
  }
};

/// Says that the next weight has been asked for.
inline void tell(WeightAhead* ahead, int64_t numbers) {
  if (ahead != nullptr) ahead->near = PartAhead(ahead, numbers, 0, 1, 1).from;
}

inline bool isNear(const WeightAhead* ahead, const float* weight) { return ahead != nullptr && ahead->near == weight; }

}  // namespace scmoe
