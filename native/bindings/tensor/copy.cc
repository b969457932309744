#include "bindings/args.h"
#include "bindings/tensor/strided.h"
#include "cpu/cast.h"
#include "cpu/gather.h"
#include "cpu/select.h"
#include "cpu/strided_copy.h"

using namespace scmoe;

static int elementBytes(const Args& args, size_t index) { return elementType(args, index) == ElementType::kBool ? 1 : 4; }

/// (source, sourceOffset, target, targetOffset, walk): offsets in elements.
SCMOE_EXPORT(copyStrided) {
  const int bytes = elementBytes(args, 0);
  copyStrided(bytes, static_cast<const char*>(args.data(0)) + args.i(1) * bytes,
              static_cast<char*>(args.data(2)) + args.i(3) * bytes, readWalk<2>(args, 4));
  return nullptr;
}

/// (x, out): to out's type.
SCMOE_EXPORT(cast) {
  cast(elementType(args, 0), args.data(0), elementType(args, 1), args.data(1), args.length(1));
  return nullptr;
}

/// (condition, whenTrue, whenFalse, out)
SCMOE_EXPORT(select) {
  select(elementBytes(args, 3), args.bytes(0), args.data(1), args.data(2), args.data(3), args.length(3));
  return nullptr;
}

/// (x, indices, out, batch, outer, dim, count, slice) -> -1 or the position of an index out of range
SCMOE_EXPORT(gather) {
  return toJs(args.env(), static_cast<double>(gather(elementBytes(args, 0), args.data(0), args.ints(1), args.data(2),
                                                     args.i(3), args.i(4), args.i(5), args.i(6), args.i(7))));
}

static SliceIndex sliceIndex(const Args& args, size_t strides, size_t rows) {
  return {args.length(strides), static_cast<const double*>(args.data(strides)), args.i(rows)};
}

/// (x, indices, out, strides: Float64Array, rows, count, slice) -> -1 or the first tuple out of range
SCMOE_EXPORT(gatherNd) {
  return toJs(args.env(), static_cast<double>(gatherNd(elementBytes(args, 0), args.data(0), args.ints(1),
                                                       sliceIndex(args, 3, 4), args.data(2), args.i(5), args.i(6))));
}

/// (updates, indices, out, strides: Float64Array, rows, count, slice, skipInvalid) -> -1 or the first tuple out of range
SCMOE_EXPORT(scatterAdd) {
  return toJs(args.env(),
              static_cast<double>(scatterAdd(elementType(args, 0), args.ints(1), sliceIndex(args, 3, 4), args.data(0),
                                             args.data(2), args.i(5), args.i(6), args.flag(7))));
}
