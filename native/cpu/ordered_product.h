#pragma once
#include <cstdint>
#include <functional>

namespace scmoe {

/// A weight (dIn, dOut) of float32 products of our own that does not lie as tiles read it.
struct UnorderedWeight {
  int64_t dIn, dOut;
  /// Where its columns lie one behind the other, in whatever order their numbers have.
  const void* first;
  int64_t bytesOfColumn;
  /// Columns that are put in order together, a multiple of kOrderedColumns.
  int64_t together;
  /// Depths [begin, begin + depth) of `columns` columns from `column` on, to panels of kOrderedColumns columns one
  /// behind the other, (depth, 16) each; what is beside the last columns may be any number.
  std::function<void(int64_t column, int64_t columns, int64_t begin, int64_t depth, float* to)> order;
};

constexpr int64_t kOrderedColumns = 16;

/// y (rows, dOut) = x (rows, dIn) weight, with the bits of blockedGemm(), on all threads. Each piece of the weight is
/// put in order just before it is multiplied, in memory that stays in the nearest cache, and what comes next is asked
/// for meanwhile. No size is 0.
void orderedProduct(int64_t rows, const float* x, const UnorderedWeight& weight, float* y);

/// An order: some depths of up to kOrderedColumns columns of a transposed weight, whose element (p, j) is
/// weight[j * dIn + p], to (depth, 16).
void orderTransposed(int64_t depth, int64_t columns, const float* weight, int64_t dIn, float* to);

}  // namespace scmoe
