#include "cpu/cumulative.h"

#include <algorithm>

#include "core/parallel.h"

namespace scmoe {

namespace {

template <typename In, typename Out>
void cumsumRow(const In* x, Out* out, int64_t count, bool exclusive, bool reverse) {
  const int64_t first = reverse ? count - 1 : 0, step = reverse ? -1 : 1;
  Out sum = 0;
  for (int64_t i = 0, at = first; i < count; ++i, at += step) {
    const Out before = sum;
    sum += static_cast<Out>(x[at]);
    out[at] = exclusive ? before : sum;
  }
}

template <typename In, typename Out>
void run(const void* x, void* out, int64_t outer, int64_t count, int64_t inner, bool exclusive, bool reverse) {
  const In* from = static_cast<const In*>(x);
  Out* to = static_cast<Out*>(out);
  parallelFor(outer, 65536 / std::max<int64_t>(1, count * inner) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      if (inner == 1) {
        cumsumRow(from + o * count, to + o * count, count, exclusive, reverse);
        continue;
      }
      const Out* before = nullptr;
      const In* beforeX = nullptr;
      for (int64_t step = 0; step < count; ++step) {
        const int64_t row = o * count + (reverse ? count - 1 - step : step);
        const In* x1 = from + row * inner;
        Out* y1 = to + row * inner;
        // An exclusive sum adds the element before, an inclusive one its own.
        const In* added = exclusive ? beforeX : x1;
        for (int64_t i = 0; i < inner; ++i)
          y1[i] = (before ? before[i] : Out(0)) + (added ? static_cast<Out>(added[i]) : Out(0));
        before = y1;
        beforeX = x1;
      }
    }
  });
}

}  // namespace

void cumsum(ElementType type, const void* x, void* out, int64_t outer, int64_t count, int64_t inner, bool exclusive,
            bool reverse) {
  // Unsigned arithmetic wraps as an Int32Array does.
  switch (type) {
    case ElementType::kFloat32: return run<float, float>(x, out, outer, count, inner, exclusive, reverse);
    case ElementType::kInt32: return run<int32_t, uint32_t>(x, out, outer, count, inner, exclusive, reverse);
    case ElementType::kBool: return run<uint8_t, uint32_t>(x, out, outer, count, inner, exclusive, reverse);
  }
}

}  // namespace scmoe
