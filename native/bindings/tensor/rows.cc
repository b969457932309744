#include "signatures/tensor/rows.h"
#include "bindings/tensor/elements.h"
#include "cpu/batch_matmul.h"
#include "cpu/cumulative.h"
#include "cpu/softmax.h"
#include "cpu/top_k.h"

using namespace scmoe;

SCMOE_EXPORT(softmax) {
  softmax(args.x, args.out, args.rows, args.columns);
  return nullptr;
}

SCMOE_EXPORT(cumsum) {
  expectSumType(call, args.x, args.out);
  cumsum(elementType(args.x), args.x.data, args.out.data, args.outer, args.count, args.inner, args.exclusive,
         args.reverse);
  return nullptr;
}

template <typename T>
static void topKOf(const signatures::topK& args) {
  topK(static_cast<const T*>(args.x.data), static_cast<T*>(args.values.data), args.indices, args.rows, args.columns,
       args.k);
}

SCMOE_EXPORT(topK) {
  if (elementType(args.x) == ElementType::kFloat32)
    topKOf<float>(args);
  else
    topKOf<int32_t>(args);
  return nullptr;
}

SCMOE_EXPORT(batchMatMul) {
  batchMatMul(args.transposeA, args.transposeB, args.m, args.n, args.k, args.a, args.b, args.out, args.batches);
  return nullptr;
}
