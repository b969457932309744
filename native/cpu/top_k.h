#pragma once
#include <cstdint>

namespace scmoe {

/// The k largest of each row of x (rows, columns), in descending order, the first of equal ones first: values and
/// indices (rows, k). NaN counts as larger than everything. 1 <= k <= columns. T is float or int32_t.
template <typename T>
void topK(const T* x, T* values, int32_t* indices, int64_t rows, int64_t columns, int64_t k);

}  // namespace scmoe
