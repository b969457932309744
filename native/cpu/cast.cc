#include "cpu/cast.h"

#include <type_traits>

#include "core/parallel.h"
#include "cpu/js_number.h"

namespace scmoe {

namespace {

template <typename Out, typename In>
Out convert(In x) {
  if constexpr (std::is_same_v<Out, uint8_t>) return x != 0;
  if constexpr (std::is_same_v<Out, int32_t> && std::is_same_v<In, float>) return toInt32(x);
  return static_cast<Out>(x);
}

template <typename In, typename Out>
void run(const void* x, void* out, int64_t count) {
  const In* from = static_cast<const In*>(x);
  Out* to = static_cast<Out*>(out);
  parallelFor(count, 65536, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) to[i] = convert<Out>(from[i]);
  });
}

template <typename In>
void runFrom(const void* x, ElementType to, void* out, int64_t count) {
  switch (to) {
    case ElementType::kFloat32: return run<In, float>(x, out, count);
    case ElementType::kInt32: return run<In, int32_t>(x, out, count);
    case ElementType::kBool: return run<In, uint8_t>(x, out, count);
  }
}

}  // namespace

void cast(ElementType from, const void* x, ElementType to, void* out, int64_t count) {
  switch (from) {
    case ElementType::kFloat32: return runFrom<float>(x, to, out, count);
    case ElementType::kInt32: return runFrom<int32_t>(x, to, out, count);
    case ElementType::kBool: return runFrom<uint8_t>(x, to, out, count);
  }
}

}  // namespace scmoe
