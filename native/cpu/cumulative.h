#pragma once
#include <cstdint>

#include "cpu/element_type.h"

namespace scmoe {

/// Running sum along the middle axis of x (outer, count, inner), float32 -> float32, int32 and bool -> int32.
/// `exclusive`: without the element itself; `reverse`: from the end.
void cumsum(ElementType type, const void* x, void* out, int64_t outer, int64_t count, int64_t inner, bool exclusive,
            bool reverse);

}  // namespace scmoe
