#include "bindings/args.h"
#include "bindings/tensor/strided.h"
#include "cpu/batch_matmul.h"
#include "cpu/cumulative.h"
#include "cpu/softmax.h"
#include "cpu/top_k.h"

using namespace scmoe;

/// (x, out, rows, columns)
SCMOE_EXPORT(softmax) {
  softmax(args.floats(0), args.floats(1), args.i(2), args.i(3));
  return nullptr;
}

/// (x, out, outer, count, inner, exclusive, reverse)
SCMOE_EXPORT(cumsum) {
  cumsum(elementType(args, 0), args.data(0), args.data(1), args.i(2), args.i(3), args.i(4), args.flag(5),
         args.flag(6));
  return nullptr;
}

/// (x, values, indices, rows, columns, k)
SCMOE_EXPORT(topK) {
  const int64_t rows = args.i(3), columns = args.i(4), k = args.i(5);
  if (elementType(args, 0) == ElementType::kFloat32)
    topK(args.floats(0), args.floats(1), args.ints(2), rows, columns, k);
  else
    topK(args.ints(0), args.ints(1), args.ints(2), rows, columns, k);
  return nullptr;
}

/// (a, b, out, transposeA, transposeB, m, n, k, walk over the batches)
SCMOE_EXPORT(batchMatMul) {
  batchMatMul(args.flag(3), args.flag(4), args.i(5), args.i(6), args.i(7), args.floats(0), args.floats(1),
              args.floats(2), readWalk<2>(args, 8));
  return nullptr;
}
