#pragma once
#include <cstdint>

#include "cpu/element_type.h"

namespace scmoe {

/// out[b, o, i, :] = x[b, o, indices[b, i], :] for x (batch, outer, dim, slice), indices (batch, count), elements of
/// `elementBytes`. Returns -1, or the position of the first index outside [0, dim), having copied nothing.
int64_t gather(int64_t elementBytes, const void* x, const int32_t* indices, void* out, int64_t batch, int64_t outer,
               int64_t dim, int64_t count, int64_t slice);

/// How a tuple of indices addresses one of `rows` slices of a tensor: the dot product with `strides`.
struct SliceIndex {
  int64_t length;          // indices per tuple
  const int64_t* strides;  // in slices
  int64_t rows;
};

/// out[i, :] = x[tuple i, :] with `slice` elements each. Returns -1, or the first tuple that leads outside.
int64_t gatherNd(int64_t elementBytes, const void* x, const int32_t* indices, SliceIndex index, void* out,
                 int64_t count, int64_t slice);

/// out (rows, slice) = 0, then out[tuple i, :] += updates[i, :], in the order of i. Returns -1, or the first tuple that
/// leads outside; with `skipInvalid` such tuples are left out instead.
int64_t scatterAdd(ElementType type, const int32_t* indices, SliceIndex index, const void* updates, void* out,
                   int64_t count, int64_t slice, bool skipInvalid);

}  // namespace scmoe
