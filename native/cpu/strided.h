#pragma once
#include <array>
#include <cstdint>

namespace scmoe {

/// Ranks that the strided kernels take; TF.js's own limit is 6, Tile doubles it by splitting every dimension.
constexpr int kMaxRank = 12;

/// Walk over `rank` dimensions, outermost first, in which each of `Operands` arrays advances by its own stride (in
/// elements; 0 repeats, negative runs backwards).
template <int Operands>
struct Strided {
  int rank = 0;
  int64_t size[kMaxRank];
  int64_t stride[Operands][kMaxRank];

  int64_t elements() const {
    int64_t product = 1;
    for (int d = 0; d < rank; ++d) product *= size[d];
    return product;
  }

  /// Joins neighbouring dimensions that every operand walks through as if they were one, and drops those of size 1, so
  /// that the innermost loop is as long as it can be. At least one dimension remains.
  void collapse() {
    int kept = 0;
    for (int d = 0; d < rank; ++d) {
      if (size[d] == 1) continue;
      bool joins = kept > 0;
      for (int o = 0; joins && o < Operands; ++o) joins = stride[o][kept - 1] == stride[o][d] * size[d];
      if (joins) {
        size[kept - 1] *= size[d];
      } else {
        size[kept++] = size[d];
      }
      for (int o = 0; o < Operands; ++o) stride[o][kept - 1] = stride[o][d];
    }
    if (kept == 0) {
      size[kept++] = 1;
      for (int o = 0; o < Operands; ++o) stride[o][0] = 1;
    }
    rank = kept;
  }

  /// Calls row(offsets) for rows [begin, end) of the walk without its innermost dimension.
  template <typename Row>
  void forRows(int64_t begin, int64_t end, const Row& row) const {
    int64_t index[kMaxRank];
    std::array<int64_t, Operands> offset{};
    int64_t rest = begin;
    for (int d = rank - 2; d >= 0; --d) {
      index[d] = rest % size[d];
      rest /= size[d];
      for (int o = 0; o < Operands; ++o) offset[o] += index[d] * stride[o][d];
    }
    for (int64_t i = begin; i < end; ++i) {
      row(offset);
      for (int d = rank - 2; d >= 0; --d) {
        if (++index[d] < size[d]) {
          for (int o = 0; o < Operands; ++o) offset[o] += stride[o][d];
          break;
        }
        index[d] = 0;
        for (int o = 0; o < Operands; ++o) offset[o] -= (size[d] - 1) * stride[o][d];
      }
    }
  }
};

}  // namespace scmoe
