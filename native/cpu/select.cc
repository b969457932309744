#include "cpu/select.h"

#include "core/parallel.h"

namespace scmoe {

namespace {

template <typename T>
void run(const uint8_t* condition, const void* whenTrue, const void* whenFalse, void* out, int64_t count) {
  const T* a = static_cast<const T*>(whenTrue);
  const T* b = static_cast<const T*>(whenFalse);
  T* to = static_cast<T*>(out);
  parallelFor(count, 32768, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T yes = a[i], no = b[i];  // both are loaded, so that the loop has no branch
      to[i] = condition[i] == 1 ? yes : no;
    }
  });
}

}  // namespace

void select(int elementBytes, const uint8_t* condition, const void* whenTrue, const void* whenFalse, void* out,
            int64_t count) {
  if (elementBytes == 1)
    run<uint8_t>(condition, whenTrue, whenFalse, out, count);
  else
    run<uint32_t>(condition, whenTrue, whenFalse, out, count);
}

}  // namespace scmoe
