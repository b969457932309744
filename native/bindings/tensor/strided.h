#pragma once
#include "bindings/args.h"
#include "cpu/element_type.h"
#include "cpu/strided.h"

namespace scmoe {

/// The type of the typed array that is argument `index`.
inline ElementType elementType(const Args& args, size_t index) {
  switch (args.type(index)) {
    case napi_float32_array: return ElementType::kFloat32;
    case napi_int32_array: return ElementType::kInt32;
    case napi_uint8_array: return ElementType::kBool;
    default: throw Error("expected a Float32Array, an Int32Array or a Uint8Array");
  }
}

/// A walk as TypeScript lays it out in a Float64Array: rank, sizes, then the strides of each operand.
template <int Operands>
Strided<Operands> readWalk(const Args& args, size_t index) {
  Strided<Operands> walk;
  const double* from = static_cast<const double*>(args.data(index));
  walk.rank = static_cast<int>(*from++);
  if (walk.rank > kMaxRank) throw Error("tensors of more than " + std::to_string(kMaxRank) + " dimensions");
  for (int d = 0; d < walk.rank; ++d) walk.size[d] = static_cast<int64_t>(*from++);
  for (int o = 0; o < Operands; ++o)
    for (int d = 0; d < walk.rank; ++d) walk.stride[o][d] = static_cast<int64_t>(*from++);
  return walk;
}

}  // namespace scmoe
