#pragma once
#include <algorithm>
#include <cstdint>

#include "core/arena.h"

namespace scmoe {

/// Sums of columns, those of each part by themselves: the gradient of a bias.
class ColumnSums {
 public:
  ColumnSums(Arena::Scope& scope, int64_t parts, int64_t columns)
      : parts_(parts), columns_(columns), sums_(scope.take<float>(parts * columns)) {
    std::fill(sums_, sums_ + parts * columns, 0.0f);
  }
  float* of(int64_t part) const { return sums_ + part * columns_; }
  void add(int64_t part, int64_t count, const float* row) const {
    float* const to = of(part);
#pragma omp simd
    for (int64_t j = 0; j < count; ++j) to[j] += row[j];
  }
  /// In the order of the parts: the result repeats.
  void write(float* to) const {
    std::copy(sums_, sums_ + columns_, to);
    for (int64_t part = 1; part < parts_; ++part)
      for (int64_t j = 0; j < columns_; ++j) to[j] += sums_[part * columns_ + j];
  }

 private:
  const int64_t parts_, columns_;
  float* const sums_;
};

}  // namespace scmoe
