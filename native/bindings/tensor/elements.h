#pragma once
#include "bindings/call.h"
#include "cpu/element_type.h"

namespace scmoe {

/// The kernels' name for the type of an array that the signature has let through.
inline ElementType elementType(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array: return ElementType::kFloat32;
    case napi_int32_array: return ElementType::kInt32;
    default: return ElementType::kBool;
  }
}

template <typename Void>
ElementType elementType(const AnyArray<Void>& array) {
  return elementType(array.type);
}

template <typename Void>
int elementBytes(const AnyArray<Void>& array) {
  return elementType(array) == ElementType::kBool ? 1 : 4;
}

/// What a sum of elements of `x` comes as: float32 for float32, else int32.
inline void expectSumType(const Call& call, const AnyArray<const void>& x, const AnyArray<void>& out) {
  const bool isFloat = x.type == napi_float32_array;
  if ((out.type == napi_float32_array) == isFloat) return;
  call.reject("out", isFloat ? "a Float32Array" : "an Int32Array", isFloat ? "an Int32Array" : "a Float32Array");
}

}  // namespace scmoe
